"""A control interface like osmo-hlr's, as lean as may be: python -m benchmarks.hlr_server --help.

Each even number is a subscriber that is served, each odd one is unknown; all answers keep their order.
"""

from __future__ import annotations

import argparse
import socket
import struct
import sys

HEADER = struct.Struct(">HB")
STREAM = 0xEE
RECORD = (
    b"GET_REPLY %b %b \nid\t1\nimsi\t219101100935850\nmsisdn\t385910000000\nnam_cs\t1\nnam_ps\t1\n"
    b"vlr_number\t38591016\nms_purged_cs\t0\nms_purged_ps\t0\nperiodic_lu_timer\t0\n"
    b"periodic_rau_tau_timer\t0\nlmsi\t00000000\n"
)
MISSING = b"ERROR %b No such subscriber."


def answer(request: bytes) -> bytes:
    """Return the frame that answers a request."""
    _, number, variable = request[1:].split(b" ", 2)
    served = variable[-6:-5] in b"02468"  # The digit before ".info".
    text = b"\0" + (RECORD % (number, variable) if served else MISSING % number)
    return HEADER.pack(len(text), STREAM) + text


def main() -> int:
    """Answer one connection until it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=4259)
    arguments = parser.parse_args()
    with socket.create_server(("127.0.0.1", arguments.port)) as server:
        print("ready", flush=True)
        connection, _ = server.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    rest = b""
    while data := connection.recv(1 << 18):
        data = rest + data
        at, answers = 0, []
        while len(data) - at >= HEADER.size:
            length, _ = HEADER.unpack_from(data, at)
            end = at + HEADER.size + length
            if end > len(data):
                break
            answers.append(answer(data[at + HEADER.size : end]))
            at = end
        rest = data[at:]
        connection.sendall(b"".join(answers))
    return 0


if __name__ == "__main__":
    sys.exit(main())
