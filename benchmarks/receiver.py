"""Binds as a receiver, acknowledges all it gets, and says how fast: python -m benchmarks.receiver --help."""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import time

HEADER = struct.Struct(">IIII")
BIND_RECEIVER, DELIVER_SM, RESPONSE = 0x01, 0x05, 0x80000000
QUIET = 10.0
"""Seconds without anything after which no more is expected."""


def bind(system_id: bytes, password: bytes) -> bytes:
    """Return a bind_receiver."""
    body = b"%b\0%b\0\0\x34\0\0\0" % (system_id, password)
    return HEADER.pack(HEADER.size + len(body), BIND_RECEIVER, 0, 1) + body


def main() -> int:
    """Run."""
    parser = argparse.ArgumentParser(description="Counts what a bound receiver gets.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--system-id", default="bench")
    parser.add_argument("--password", default="bench")
    parser.add_argument("--count", type=int, required=True, help="end after so many")
    arguments = parser.parse_args()
    connection = socket.create_connection(("127.0.0.1", arguments.port))
    connection.settimeout(QUIET)
    connection.sendall(bind(arguments.system_id.encode(), arguments.password.encode()))
    data, count = b"", 0
    started = ended = time.monotonic()
    while count < arguments.count:
        try:
            came = connection.recv(1 << 18)
        except TimeoutError:
            break
        if not came:
            break
        data += came
        at, answers = 0, []
        while len(data) - at >= HEADER.size:
            length, command, _, number = HEADER.unpack_from(data, at)
            if len(data) - at < length:
                break
            at += length
            if command == DELIVER_SM:
                count += 1
                answers.append(HEADER.pack(17, DELIVER_SM | RESPONSE, 0, number) + b"\0")
            elif not command & RESPONSE:
                answers.append(HEADER.pack(16, command | RESPONSE, 0, number))
        data = data[at:]
        connection.sendall(b"".join(answers))
        ended = time.monotonic()
    seconds = ended - started
    print(json.dumps({"received": count, "seconds": seconds, "per_s": count / seconds if seconds else 0.0}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
