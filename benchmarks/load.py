"""An SMPP 3.4 load client: binds, submits with a window, collects receipts, prints one JSON object.

python -m benchmarks.load --port 8888 --system-id bench --password secret --binds 4 --window 100 --count 20000

It is one thread around epoll, written to take little of the cores that it shares with the server under
test: submit_sm is a template of which only the sequence number and the digits of the destination change,
all PDUs of a turn go out in one send, and what comes in is read in place.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import re
import select
import socket
import struct
import sys
import time
from array import array
from collections import Counter, deque
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.common import (
    BIND_TRANSCEIVER,
    BIND_TRANSMITTER,
    BINDS,
    DELIVER_SM,
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    ENQUIRE_LINK_RESP,
    ESME_RINVCMDID,
    ESME_RMSGQFUL,
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
    Processes,
    Stop,
    microseconds_each,
    per_second,
    percentiles,
    print_json,
    raise_file_limit,
)

BINDING, BOUND, UNBINDING, CLOSED = range(4)
BINDING_AT_ONCE: Final = 32
BIND_TIMEOUT: Final = 30.0
UNBIND_TIMEOUT: Final = 5.0
PROBE_TIMEOUT: Final = 15.0
TURN: Final = 0.1
TEXT: Final = b"The quick brown fox jumps over the lazy dog 0123456789. "
INTERMEDIATE_STATES: Final = (b"ENROUTE", b"ACCEPTD")

SEQUENCE: Final = struct.Struct(">I")
DELIVER_ACK: Final = struct.Struct(">IIIIx")
"""A deliver_sm_resp: the header and an empty message_id."""

ESM_CLASS: Final = re.compile(rb"[^\0]*\0..[^\0]*\0..[^\0]*\0(.)", re.DOTALL)
"""A deliver_sm's body up to esm_class: service_type and two addresses."""
RECEIPT: Final = re.compile(
    ESM_CLASS.pattern
    + rb"..[^\0]*\0[^\0]*\0...."  # protocol_id, priority_flag; two times; registered_delivery and three more.
    + rb"(?:.|\0\x04\x24..)"  # sm_length, or none and the head of a message_payload.
    + rb"id:([^ ]+) sub:\d+ dlvr:\d+ submit date:\d+ done date:\d+ stat:([A-Z ]+) err:"
    + rb"(?:[^\0]*.*?\0\x1e..\2(\0))?",  # receipted_message_id, if it is there and the same.
    re.DOTALL,
)
"""A delivery receipt: esm_class, the id, the state and whether receipted_message_id agrees."""


class Bind(Peer):
    """One session with the server."""

    __slots__ = ("paused_until", "pending", "probed", "sequence", "started", "state")

    def __init__(self, sock: socket.socket, poll: select.epoll) -> None:
        super().__init__(sock, poll)
        self.state = BINDING
        self.started = time.monotonic()
        self.sequence = 0
        self.pending: dict[int, int] = {}  # The number of the message by its submit_sm's sequence number.
        self.paused_until = 0.0
        self.probed = False

    def request(self, command: int, body: bytes = b"") -> None:
        """Queue a request with the next sequence number."""
        self.sequence += 1
        self.out.append(HEADER.pack(16 + len(body), command, 0, self.sequence) + body)


class Load:
    """A run: the binds, the messages and what became of them.

    A message has a number, from 0: its destination is the prefix and `--start` plus that number.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.poll = select.epoll()
        self.stop = Stop()
        self.processes = Processes(options.pid)
        self.binds: dict[int, Bind] = {}
        self.bound: list[Bind] = []
        self.binding = 0
        self.window: int = options.window
        self.batch = max(1, self.window // 10)
        self.width: int = options.digits - len(options.destination_prefix)
        room = 10**self.width - options.start
        self.limit = room if options.count is None else min(room, options.count)
        self.template = self.submit_template()
        self.submitting = False
        self.turns = itertools.count()
        self.retries: deque[int] = deque()
        self.next_number = 0
        self.sent_at = array("d")  # By message number.
        self.receipts = bytearray()  # How many final receipts came, by message number (at most 255).
        self.ids: dict[bytes, int] = {}  # The message's number by the id that the server gave it.
        self.repeated_ids: list[tuple[bytes, int]] = []
        self.early: Counter[bytes] = Counter()  # Receipts that came before their submit_sm_resp.
        self.latencies = array("d")
        self.receipt_latencies = array("d")
        self.bind_latencies = array("d")
        self.first_submit = self.last_response = self.last_receipt = 0.0
        self.lag = 0.0
        self.submits = self.accepted = self.throttled = self.delivered = 0
        self.statuses: Counter[int] = Counter()
        self.bind_refusals: Counter[int] = Counter()
        self.other_states: Counter[bytes] = Counter()
        self.counts: Counter[str] = Counter()

    def submit_template(self) -> bytes:
        """Return a submit_sm for the % operator, which takes the sequence number's octets and a number."""
        options = self.options
        source: bytes = options.source.encode("ascii")
        text = (TEXT * 5)[: options.length]
        before = b"\0" + (b"\1\1" if source.isdigit() else b"\5\0") + source + b"\0\1\1"
        registered = 1 if options.receipts or options.registered else 0
        # esm_class, protocol_id, priority_flag, two empty times, registered_delivery, replace_if_present,
        # data_coding, sm_default_msg_id, sm_length.
        after = bytes((0, 0, 0, 0, 0, 0, registered, 0, 0, 0, len(text))) + text
        length = 16 + len(before) + options.digits + len(after)
        return b"".join(
            (
                HEADER.pack(length, SUBMIT_SM, 0, 0)[:12].replace(b"%", b"%%"),
                b"%b",
                (before + options.destination_prefix.encode("ascii")).replace(b"%", b"%%"),
                b"%%0%dd" % self.width,
                after.replace(b"%", b"%%"),
            )
        )

    # Binding.

    def connect(self) -> None:
        """Connect and send the bind."""
        options = self.options
        try:
            sock = socket.create_connection((options.host, options.port), timeout=5)
        except OSError:
            self.counts["connect_failed"] += 1
            return
        bind = Bind(sock, self.poll)
        self.binds[bind.fd] = bind
        self.binding += 1
        transceiver = options.receipts or options.idle is not None
        names = (options.system_id, options.password, options.system_type)
        body = b"".join(name.encode("latin-1") + b"\0" for name in names)
        # interface_version, addr_ton, addr_npi, an empty address_range.
        bind.request(BIND_TRANSCEIVER if transceiver else BIND_TRANSMITTER, body + b"\x34\0\0\0")
        self.flush(bind)

    def bind_all(self) -> float:
        """Bind all sessions, some at once; return the seconds that it took."""
        started = now = time.monotonic()
        left: int = self.options.binds
        deadline = started + BIND_TIMEOUT + left * 0.01
        while (left or self.binding) and now < deadline and not self.stop:
            while left and self.binding < BINDING_AT_ONCE:
                left -= 1
                self.connect()
            self.turn(TURN)
            now = time.monotonic()
        return now - started

    def bind_answered(self, bind: Bind, status: int) -> None:
        """Note the answer to a bind."""
        if bind.state == BINDING:
            self.binding -= 1
            if status:
                self.bind_refusals[status] += 1
                bind.state = UNBINDING
                self.close(bind)
            else:
                bind.state = BOUND
                self.bound.append(bind)
                self.bind_latencies.append(time.monotonic() - bind.started)

    def close(self, bind: Bind) -> None:
        """Forget a connection that has ended; its messages without an answer stay in `pending`."""
        if bind.state == CLOSED:
            return
        if bind.state == BINDING:
            self.binding -= 1
        if bind.state != UNBINDING:
            self.counts["lost"] += 1
        if bind in self.bound:
            self.bound.remove(bind)
            self.counts["unanswered"] += len(bind.pending)
        bind.state = CLOSED
        del self.binds[bind.fd]
        bind.close()

    # Submitting.

    def submit(self, bind: Bind, room: int, now: float) -> int:
        """Queue up to `room` messages, those to be tried again first; return how many."""
        numbers: Sequence[int]
        if self.retries:
            numbers = [self.retries.popleft() for _ in range(min(room, len(self.retries)))]
            for number in numbers:
                self.sent_at[number] = now
        else:
            first = self.next_number
            numbers = range(first, min(first + room, self.limit))
            self.next_number += len(numbers)
            self.sent_at.extend(itertools.repeat(now, len(numbers)))
            self.receipts.extend(bytes(len(numbers)))
        count = len(numbers)
        if not count:
            return 0
        sequences = range(bind.sequence + 1, bind.sequence + 1 + count)
        bind.sequence += count
        bind.pending.update(zip(sequences, numbers, strict=True))
        template, start = self.template, self.options.start
        digits = (start + number for number in numbers) if start else numbers
        bind.out += [template % pair for pair in zip(map(SEQUENCE.pack, sequences), digits, strict=True)]
        self.submits += count
        return count

    def refill(self, bind: Bind, now: float) -> None:
        """Fill a bind's window, unless too little of it is free to be worth a system call."""
        room = self.window - len(bind.pending)
        if room >= self.batch and bind.state == BOUND and now >= bind.paused_until:
            self.submit(bind, room, now)

    def pace(self, now: float) -> None:
        """Send what is due by now at the wished rate, each time over the next bind that has room."""
        due = int((now - self.first_submit) * self.options.rate) + 1
        due = min(due, self.limit) - self.next_number + len(self.retries)
        if due <= 0:
            return
        binds = list(self.bound)
        turn = next(self.turns)
        for index in range(len(binds)):
            bind = binds[(turn + index) % len(binds)]
            room = min(due, self.window - len(bind.pending))
            if room > 0 and now >= bind.paused_until:
                due -= self.submit(bind, room, now)
                self.flush(bind)
        if self.next_number < self.limit:
            self.lag = max(self.lag, now - self.first_submit - self.next_number / self.options.rate)

    # Receiving.

    def received(self, bind: Bind, data: bytes) -> bool:
        """Read all whole PDUs of `data` and keep the rest; False if they make no sense."""
        now = time.monotonic()
        pending, ids, early, sent_at = bind.pending, self.ids, self.early, self.sent_at
        note, unpack, ack = self.latencies.append, HEADER.unpack_from, DELIVER_ACK.pack
        send = bind.out.append
        accepted = at = 0
        end = len(data)
        while end - at >= 16:
            length, command, status, sequence = unpack(data, at)
            stop = at + length
            if stop > end or length < 16:
                if not 16 <= length <= MAXIMUM_PDU:
                    return False
                break
            if command == SUBMIT_SM_RESP and not status:
                number = pending.pop(sequence, -1)
                if number < 0:
                    self.counts["responses_unknown"] += 1
                else:
                    accepted += 1
                    note(now - sent_at[number])
                    message_id = data[at + 16 : stop - 1]
                    if ids.setdefault(message_id, number) != number:
                        self.repeated_ids.append((message_id, number))
                    elif early and message_id in early:
                        for _ in range(early.pop(message_id)):
                            self.receipt(number, now)
            elif command == DELIVER_SM:
                self.delivery(data, at, stop, now)
                send(ack(17, DELIVER_SM_RESP, 0, sequence))
            else:
                self.other(bind, command, status, sequence, now)
            at = stop
        bind.rest = data[at:] if at < end else b""
        if accepted:
            self.accepted += accepted
            self.last_response = now
        return True

    def delivery(self, data: bytes, at: int, stop: int, now: float) -> None:
        """Read the deliver_sm that lies in data[at:stop]."""
        match = RECEIPT.match(data, at + 16, stop)
        if match is None:
            match = ESM_CLASS.match(data, at + 16, stop)
            message = match is not None and match[1][0] & 0x3C not in (0x04, 0x20)
            self.counts["mobile_originated" if message else "broken_deliveries"] += 1
            return
        esm_class, message_id, state, tlv = match.groups()
        if tlv is None:
            self.counts["receipted_id_differs"] += 1
        if state == b"DELIVRD" and esm_class == b"\4":
            self.delivered += 1
        else:
            self.other_states[state] += 1
            if esm_class[0] & 0x3C == 0x20 or state in INTERMEDIATE_STATES:
                self.counts["receipts_intermediate"] += 1
                return
        number = self.ids.get(message_id)
        if number is None:
            self.early[message_id] += 1
        else:
            self.receipt(number, now)

    def receipt(self, number: int, now: float) -> None:
        """Note a final receipt of a message."""
        had = self.receipts[number]
        if had:
            self.counts["receipts_duplicate"] += 1
            if had == 255:
                return
        else:
            self.receipt_latencies.append(now - self.sent_at[number])
            self.last_receipt = now
        self.receipts[number] = had + 1

    def other(self, bind: Bind, command: int, status: int, sequence: int, now: float) -> None:
        """Deal with a PDU that is neither a good submit_sm_resp nor a deliver_sm."""
        if command in (SUBMIT_SM_RESP, GENERIC_NACK):
            number = bind.pending.pop(sequence, -1)
            if command == GENERIC_NACK:
                self.counts["generic_nacks"] += 1
            if number < 0:
                self.counts["responses_unknown"] += 1
                return
            self.last_response = now
            self.statuses[status] += 1
            if status in (ESME_RTHROTTLED, ESME_RMSGQFUL):
                self.throttled += 1
                if self.options.retry_throttled is not None:
                    self.retries.append(number)
                    bind.paused_until = now + self.options.retry_throttled
        elif command == ENQUIRE_LINK:
            self.counts["enquire_links_answered"] += 1
            bind.out.append(HEADER.pack(16, ENQUIRE_LINK_RESP, 0, sequence))
        elif command == ENQUIRE_LINK_RESP:
            bind.probed = True
        elif command == UNBIND:
            self.counts["unbound_by_server"] += 1
            bind.out.append(HEADER.pack(16, UNBIND_RESP, 0, sequence))
        elif command == UNBIND_RESP:
            if bind.state == UNBINDING:
                self.close(bind)
        elif command & ~RESPONSE in BINDS and command & RESPONSE:
            self.bind_answered(bind, status)
        else:
            self.counts["other_pdus"] += 1
            if not command & RESPONSE:
                bind.out.append(HEADER.pack(16, GENERIC_NACK, ESME_RINVCMDID, sequence))

    # The loop.

    def flush(self, bind: Bind) -> None:
        """Send what a bind has waiting."""
        if bind.state != CLOSED and not bind.flush():
            self.close(bind)

    def turn(self, seconds: float) -> None:
        """Wait for events, at most `seconds`, and deal with all that come of them."""
        paced = self.submitting and self.options.rate is not None
        if paced:
            now = time.monotonic()
            self.pace(now)
            due = self.first_submit + self.next_number / self.options.rate
            seconds = min(seconds, max(0.001, due - now))
        elif self.retries:
            seconds = min(seconds, 0.005)
        for fd, event in self.poll.poll(seconds):
            if fd not in self.binds:
                continue
            bind = self.binds[fd]
            if event & ~select.EPOLLOUT:
                data = bind.read()
                if data is None or not self.received(bind, data):
                    self.close(bind)
                    continue
            if self.submitting and not paced:
                self.refill(bind, time.monotonic())
            self.flush(bind)
        if self.retries and self.submitting and not paced:
            now = time.monotonic()
            for bind in list(self.bound):
                self.refill(bind, now)
                self.flush(bind)

    def outstanding(self) -> int:
        """Return how many messages wait for their answers."""
        return sum(len(bind.pending) for bind in self.bound)

    def run_load(self) -> None:
        """Submit until the count or the time is reached, then wait for the answers and the receipts."""
        options = self.options
        self.submitting = True
        self.first_submit = progress = now = time.monotonic()
        if options.rate is None:
            for bind in list(self.bound):
                self.refill(bind, now)
                self.flush(bind)
        answered = 0
        while self.bound and now - progress < options.timeout and not self.stop:
            self.turn(TURN)
            now = time.monotonic()
            if options.seconds is not None and now - self.first_submit >= options.seconds:
                self.submitting = False
            if self.next_number >= self.limit and not self.retries:
                self.submitting = False
                if not self.outstanding():
                    break
            elif not self.submitting and not self.outstanding():
                break
            done = self.accepted + self.statuses.total() - self.throttled
            if done != answered or not (self.retries or self.outstanding()):
                answered = done
                progress = now
        self.submitting = False
        if options.receipts:
            deadline = now + options.wait_receipts
            while (
                len(self.receipt_latencies) < self.accepted
                and self.bound
                and now < deadline
                and not self.stop
            ):
                self.turn(TURN)
                now = time.monotonic()

    def run_idle(self, seconds: float) -> int:
        """Hold the binds, then ask each one with an enquire_link; return how many answered."""
        now = time.monotonic()
        deadline = now + seconds
        while self.bound and now < deadline and not self.stop:
            self.turn(min(TURN, deadline - now))
            now = time.monotonic()
        for bind in list(self.bound):
            bind.probed = False
            bind.request(ENQUIRE_LINK)
            self.flush(bind)
        deadline = now + PROBE_TIMEOUT
        while not all(bind.probed for bind in self.bound) and now < deadline:
            self.turn(TURN)
            now = time.monotonic()
        return sum(bind.probed for bind in self.bound)

    def unbind_all(self) -> None:
        """Unbind what is still bound, and wait a little for the answers."""
        self.counts["unanswered"] += self.outstanding()
        for bind in list(self.bound):
            bind.state = UNBINDING
            bind.pending.clear()
            bind.request(UNBIND)
            self.flush(bind)
        now = time.monotonic()
        deadline = now + UNBIND_TIMEOUT
        while self.binds and now < deadline:
            self.turn(TURN)
            now = time.monotonic()

    def run(self) -> dict[str, Any]:
        """Bind, do the work, unbind; return the result."""
        bind_seconds = self.bind_all()
        result: dict[str, Any] = {
            "binds": self.options.binds,
            "bound": len(self.bound),
            "binds_refused": {f"0x{status:08x}": count for status, count in self.bind_refusals.items()},
            "connect_failed": self.counts["connect_failed"],
            "bind_s": round(bind_seconds, 3),
            "bind_latency_ms": percentiles(self.bind_latencies),
        }
        self.processes.sample()
        cpu = time.process_time()
        if self.options.idle is not None:
            result["alive_after_idle"] = self.run_idle(self.options.idle)
        elif self.bound:
            self.run_load()
        cpu = time.process_time() - cpu
        self.processes.sample()  # Before the unbind: the sessions still count.
        result["still_bound"] = len(self.bound)
        self.unbind_all()
        result |= self.messages_result()
        result |= {
            "lost_sessions": self.counts["lost"],
            "unbound_by_server": self.counts["unbound_by_server"],
            "enquire_links_answered": self.counts["enquire_links_answered"],
            "mobile_originated": self.counts["mobile_originated"],
            "other_pdus": self.counts["other_pdus"],
            "processes": self.processes.report(),
            "own_cpu_s": round(cpu, 2),
            "own_cpu_us_per_message": microseconds_each(cpu, self.accepted),
        }
        return result

    def messages_result(self) -> dict[str, Any]:
        """Return what became of the messages."""
        submit_seconds = self.last_response - self.first_submit
        received = len(self.receipt_latencies)
        wanted = self.accepted if self.options.receipts else 0
        return {
            "submitted": self.submits,
            "accepted": self.accepted,
            "throttled": self.throttled,
            "given_up": len(self.retries),
            "errors": {f"0x{status:08x}": count for status, count in sorted(self.statuses.items())},
            "unanswered": self.counts["unanswered"],
            "generic_nacks": self.counts["generic_nacks"],
            "responses_unknown": self.counts["responses_unknown"],
            "ids_duplicate": len(self.repeated_ids),
            "submit_s": round(submit_seconds, 3),
            "accepted_per_s": per_second(self.accepted, submit_seconds),
            "latency_ms": percentiles(self.latencies),
            "pace_lag_ms": round(self.lag * 1000, 3),
            "receipts": received,
            "receipts_missing": max(0, wanted - received),
            "receipts_duplicate": self.counts["receipts_duplicate"],
            "receipts_unknown": self.early.total(),
            "receipts_intermediate": self.counts["receipts_intermediate"],
            "receipts_by_state": {"DELIVRD": self.delivered}
            | {word.decode("latin-1"): count for word, count in self.other_states.items()},
            "receipted_id_differs": self.counts["receipted_id_differs"],
            "broken_deliveries": self.counts["broken_deliveries"],
            "receipts_per_s": per_second(received, self.last_receipt - self.first_submit),
            "receipt_latency_ms": percentiles(self.receipt_latencies),
        }

    def write_accepted(self, path: str) -> None:
        """Write the destination and the id of each accepted message, a line each."""
        options = self.options
        with open(path, "w", encoding="latin-1") as file:
            for message_id, number in itertools.chain(self.ids.items(), self.repeated_ids):
                digits = f"{options.start + number:0{self.width}d}"
                file.write(f"{options.destination_prefix}{digits} {message_id.decode('latin-1')}\n")


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description="SMPP 3.4 load client.")
    add = parser.add_argument
    add("--host", default="127.0.0.1")
    add("--port", type=int, default=8888)
    add("--system-id", default="bench")
    add("--password", default="bench")
    add("--system-type", default="")
    add("--binds", type=int, default=1, help="sessions")
    add("--window", type=int, default=10, help="submit_sm without an answer, per session")
    add("--count", type=int, help="messages in total")
    add("--seconds", type=float, help="how long to submit (with --count: whichever ends first)")
    add("--rate", type=float, help="messages per second over all sessions, evenly paced")
    add("--receipts", action="store_true", help="ask for receipts, bind as transceiver, and wait for them")
    add("--registered", action="store_true", help="ask for receipts, and leave them to other sessions")
    add("--wait-receipts", type=float, default=60, help="seconds to wait for them after the last answer")
    add("--idle", type=float, help="submit nothing: hold the binds so many seconds, then test each")
    retry = "try throttled messages again after a pause of so many seconds (0.1)"
    add("--retry-throttled", type=float, nargs="?", const=0.1, metavar="PAUSE", help=retry)
    add("--timeout", type=float, default=30, help="give up after so many seconds without an answer")
    add("--source", default="38591000000", help="source address")
    add("--destination-prefix", default="38591")
    add("--digits", type=int, default=12, help="digits of a destination, the prefix included")
    add("--start", type=int, default=0, help="the first destination's number after the prefix")
    add("--length", type=int, default=160, help="characters of a message")
    add("--pid", type=int, action="append", default=[], help="report CPU and memory of this process, too")
    add("--accepted-file", help="write the destination and the id of each accepted message to this file")
    options = parser.parse_args(arguments)
    if options.idle is None and options.count is None and options.seconds is None:
        parser.error("give --count, --seconds or --idle")
    if not len(options.destination_prefix) < options.digits <= 20:
        parser.error("--digits must exceed the prefix and be at most 20")
    if not 0 <= options.length <= 254:
        parser.error("--length must be 0 to 254")
    if options.window < 1 or options.binds < 1 or (options.rate is not None and options.rate <= 0):
        parser.error("--window, --binds and --rate must be positive")
    return options


def main() -> int:
    """Run; the exit status tells whether all sessions were bound."""
    options = parse()
    raise_file_limit()
    gc.disable()  # Nothing here makes cycles, and there are many objects to look through in vain.
    load = Load(options)
    result = load.run()
    if options.accepted_file:
        load.write_accepted(options.accepted_file)
    print_json(result)
    return 0 if result["bound"] == options.binds else 1


if __name__ == "__main__":
    sys.exit(main())
