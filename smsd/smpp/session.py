"""One SMPP session without I/O: octets and the time come in, events and octets go out (chapter 2).

The shell around it hands every read to `receive`, calls `tick` about once a second, deals with the events
both return, and writes what `data_to_send` gives. `now` is any clock that only goes forward, in seconds.
"""

from collections.abc import Container
from enum import Enum, auto
from typing import Final

import msgspec

from smsd.smpp.codec import HEADER, MalformedPdu, decode, encode
from smsd.smpp.pdu import (
    INTERFACE_VERSION,
    RESPONSE,
    AlertNotification,
    Bind,
    BindReceiver,
    BindReceiverResp,
    BindResponse,
    BindTransceiver,
    BindTransceiverResp,
    BindTransmitter,
    BindTransmitterResp,
    DataSm,
    DeliverSm,
    EnquireLink,
    EnquireLinkResp,
    GenericNack,
    Outbind,
    Pdu,
    SubmitSm,
    Unbind,
    UnbindResp,
    response,
)
from smsd.smpp.status import (
    ESME_RALYBND,
    ESME_RINVBNDSTS,
    ESME_RINVCMDID,
    ESME_RINVCMDLEN,
    ESME_ROK,
)
from smsd.smpp.tlv import SC_INTERFACE_VERSION


class Role(Enum):
    """Which end of the session we are (2.1)."""

    SMSC = auto()
    ESME = auto()


class State(Enum):
    """Where the session stands (2.2)."""

    OPEN = auto()
    BOUND_TX = auto()
    BOUND_RX = auto()
    BOUND_TRX = auto()
    UNBINDING = auto()
    CLOSED = auto()


class Limits(msgspec.Struct, frozen=True):
    """What a session puts up with. Times are in seconds (7.2)."""

    bind: float = 30.0
    """An end that is not bound by then is given up."""
    enquire: float = 30.0
    """Silence after which we send enquire_link."""
    response: float = 30.0
    """What a response may take, that to enquire_link and unbind too."""
    pdu: int = 65_536 + 4_096
    """Octets of one PDU: the longest message_payload, and room for all else."""
    faults: int = 50
    """PDUs in a row that we cannot read, before we stop believing that the peer speaks SMPP."""


class Answer(msgspec.Struct, frozen=True):
    """The peer answered a request of ours: with its response, or with generic_nack.

    A response that cannot be read comes as a GenericNack too, with the status that describes the damage.
    """

    context: object
    response: Pdu


class Unanswered(msgspec.Struct, frozen=True):
    """A request of ours got no response in time; a later one is ignored."""

    context: object


class Broken(msgspec.Struct, frozen=True):
    """The stream cannot be trusted, or the peer is dead: write what is left and close."""

    reason: str


class Unbound(msgspec.Struct, frozen=True):
    """Both ends agreed to end the session: write what is left and close (4.2)."""


Event = Pdu | Answer | Unanswered | Broken | Unbound
"""A `Pdu` among the events is a request of the peer that waits for `respond`, or for `bind_accepted`."""

_BINDS: Final = frozenset[type[Pdu]]({BindTransmitter, BindReceiver, BindTransceiver})
_ANYTIME: Final = frozenset[type[Pdu]]({EnquireLink})  # When it is open too, as SMPP 5.0 has it.
_BOUND: Final = _ANYTIME | {Unbind}

ALLOWED: Final[dict[Role, dict[State, frozenset[type[Pdu]]]]] = {
    Role.SMSC: {
        State.OPEN: _ANYTIME | _BINDS,
        State.BOUND_TX: _BOUND | {SubmitSm},
        State.BOUND_RX: _BOUND,
        State.BOUND_TRX: _BOUND | {SubmitSm},
        State.UNBINDING: _BOUND,
        State.CLOSED: frozenset(),
    },
    Role.ESME: {
        State.OPEN: _ANYTIME | {Outbind},
        State.BOUND_TX: _BOUND,
        State.BOUND_RX: _BOUND | {DeliverSm, DataSm, AlertNotification},
        State.BOUND_TRX: _BOUND | {DeliverSm, DataSm, AlertNotification},
        State.UNBINDING: _BOUND,
        State.CLOSED: frozenset(),
    },
}
"""The requests that each role takes from its peer in each state (2.3)."""

SUPPORTED: Final[dict[Role, frozenset[int]]] = {
    role: frozenset(pdu.command_id for state in states.values() for pdu in state)
    for role, states in ALLOWED.items()
}
"""The command_ids of requests that each role takes in any state at all; others get ESME_RINVCMDID."""

_BOUND_BY: Final[dict[type[Pdu], tuple[State, type[BindResponse]]]] = {
    BindTransmitter: (State.BOUND_TX, BindTransmitterResp),
    BindReceiver: (State.BOUND_RX, BindReceiverResp),
    BindTransceiver: (State.BOUND_TRX, BindTransceiverResp),
}
_STATE_BY_RESPONSE: Final[dict[type[Pdu], State]] = {answer: state for state, answer in _BOUND_BY.values()}


def following(number: int, taken: Container[int]) -> int:
    """Give the sequence_number after this one that is not taken: 1 to 0x7FFFFFFF, round and round (5.1.4)."""
    number = number % 0x7FFFFFFF + 1
    while number in taken:
        number = number % 0x7FFFFFFF + 1
    return number


class Session:
    """What both ends of one connection know of each other."""

    state: State

    def __init__(self, role: Role, limits: Limits, now: float) -> None:
        """Begin with a connection just made."""
        self.role = role
        self._limits = limits
        self._supported = SUPPORTED[role]
        self._enter(State.OPEN)
        self._opened_at = self._heard_at = now
        self._enquired_at: float | None = None
        self._unbind: tuple[int, float] | None = (
            None  # The sequence_number of our unbind, and when we sent it.
        )
        self._faults = 0
        self._sequence_number = 0
        # By sequence_number, the oldest first: context, command_id of the response, when it is overdue.
        self._outstanding: dict[int, tuple[object, int, float]] = {}
        self._partial = bytearray()  # The beginning of a PDU whose end has not come.
        self._wanted = HEADER.size  # How much of it must be there before it is worth another look.
        self._out: list[bytes] = []

    @property
    def outstanding(self) -> int:
        """How many of our requests wait for their response; enquire_link and unbind do not count."""
        return len(self._outstanding)

    def receive(self, data: bytes, now: float) -> list[Event]:
        """Take in what was read, and tell what is to be done about it."""
        if self._ended:
            return []
        if self._partial:
            self._partial += data
            if len(self._partial) < self._wanted:
                return []
            data = bytes(self._partial)
            self._partial.clear()
        events: list[Event] = []
        at, end = 0, len(data)
        self._wanted = HEADER.size
        while end - at >= HEADER.size:
            length, _, _, number = HEADER.unpack_from(data, at)
            if not HEADER.size <= length <= self._limits.pdu:
                self._send(GenericNack(number, ESME_RINVCMDLEN))
                events.append(self._break(f"A PDU of {length} octets"))
                return events
            if end - at < length:
                self._wanted = length
                break
            self._take(data[at : at + length], events)
            at += length
            if self._ended:
                return events
        if at:
            self._heard_at, self._enquired_at = now, None
        self._partial += data[at:]
        return events

    def tick(self, now: float) -> list[Event]:
        """Notice what did not happen in time; ask a silent peer whether it is there (4.11)."""
        if self._ended:
            return []
        limits = self._limits
        events: list[Event] = [Unanswered(context) for context in self._overdue(now)]
        if self.state is State.OPEN:
            if now - self._opened_at >= limits.bind:
                events.append(self._break(f"No bind within {limits.bind:g} s"))
        elif self._unbind is not None and now - self._unbind[1] >= limits.response:
            events.append(self._break(f"unbind not answered within {limits.response:g} s"))
        elif self._enquired_at is not None:
            if now - self._enquired_at >= limits.response:
                events.append(self._break(f"enquire_link not answered within {limits.response:g} s"))
        elif now - self._heard_at >= limits.enquire:
            self._send(EnquireLink(self._next_number()))
            self._enquired_at = now
        return events

    def bind_accepted(self, request: Bind, system_id: bytes) -> None:
        """Answer a bind with our system_id and bind the session; too late, it does nothing (4.1)."""
        if self.state is State.OPEN:
            state, kind = _BOUND_BY[type(request)]
            version = (SC_INTERFACE_VERSION, bytes([INTERFACE_VERSION]))
            self._send(kind(request.sequence_number, ESME_ROK, system_id, (version,)))
            self._enter(state)

    def bind_refused(self, request: Bind, status: int) -> None:
        """Answer a bind with a command_status; the session stays open and may be closed (4.1)."""
        if self.state is State.OPEN:
            self._send(response(request.command_id, request.sequence_number, status))
            self._enter(State.OPEN)

    def respond(self, response: Pdu) -> None:
        """Answer a request of the peer; the response carries the request's sequence_number (5.1.4).

        Raises:
            ValueError: a field does not fit.
        """
        self._send(response)

    def request(self, pdu: Pdu, context: object, now: float) -> None:
        """Give a request its sequence_number and send it; context comes back with its Answer or Unanswered.

        Raises:
            ValueError: a field does not fit; nothing is sent then, and nothing remembered.
        """
        pdu.sequence_number = number = self._next_number()
        self._send(pdu)
        self._outstanding[number] = (context, pdu.command_id | RESPONSE, now + self._limits.response)

    def unbind(self, now: float) -> None:
        """Ask the peer to end the session (4.2)."""
        if self.state is not State.CLOSED and self._unbind is None:
            number = self._next_number()
            self._send(Unbind(number))
            self._unbind = (number, now)
            self._enter(State.UNBINDING)

    def data_to_send(self) -> bytes:
        """Give what is to be written, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    def abandon(self) -> list[object]:
        """Forget our requests that wait for a response; give their contexts, the oldest first."""
        contexts = [context for context, _, _ in self._outstanding.values()]
        self._outstanding.clear()
        return contexts

    def _enter(self, state: State) -> None:
        self.state = state
        self._ended = state is State.CLOSED
        self._allowed = ALLOWED[self.role][state]

    def _send(self, pdu: Pdu) -> None:
        self._out.append(encode(pdu))

    def _break(self, reason: str) -> Broken:
        self._enter(State.CLOSED)
        return Broken(reason)

    def _next_number(self) -> int:
        self._sequence_number = number = following(self._sequence_number, self._outstanding)
        return number

    def _overdue(self, now: float) -> list[object]:
        """Forget the requests that waited too long; give their contexts, the oldest first."""
        numbers = []
        for number, (_, _, due) in self._outstanding.items():
            if now < due:
                break
            numbers.append(number)
        return [self._outstanding.pop(number)[0] for number in numbers]

    def _take(self, data: bytes, events: list[Event]) -> None:
        """Deal with one whole PDU."""
        try:
            pdu = decode(data)
        except MalformedPdu as malformed:
            self._misread(malformed, events)
            return
        self._faults = 0
        kind = type(pdu)
        if pdu.command_id & RESPONSE:
            self._answered(pdu, events)
        elif kind not in self._allowed:
            self._refuse(pdu)
        elif kind is EnquireLink:
            self._send(EnquireLinkResp(pdu.sequence_number))
        elif kind is Unbind:
            self._send(UnbindResp(pdu.sequence_number))
            self._enter(State.CLOSED)
            events.append(Unbound())
        else:
            if kind in _BINDS:
                self._allowed = _ANYTIME  # Until the shell has answered.
            events.append(pdu)

    def _answered(self, pdu: Pdu, events: list[Event]) -> None:
        """Match a response with our request; one that matches none is ignored."""
        number, kind = pdu.sequence_number, type(pdu)
        entry = self._outstanding.get(number)
        if entry is not None and (pdu.command_id == entry[1] or kind is GenericNack):
            del self._outstanding[number]
            if kind in _STATE_BY_RESPONSE and pdu.command_status == ESME_ROK and self.state is State.OPEN:
                self._enter(_STATE_BY_RESPONSE[kind])
            events.append(Answer(entry[0], pdu))
        elif self._unbind is not None and (
            kind is UnbindResp or (kind is GenericNack and number == self._unbind[0])
        ):
            self._enter(State.CLOSED)
            events.append(Unbound())

    def _refuse(self, request: Pdu) -> None:
        """Answer a request that this role never takes, or not in this state (2.3)."""
        if request.command_id not in self._supported:
            self._send(GenericNack(request.sequence_number, ESME_RINVCMDID))
            return
        again = type(request) in _BINDS and self.state is not State.UNBINDING
        status = ESME_RALYBND if again else ESME_RINVBNDSTS
        self._send(response(request.command_id, request.sequence_number, status))

    def _misread(self, malformed: MalformedPdu, events: list[Event]) -> None:
        """Answer a request that cannot be read, or pass a response that cannot be read on as a refusal.

        A response is never answered, or two ends could do so for ever.
        """
        command_id, number, status = malformed.command_id, malformed.sequence_number, malformed.status
        if command_id & RESPONSE:
            entry = self._outstanding.get(number)
            if entry is not None and entry[1] == command_id:
                del self._outstanding[number]
                events.append(Answer(entry[0], GenericNack(number, status)))
        elif command_id not in self._supported:
            self._send(GenericNack(number, ESME_RINVCMDID))
        else:
            self._send(response(command_id, number, status))
        self._faults += 1
        if self._faults >= self._limits.faults:
            events.append(self._break(f"{self._faults} unreadable PDUs in a row, last: {malformed.reason}"))
