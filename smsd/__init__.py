"""smsd: a carrier-grade SMPP and HTTP server for SMS."""
