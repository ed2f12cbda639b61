"""An SMSC simulator: accepts any bind, answers submit_sm, returns receipts, prints one JSON object.

python -m benchmarks.smsc --port 2776 --receipts

Its first line is "listening on PORT"; it ends on SIGTERM, SIGINT or after --seconds. One thread around
epoll, a read and a write per session and turn: a small part of what is measured.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import re
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.common import (
    BIND_TRANSMITTER,
    BINDS,
    DELIVER_SM,
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    ESME_RALYBND,
    ESME_RINVBNDSTS,
    ESME_RINVCMDID,
    ESME_RSYSERR,
    ESME_RTHROTTLED,
    GENERIC_NACK,
    HEADER,
    MAXIMUM_PDU,
    RESPONSE,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    UNBIND,
    UNBIND_RESP,
    Peer,
    Stop,
    microseconds_each,
    per_second,
    print_json,
    raise_file_limit,
)

TURN: Final = 0.1
ACCEPTS_PER_TURN: Final = 256
BIND_RESP_BODY: Final = b"smsc\0\x02\x10\0\1\x34"  # The system_id, and sc_interface_version 3.4.
SUBMIT: Final = re.compile(
    rb"[^\0]*\0(..[^\0]*\0)(..([^\0]*)\0)...[^\0]*\0[^\0]*\0(.)...(.)(.{0,20})",
    re.DOTALL,
)
"""A submit_sm's body: both addresses with their TON, NPI and terminating zero, the destination's digits
alone, registered_delivery, sm_length and how the text begins."""
RECEIPT_BODY: Final = b"\0%b%b\4\0\0\0\0\0\0\0\0%c%b\0\x1e\0%c%b\0\4\x27\0\1\2"
"""A receipt's body: esm_class 4, the text, receipted_message_id, and message_state DELIVERED."""
PRINTABLE: Final = bytes(octet if 32 <= octet < 127 else ord(".") for octet in range(256))


class Account:
    """All sessions of one system_id: what they have to deliver, and those that can."""

    __slots__ = ("receivers", "waiting")

    def __init__(self) -> None:
        self.receivers: list[Session] = []
        self.waiting: deque[bytes] = deque()  # Bodies of deliver_sm.


class Session(Peer):
    """One session with a client."""

    __slots__ = ("account", "receives", "sequence", "unanswered")

    def __init__(self, sock: socket.socket, poll: select.epoll) -> None:
        super().__init__(sock, poll)
        self.account: Account | None = None  # None until it is bound.
        self.receives = False
        self.sequence = 0
        self.unanswered: dict[int, bytes] = {}  # The bodies of deliver_sm by sequence number.


class Smsc:
    """The simulator: its listener, its sessions and its counts."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.stop = Stop()
        self.poll = select.epoll()
        self.listener = socket.create_server((options.host, options.port), backlog=4096)
        self.listener.setblocking(False)
        self.poll.register(self.listener, select.EPOLLIN)
        self.sessions: dict[int, Session] = {}
        self.accounts: dict[bytes, Account] = {}
        self.responses: deque[tuple[float, Session, bytes]] = deque()  # Those to be sent later.
        self.receipts: deque[tuple[float, Account, bytes]] = deque()  # Those to be sent later.
        self.receipt_wait: float = options.response_delay + options.receipt_delay
        self.ids = itertools.count(
            int(time.time()) * 1_000_000
        )  # Unique over restarts, up to a million a second.
        self.minute = 0
        self.receipt_text = b""
        self.destinations: set[bytes] = set()
        self.refused_once: set[bytes] = set()
        self.order: list[bytes] = []
        self.first_submit = self.last_submit = 0.0
        self.submits = self.accepted = self.delivered = self.deliver_ok = self.redelivered = 0
        self.deliver_errors: Counter[int] = Counter()
        self.counts: Counter[str] = Counter()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.listener.getsockname()[1])

    # Sessions.

    def accept(self) -> None:
        """Take the connections that wait."""
        for _ in range(ACCEPTS_PER_TURN):
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            session = Session(sock, self.poll)
            self.sessions[session.fd] = session
            self.counts["connections"] += 1

    def bind(self, session: Session, command: int, sequence: int, body: bytes) -> None:
        """Answer a bind."""
        if session.account is not None:
            session.out.append(HEADER.pack(16, command | RESPONSE, ESME_RALYBND, sequence))
            return
        self.counts["binds"] += 1
        session.account = self.accounts.setdefault(body[: body.find(0)], Account())
        session.receives = command != BIND_TRANSMITTER
        if session.receives:
            session.account.receivers.append(session)
        length = 16 + len(BIND_RESP_BODY)
        session.out.append(HEADER.pack(length, command | RESPONSE, 0, sequence) + BIND_RESP_BODY)

    def close(self, session: Session) -> None:
        """End a session; what it was to deliver goes to another one of its account."""
        if session.closed:
            return
        del self.sessions[session.fd]
        session.close()
        account = session.account
        if account is not None and session.receives:
            account.receivers.remove(session)
            self.redelivered += len(session.unanswered)
            account.waiting.extendleft(reversed(session.unanswered.values()))

    # Receiving.

    def received(self, session: Session, data: bytes) -> bool:
        """Read all whole PDUs of `data` and keep the rest; False if they make no sense."""
        now = time.monotonic()
        unpack = HEADER.unpack_from
        submits = self.submits
        answered = at = 0
        end = len(data)
        while end - at >= 16:
            length, command, status, sequence = unpack(data, at)
            stop = at + length
            if stop > end or length < 16:
                if not 16 <= length <= MAXIMUM_PDU:
                    return False
                break
            if command == SUBMIT_SM:
                self.submit(session, data, at, sequence, now)
            elif command == DELIVER_SM_RESP and not status:
                if session.unanswered.pop(sequence, None) is None:
                    self.counts["responses_unknown"] += 1
                else:
                    answered += 1
            else:
                self.other(session, command, status, sequence, data[at + 16 : stop])
            at = stop
        session.rest = data[at:] if at < end else b""
        self.deliver_ok += answered
        if self.submits > submits:
            self.first_submit = self.first_submit or now
            self.last_submit = now
        return True

    def submit(self, session: Session, data: bytes, at: int, sequence: int, now: float) -> None:
        """Answer the submit_sm that begins at data[at], and make its receipt."""
        account, options = session.account, self.options
        match = SUBMIT.match(data, at + 16)
        if account is None or match is None:
            status = ESME_RINVBNDSTS if account is None else ESME_RSYSERR
            session.out.append(HEADER.pack(16, SUBMIT_SM_RESP, status, sequence))
            return
        self.submits += 1
        if options.refuse_once and self.refuses_once(match[3]):
            self.respond(session, HEADER.pack(16, SUBMIT_SM_RESP, options.fail_status, sequence), now)
            return
        if options.fail_every and not self.submits % options.fail_every:
            self.respond(session, HEADER.pack(16, SUBMIT_SM_RESP, options.fail_status, sequence), now)
            return
        source, destination, digits, registered, length, text = match.groups()
        self.accepted += 1
        self.destinations.add(digits)
        if options.order_file:
            self.order.append(digits)
        message_id = b"%d" % next(self.ids)
        response = b"%b%b\0" % (HEADER.pack(17 + len(message_id), SUBMIT_SM_RESP, 0, sequence), message_id)
        self.respond(session, response, now)
        if not options.receipts or registered[0] & 3 != 1:
            return
        if length[0] < 20:
            text = text[: length[0]]
        text = b"id:%b%b%b" % (message_id, self.receipt_text, text.translate(PRINTABLE))
        body = RECEIPT_BODY % (destination, source, len(text), text, len(message_id) + 1, message_id)
        if self.receipt_wait:
            self.receipts.append((now + self.receipt_wait, account, body))
        else:
            account.waiting.append(body)

    def refuses_once(self, digits: bytes) -> bool:
        """Tell whether a destination is one of those refused once, and has not been so far."""
        if int(digits) % self.options.refuse_once or digits in self.refused_once:
            return False
        self.refused_once.add(digits)
        return True

    def respond(self, session: Session, response: bytes, now: float) -> None:
        """Send the answer to a submit_sm, now or after the delay."""
        if self.options.response_delay:
            self.responses.append((now + self.options.response_delay, session, response))
        else:
            session.out.append(response)

    def other(self, session: Session, command: int, status: int, sequence: int, body: bytes) -> None:
        """Deal with a PDU that is neither a submit_sm nor a good deliver_sm_resp."""
        if command in BINDS:
            self.bind(session, command, sequence, body)
        elif command == ENQUIRE_LINK:
            self.counts["enquire_links"] += 1
            session.out.append(HEADER.pack(16, ENQUIRE_LINK_RESP, 0, sequence))
        elif command == UNBIND:
            self.counts["unbinds"] += 1
            session.out.append(HEADER.pack(16, UNBIND_RESP, 0, sequence))
        elif command in (DELIVER_SM_RESP, GENERIC_NACK):
            if session.unanswered.pop(sequence, None) is None:
                self.counts["responses_unknown"] += 1
            else:
                self.deliver_errors[status] += 1
        else:
            self.counts["other_pdus"] += 1
            if not command & RESPONSE:
                session.out.append(HEADER.pack(16, GENERIC_NACK, ESME_RINVCMDID, sequence))

    # Sending.

    def deliver(self, account: Account, first: Session | None = None) -> None:
        """Send what an account has waiting as far as its sessions' windows allow, over `first` first."""
        waiting, window = account.waiting, self.options.window
        for session in [first, *account.receivers] if first else list(account.receivers):
            if not waiting:
                return
            if session.closed:
                continue
            unanswered, out = session.unanswered, session.out
            sequence = session.sequence
            for _ in range(min(window - len(unanswered), len(waiting))):
                body = waiting.popleft()
                sequence += 1
                unanswered[sequence] = body
                out.append(HEADER.pack(16 + len(body), DELIVER_SM, 0, sequence))
                out.append(body)
            self.delivered += sequence - session.sequence
            session.sequence = sequence
            self.flush(session)

    def flush(self, session: Session) -> None:
        """Send what a session has waiting."""
        if not session.closed and not session.flush():
            self.close(session)

    def due(self, now: float) -> None:
        """Send the responses and the receipts that were to wait until now."""
        responses, receipts = self.responses, self.receipts
        sessions: set[Session] = set()
        while responses and responses[0][0] <= now:
            _, session, response = responses.popleft()
            if not session.closed:
                session.out.append(response)
                sessions.add(session)
        for session in sessions:
            self.flush(session)
        accounts: set[Account] = set()
        while receipts and receipts[0][0] <= now:
            _, account, body = receipts.popleft()
            account.waiting.append(body)
            accounts.add(account)
        for account in accounts:
            self.deliver(account)

    def new_minute(self) -> None:
        """Make the part of a receipt's text that holds the dates, once a minute."""
        seconds = time.time()
        if int(seconds // 60) != self.minute:
            self.minute = int(seconds // 60)
            date = time.strftime("%y%m%d%H%M", time.gmtime(seconds))
            text = f" sub:001 dlvr:001 submit date:{date} done date:{date} stat:DELIVRD err:000 text:"
            self.receipt_text = text.encode("ascii")

    # The loop.

    def turn(self, seconds: float) -> None:
        """Wait for events, at most `seconds`, and deal with all that come of them."""
        events = self.poll.poll(seconds)
        self.new_minute()
        for fd, event in events:
            if fd == self.listener.fileno():
                self.accept()
                continue
            session = self.sessions.get(fd)
            if session is None:
                continue
            if event & ~select.EPOLLOUT:
                data = session.read()
                if data is None or not self.received(session, data):
                    self.close(session)
            account = session.account
            if account is not None and account.waiting:
                self.deliver(account, session if session.receives and not session.closed else None)
            self.flush(session)

    def run(self) -> dict[str, Any]:
        """Serve until the end; return the counts."""
        started = now = time.monotonic()
        cpu = time.process_time()
        seconds = self.options.seconds
        while not self.stop and (seconds is None or now - started < seconds):
            next_due = min(queue[0][0] for queue in (self.responses, self.receipts, [(now + TURN,)]) if queue)
            self.turn(max(0.001, next_due - now))
            now = time.monotonic()
            if self.responses or self.receipts:
                self.due(now)
        cpu = time.process_time() - cpu
        submit_seconds = self.last_submit - self.first_submit
        return {
            "connections": self.counts["connections"],
            "binds": self.counts["binds"],
            "unbinds": self.counts["unbinds"],
            "enquire_links": self.counts["enquire_links"],
            "submits": self.submits,
            "accepted": self.accepted,
            "refused": self.submits - self.accepted,
            "destinations": len(self.destinations),
            "repeats": self.accepted - len(self.destinations),
            "submit_s": round(submit_seconds, 3),
            "submits_per_s": per_second(self.submits, submit_seconds),
            "receipts_sent": self.delivered,
            "receipts_ok": self.deliver_ok,
            "receipts_refused": {f"0x{status:08x}": count for status, count in self.deliver_errors.items()},
            "receipts_waiting": len(self.receipts) + sum(len(a.waiting) for a in self.accounts.values()),
            "receipts_unanswered": sum(len(session.unanswered) for session in self.sessions.values()),
            "receipts_redelivered": self.redelivered,
            "responses_unknown": self.counts["responses_unknown"],
            "other_pdus": self.counts["other_pdus"],
            "own_cpu_s": round(cpu, 2),
            "own_cpu_us_per_message": microseconds_each(cpu, self.submits),
        }

    def write_destinations(self, path: str) -> None:
        """Write the distinct destinations of the accepted messages, sorted, a line each."""
        with open(path, "wb") as file:
            file.writelines(destination + b"\n" for destination in sorted(self.destinations))


def number(text: str) -> int:
    """Return a number given in decimal or, with 0x, in hexadecimal."""
    return int(text, 0)


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.smsc", description="SMSC simulator.")
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=2776, help="0: a free one")
    add("--receipts", action="store_true", help="return receipts when registered_delivery asks for them")
    add("--response-delay", type=float, default=0, help="seconds from a submit_sm to its answer")
    add("--receipt-delay", type=float, default=0, help="seconds from an answer to the receipt")
    add("--window", type=int, default=100, help="deliver_sm without an answer, per session")
    add("--fail-every", type=int, default=0, help="refuse one in so many submit_sm")
    add("--fail-status", type=number, default=ESME_RTHROTTLED, help="... with this command_status (0x58)")
    add("--refuse-once", type=int, default=0, help="refuse the first attempt of one in so many destinations")
    add("--seconds", type=float, help="end after so long")
    add("--destinations-file", help="write the distinct destinations of the accepted messages to this file")
    add("--order-file", help="write the destinations of the accepted messages to this file, as they came")
    return parser.parse_args(arguments)


def main() -> int:
    """Run."""
    options = parse()
    raise_file_limit()
    gc.disable()  # Few objects make cycles, and there are many to look through in vain.
    smsc = Smsc(options)
    print(f"listening on {smsc.port}", flush=True)
    result = smsc.run()
    if options.destinations_file:
        smsc.write_destinations(options.destinations_file)
    if options.order_file:
        Path(options.order_file).write_bytes(b"\n".join(smsc.order))
    print_json(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
