"""Clients of a node: an ESME on smpplib, one that only collects receipts, and HTTP."""

from __future__ import annotations

import base64
import http.client
import json
import re
import socket
import ssl
import struct
import threading
from collections import Counter
from typing import Any

import smpplib.client
import smpplib.consts
import smpplib.exceptions

ESME_RSYSERR, ESME_RMSGQFUL, ESME_RTHROTTLED = 0x08, 0x14, 0x58
BIND_RECEIVER, DELIVER_SM, DELIVER_SM_RESP = 0x01, 0x05, 0x80000005
BIND_TRANSMITTER, BIND_TRANSCEIVER, SUBMIT_SM = 0x02, 0x09, 0x04
ENQUIRE_LINK, ENQUIRE_LINK_RESP, UNBIND, UNBIND_RESP = 0x15, 0x80000015, 0x06, 0x80000006
HEADER = struct.Struct(">4I")
RECEIPT = re.compile(rb"id:(\S+) sub:\d+ dlvr:\d+ submit date:\d+ done date:\d+ stat:(\w+) err:")
LIMIT = 10.0
"""Seconds that an answer may take."""


class Esme:
    """A client on smpplib."""

    def __init__(
        self, port: int, mode: str = "transceiver", system_id: str = "demo", password: str = "", **bind: Any
    ) -> None:
        context = bind.pop("tls", None)
        self.client: Any = smpplib.client.Client(
            "127.0.0.1", port, timeout=LIMIT, ssl_context=context, allow_unknown_opt_params=True
        )
        self.waiting: list[Any] = []
        self.client.connect()
        try:
            getattr(self.client, f"bind_{mode}")(system_id=system_id, password=password or system_id, **bind)
        except BaseException:
            self.client.disconnect()
            raise

    def send(self, destination: str, text: bytes = b"Hello", **fields: Any) -> int:
        """Submit a message and return its sequence number."""
        numbers = {"source_addr_ton": 5, "dest_addr_ton": 1, "dest_addr_npi": 1, "registered_delivery": 1}
        pdu = self.client.send_message(
            **numbers
            | {"source_addr": "smsd", "destination_addr": destination, "short_message": text}
            | fields
        )
        return int(pdu.sequence)

    def submit(self, destination: str, text: bytes = b"Hello", **fields: Any) -> str:
        """Submit a message and return its id.

        Raises:
            smpplib.exceptions.PDUError: if it is refused.
        """
        sequence = self.send(destination, text, **fields)
        while True:
            pdu = self.read()
            if pdu.command == "submit_sm_resp" and pdu.sequence == sequence:
                if pdu.status:
                    raise smpplib.exceptions.PDUError("refused", int(pdu.status))
                return str(pdu.message_id.decode())
            self.waiting.append(pdu)

    def receipt(self) -> Any:
        """Return the next receipt, acknowledged."""
        while True:
            pdu = self.waiting.pop(0) if self.waiting else self.read()
            if pdu.command == "deliver_sm":
                return pdu

    def read(self) -> Any:
        """Return the next PDU; a deliver_sm and an enquire_link are answered."""
        pdu = self.client.read_pdu()
        if pdu.command == "deliver_sm":
            self.client.message_received_handler = lambda pdu: None
            self.client._message_received(pdu)
        elif pdu.command == "enquire_link":
            self.client._enquire_link_received(pdu)
        return pdu

    def is_cut(self) -> bool:
        """Wait for the server's unbind or the end of the connection; whether that came."""
        try:
            while True:
                if self.read().command == "unbind":
                    return True
        except smpplib.exceptions.ConnectionError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        """Unbind and disconnect."""
        try:
            self.client.unbind()
        finally:
            self.client.disconnect()


def refusal(port: int, mode: str = "transceiver", **bind: Any) -> int:
    """Return the command_status with which a bind is refused, 0 if it isn't."""
    try:
        esme = Esme(port, mode, **bind)
    except smpplib.exceptions.PDUError as error:
        return int(error.args[1])
    esme.close()
    return 0


class Receiver:
    """Binds as a receiver, again whenever the connection ends, and counts the receipts of each message."""

    def __init__(self, port: int, system_id: str = "demo") -> None:
        self.port = port
        self.system_id = system_id.encode()
        self.receipts: Counter[str] = Counter()
        self.states: Counter[str] = Counter()
        self.binds = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="receiver", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hang up and end."""
        self._stop.set()
        self._thread.join(LIMIT)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=0.1) as sock:
                    self._session(sock)
            except OSError:
                self._stop.wait(0.05)

    def _session(self, sock: socket.socket) -> None:
        sock.sendall(bind_pdu(BIND_RECEIVER, self.system_id))
        held = b""
        while not self._stop.is_set():
            try:
                data = sock.recv(1 << 16)
            except TimeoutError:
                continue
            if not data:
                return
            held += data
            answers = b""
            while len(held) >= 16 and len(held) >= (length := HEADER.unpack_from(held)[0]):
                answers += self._answer(held[:length])
                held = held[length:]
            sock.sendall(answers)

    def _answer(self, pdu: bytes) -> bytes:
        _, command, status, sequence = HEADER.unpack_from(pdu)
        if command == BIND_RECEIVER | 1 << 31:
            self.binds += not status
        elif command == DELIVER_SM:
            match = RECEIPT.search(pdu)
            assert match is not None, pdu
            self.receipts[match[1].decode()] += 1
            self.states[match[2].decode()] += 1
            return HEADER.pack(17, DELIVER_SM_RESP, 0, sequence) + b"\0"
        elif command in (ENQUIRE_LINK, UNBIND):
            return HEADER.pack(16, command | 1 << 31, 0, sequence)
        return b""


def bind_pdu(command: int, name: bytes = b"demo") -> bytes:
    """Return a bind whose password is the name."""
    body = name + b"\0" + name + b"\0" + b"\0\x34\0\0\0"
    return HEADER.pack(16 + len(body), command, 0, 1) + body


def submit_pdu(sequence: int, destination: bytes, text: bytes = b"Hello", registered: int = 1) -> bytes:
    """Return a submit_sm."""
    body = (
        b"\0\5\0smsd\0\1\1" + destination + b"\0\0\0\0\0\0" + bytes((registered, 0, 0, 0, len(text))) + text
    )
    return HEADER.pack(16 + len(body), SUBMIT_SM, 0, sequence) + body


def request(
    port: int,
    method: str,
    path: str,
    body: Any = None,
    user: str = "demo:demo",
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON of an HTTP answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    sent = {"Authorization": "Basic " + base64.b64encode(user.encode()).decode(), **(headers or {})}
    if body is not None:
        sent["Content-Type"] = "application/json"
    try:
        connection.request(method, path, None if body is None else json.dumps(body), sent)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def send(port: int, *destinations: str, text: str = "Hello") -> tuple[int, dict[str, Any]]:
    """Send a text over HTTP."""
    to: Any = destinations if len(destinations) > 1 else destinations[0]
    return request(port, "POST", "/sms/1/text/single", {"from": "smsd", "to": to, "text": text})


def trusting(certificate: str) -> ssl.SSLContext:
    """Return a TLS context that trusts one certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # smpplib names no host.
    context.load_verify_locations(certificate)
    return context
