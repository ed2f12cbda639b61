"""A bare Twisted server: the limit to compare a server on Twisted with.

python -m benchmarks.bare_server --port 2777

It decodes nothing but the header, answers a bind and a submit_sm with a fresh id, and stores nothing.
Its first line is "listening on PORT"; on SIGTERM, SIGINT or after --seconds it prints one JSON object.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Sequence
from typing import Any, Final

from twisted.internet import reactor as _reactor
from twisted.internet.protocol import Factory, Protocol

from benchmarks.common import (
    BINDS,
    ENQUIRE_LINK,
    ESME_RINVCMDID,
    GENERIC_NACK,
    HEADER,
    RESPONSE,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    UNBIND,
    microseconds_each,
    print_json,
)

reactor: Any = _reactor  # Its module stands for whichever reactor was chosen.
BIND_RESP_BODY: Final = b"bare\0\x02\x10\0\1\x34"  # The system_id, and sc_interface_version 3.4.


class Bare(Protocol):
    """A session."""

    ids = itertools.count(int(time.time()) * 1_000_000)

    def __init__(self) -> None:
        self.rest = b""

    def connectionMade(self) -> None:
        """Have answers sent at once."""
        transport: Any = self.transport
        transport.setTcpNoDelay(True)

    def dataReceived(self, data: bytes) -> None:
        """Answer all whole PDUs, in one write."""
        transport: Any = self.transport
        data = self.rest + data if self.rest else data
        out: list[bytes] = []
        at = 0
        end = len(data)
        while end - at >= 16:
            length, command, _, sequence = HEADER.unpack_from(data, at)
            if length < 16:
                transport.abortConnection()
                return
            if at + length > end:
                break
            if command == SUBMIT_SM:
                message_id = b"%d\0" % next(self.ids)
                out.append(HEADER.pack(16 + len(message_id), SUBMIT_SM_RESP, 0, sequence))
                out.append(message_id)
            elif command in BINDS:
                out.append(HEADER.pack(16 + len(BIND_RESP_BODY), command | RESPONSE, 0, sequence))
                out.append(BIND_RESP_BODY)
            elif not command & RESPONSE:
                known = command in (ENQUIRE_LINK, UNBIND)
                answer = command | RESPONSE if known else GENERIC_NACK
                out.append(HEADER.pack(16, answer, 0 if known else ESME_RINVCMDID, sequence))
            at += length
        self.rest = data[at:]
        if out:
            transport.write(b"".join(out))


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bare_server", description="Bare Twisted server."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=2777, help="0: a free one")
    parser.add_argument("--seconds", type=float, help="end after so long")
    return parser.parse_args(arguments)


def main() -> int:
    """Run."""
    options = parse()
    port = reactor.listenTCP(options.port, Factory.forProtocol(Bare), backlog=4096, interface=options.host)
    print(f"listening on {port.getHost().port}", flush=True)
    if options.seconds is not None:
        reactor.callLater(options.seconds, reactor.stop)
    first = next(Bare.ids)
    cpu = time.process_time()
    reactor.run()
    cpu = time.process_time() - cpu
    submits = next(Bare.ids) - first - 1
    print_json(
        {
            "submits": submits,
            "own_cpu_s": round(cpu, 2),
            "own_cpu_us_per_message": microseconds_each(cpu, submits),
        }
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
