"""From messages to an operator's submit_sm, and from its answers and receipts to what the services know."""

from __future__ import annotations

from smsd.channels.dialect import PLAIN, Dialect, Errors, Kind, Long, Passed, Validity
from smsd.services.ids import SEQUENCE_BITS
from smsd.services.statuses import (
    DELIVERED_TO_HANDSET,
    EXPIRED_EXPIRED,
    EXPIRED_UNKNOWN,
    MESSAGE_CANCELED,
    NO_ERROR,
    PENDING_WAITING_DELIVERY,
    UNDELIVERABLE_NOT_DELIVERED,
    UNDELIVERABLE_REJECTED_OPERATOR,
    UNKNOWN_ERROR,
    VALIDITY_EXPIRED,
)
from smsd.services.tracking import Outcome
from smsd.smpp import times
from smsd.smpp.pdu import SubmitSm
from smsd.smpp.receipt import ParsedReceipt
from smsd.smpp.tlv import (
    MESSAGE_PAYLOAD,
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
    USER_MESSAGE_REFERENCE,
    MessageState,
    Tlvs,
)
from smsd.sms.segments import parts, split
from smsd.sms.udh import with_length
from smsd.store.messages import Message

ALPHANUMERIC = 5
"""The type of number of a sender in letters (5.2.5)."""
UDHI = 0x40
RECEIPT_WANTED = 1
FIRST_OF_VENDORS = 0x1400
"""The tags from here on are vendors' own (5.3.1); SMPP 3.4's are all below."""
SHORT_MESSAGE = 254
"""How many octets fit short_message; more take message_payload (5.2.21)."""

_STATUSES = {
    MessageState.DELIVERED: DELIVERED_TO_HANDSET,
    MessageState.EXPIRED: EXPIRED_EXPIRED,
    MessageState.DELETED: UNDELIVERABLE_NOT_DELIVERED,
    MessageState.UNDELIVERABLE: UNDELIVERABLE_NOT_DELIVERED,
    MessageState.UNKNOWN: EXPIRED_UNKNOWN,
    MessageState.REJECTED: UNDELIVERABLE_REJECTED_OPERATOR,
    MessageState.ENROUTE: PENDING_WAITING_DELIVERY,
    MessageState.ACCEPTED: PENDING_WAITING_DELIVERY,
}
_DEFAULT_ERRORS = {
    MessageState.EXPIRED: VALIDITY_EXPIRED,
    MessageState.DELETED: MESSAGE_CANCELED,
    MessageState.ENROUTE: NO_ERROR,
    MessageState.ACCEPTED: NO_ERROR,
}


def submit_pdu(
    message: Message, number: int, now: float, dialect: Dialect = PLAIN, reference: int | None = None
) -> SubmitSm:
    """Return the submit_sm of a message's only segment (0), or of one of several (1 to n).

    Number 0 of a message of several segments is all of it, in message_payload. A ``reference`` goes along as
    user_message_reference (5.3.2.17).
    """
    content = message.content
    body, esm_class, tlvs = _user_data(message, number, dialect.long)
    if len(body) > SHORT_MESSAGE or (not number and message.segments > 1):
        tlvs = (*tlvs, (MESSAGE_PAYLOAD, body))
        body = b""
    if content.tlvs:
        tlvs = (*_passed_on(content.tlvs, dialect.tlvs), *tlvs)
    if reference is not None:
        others = tuple(one for one in tlvs if one[0] != USER_MESSAGE_REFERENCE)
        tlvs = (*others, (USER_MESSAGE_REFERENCE, reference.to_bytes(2, "big")))
    source = Kind(content.source_ton, content.source_npi)
    if content.source_ton == ALPHANUMERIC:
        source = dialect.alphanumeric or source
    elif message.source:
        source = dialect.numeric or source
    destination = dialect.destination or Kind(content.destination_ton, content.destination_npi)
    return SubmitSm(
        service_type=content.service_type.encode("latin-1"),
        source_addr_ton=source.ton,
        source_addr_npi=source.npi,
        source_addr=message.source.encode("latin-1"),
        dest_addr_ton=destination.ton,
        dest_addr_npi=destination.npi,
        destination_addr=message.destination.encode("latin-1"),
        esm_class=esm_class,
        protocol_id=content.protocol_id,
        priority_flag=message.priority,
        validity_period=_validity(message.expires_at, now, dialect.validity),
        registered_delivery=RECEIPT_WANTED if dialect.receipts else 0,
        data_coding=dialect.codings.get(content.data_coding, content.data_coding),
        short_message=body,
        tlvs=tlvs,
    )


def _user_data(message: Message, number: int, long: Long) -> tuple[bytes, int, Tlvs]:
    """Return what a submit_sm carries of a message, its esm_class, and the TLVs that number a segment."""
    content = message.content
    body, udh, esm_class = content.body, content.udh, content.esm_class
    if not number and not udh:
        return body, esm_class, ()
    if not number and message.segments > 1:
        return with_length(udh) + body, esm_class | UDHI, ()
    reference = _reference(message.id)
    if number and long == "sar":
        pieces = parts(body, content.data_coding, udh)
        places = ((SAR_MSG_REF_NUM, reference, 2), (SAR_TOTAL_SEGMENTS, len(pieces), 1))
        tlvs = tuple(
            (tag, value.to_bytes(width, "big"))
            for tag, value, width in (*places, (SAR_SEGMENT_SEQNUM, number, 1))
        )
        piece = pieces[number - 1]
        return (with_length(udh) + piece, esm_class | UDHI, tlvs) if udh else (piece, esm_class, tlvs)
    segments = split(body, content.data_coding, udh, reference)
    return segments[max(number, 1) - 1], esm_class | UDHI, ()


def _passed_on(tlvs: Tlvs, passed: Passed) -> Tlvs:
    """Return those of a client's TLVs that the operator gets."""
    if passed == "all":
        return tlvs
    return tuple(one for one in tlvs if passed == "standard" and one[0] < FIRST_OF_VENDORS)


def _validity(expires_at: float, now: float, form: Validity) -> bytes:
    if form == "none":
        return b""
    return times.absolute(expires_at) if form == "absolute" else times.relative(max(1.0, expires_at - now))


def _reference(message_id: int) -> int:
    """Return a concatenation reference that differs from those of the messages just before and after."""
    return ((message_id >> SEQUENCE_BITS) + message_id) & 0xFF


def outcome(receipt: ParsedReceipt, errors: Errors = PLAIN.errors) -> Outcome:
    """Return what a receipt says: a message status and a GSM error code."""
    state = MessageState(receipt.state)
    if state == MessageState.DELIVERED:
        return Outcome(DELIVERED_TO_HANDSET, NO_ERROR)
    error = errors.of_receipt(receipt) or _DEFAULT_ERRORS.get(state, UNKNOWN_ERROR)
    return Outcome(_STATUSES[state], error)
