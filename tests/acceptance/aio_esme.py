"""A client written with aiosmpplib: sends what it is told to, and prints what it hears, as JSON lines.

python aio_esme.py PORT SYSTEM_TYPE COUNT: reads messages as JSON lines, and ends after COUNT answers and as
many receipts.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from datetime import timedelta
from typing import Any

from aiosmpplib import ESME, PhoneNumber, SubmitSm
from aiosmpplib.hook import AbstractHook
from aiosmpplib.protocol import DeliverSm, SubmitSmResp
from aiosmpplib.state import NPI, TON


class Printer(AbstractHook):
    """Prints answers and receipts."""

    def __init__(self, expected: int) -> None:
        self.expected = expected
        self.done = asyncio.Event()

    async def sending(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        """Let it go."""

    async def received(self, smpp_message: Any, pdu: bytes, client_id: str) -> None:
        """Print what is worth it."""
        if isinstance(smpp_message, SubmitSmResp):
            self._print({"status": int(smpp_message.command_status), "id": smpp_message.message_id})
        elif isinstance(smpp_message, DeliverSm) and smpp_message.is_receipt():
            self._print({"receipt": smpp_message.parse_receipt()})

    async def send_error(self, smpp_message: Any, error: Exception, client_id: str) -> None:
        """Print what went wrong."""
        print(json.dumps({"error": repr(error)}), flush=True)

    def _print(self, heard: dict[str, Any]) -> None:
        print(json.dumps(heard, default=str), flush=True)
        self.expected -= 1
        if not self.expected:
            self.done.set()


async def run(port: int, system_type: str, count: int) -> None:
    """Send what stands on standard input, and wait for what it leads to."""
    hook = Printer(count)
    esme = ESME(
        "127.0.0.1", port, "demo", "demo", system_type=system_type, hook=hook, log_level=logging.CRITICAL
    )
    running = asyncio.create_task(esme.start())
    for line in sys.stdin:
        fields = json.loads(line)
        if "validity" in fields:
            fields["validity_period"] = timedelta(seconds=fields.pop("validity"))
        message = SubmitSm(
            source=PhoneNumber("smsd", TON.ALPHANUMERIC, NPI.UNKNOWN),
            destination=PhoneNumber(fields.pop("to"), TON.INTERNATIONAL, NPI.ISDN),
            **fields,
        )
        await esme.broker.enqueue(message)
    await asyncio.wait_for(hook.done.wait(), 30)
    await esme.stop()
    await running


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
