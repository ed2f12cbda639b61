"""Makes ``twistd smsd`` known to Twisted; everything else is in :mod:`smsd.tap`."""

from twisted.application.service import ServiceMaker

smsd = ServiceMaker("smsd", "smsd.tap", "An SMPP and HTTP server for SMS.", "smsd")
