"""From the PDUs of clients to what the services know, and back."""

from __future__ import annotations

from smsd.services.statuses import (
    DELIVERED_GROUP,
    EXPIRED_DLR_UNKNOWN,
    EXPIRED_GROUP,
    EXPIRED_UNKNOWN,
    REJECTED_DESTINATION,
    REJECTED_GROUP,
    REJECTED_INVALID_UDH,
    REJECTED_MESSAGE_TOO_LONG,
    REJECTED_ROUTE_NOT_AVAILABLE,
    REJECTED_SOURCE,
    STATUSES,
    UNDELIVERABLE_GROUP,
    UNDELIVERABLE_REJECTED_OPERATOR,
)
from smsd.services.submission import Request
from smsd.smpp import receipt, status, times, tlv
from smsd.smpp.pdu import DeliverSm, SubmitSm
from smsd.smpp.tlv import MessageState, Tlvs
from smsd.sms.coding import decode
from smsd.sms.udh import Concatenation, InvalidUdh, concatenation, split_udh, without_concatenation
from smsd.store.messages import Content, Message, Report
from smsd.store.settings import Account

UDHI = 0x40
"""The bit of esm_class that says a user data header begins the message (5.2.12)."""
MODE = 0x03
"""The bits of esm_class for the messaging mode."""
STORE_AND_FORWARD = (0, 3)
"""The messaging modes that smsd does: the SMSC's default, and store and forward by name."""
DELIVERY = 0x03
"""The bits of registered_delivery that ask for a receipt (5.2.17)."""

NETWORK_NOT_COVERED = 0x22
"""The platform's command_status for a destination that no route leads to."""

COMMAND_STATUSES = {
    REJECTED_DESTINATION: status.ESME_RINVDSTADR,
    REJECTED_SOURCE: status.ESME_RINVSRCADR,
    REJECTED_ROUTE_NOT_AVAILABLE: NETWORK_NOT_COVERED,
    REJECTED_MESSAGE_TOO_LONG: status.ESME_RINVMSGLEN,
    REJECTED_INVALID_UDH: status.ESME_RINVESMCLASS,
}
"""How SMPP says that a message is refused, by message status."""

_SAR = frozenset({tlv.SAR_MSG_REF_NUM, tlv.SAR_TOTAL_SEGMENTS, tlv.SAR_SEGMENT_SEQNUM})
_GROUP_STATES = {
    DELIVERED_GROUP: MessageState.DELIVERED,
    UNDELIVERABLE_GROUP: MessageState.UNDELIVERABLE,
    EXPIRED_GROUP: MessageState.EXPIRED,
    REJECTED_GROUP: MessageState.REJECTED,
}
STATES = {
    one.id: _GROUP_STATES[one.group_id] for one in STATUSES.values() if one.group_id in _GROUP_STATES
} | {
    UNDELIVERABLE_REJECTED_OPERATOR: MessageState.REJECTED,
    EXPIRED_UNKNOWN: MessageState.UNKNOWN,
    EXPIRED_DLR_UNKNOWN: MessageState.UNKNOWN,
}
"""SMPP's message_state of each final status (5.2.28)."""


DELIVERED = int(MessageState.DELIVERED)


class Unacceptable(Exception):
    """A submit_sm asks for what can't be done; ``status`` is the command_status that says so."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def request(account: Account, pdu: SubmitSm, now: float) -> tuple[Request, Concatenation | None]:
    """Return what a submit_sm asks for and, if it is a part of a longer message, which one.

    Raises:
        Unacceptable: with the command_status to answer.
    """
    body = pdu.short_message
    udh = b""
    place = None
    tlvs = pdu.tlvs
    if tlvs:
        body, tlvs, place = _optional(body, tlvs)
    if pdu.esm_class:
        if pdu.esm_class & MODE not in STORE_AND_FORWARD:
            raise Unacceptable(status.ESME_RINVESMCLASS)
        if pdu.esm_class & UDHI:
            try:
                udh, body = split_udh(body)
                in_header = concatenation(udh)
                if in_header is not None:
                    place, udh = in_header, without_concatenation(udh)
            except InvalidUdh as error:
                raise Unacceptable(status.ESME_RINVESMCLASS) from error
    delivery = pdu.registered_delivery & DELIVERY
    if delivery == DELIVERY:
        raise Unacceptable(status.ESME_RINVREGDLVFLG)
    content = Content(
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.dest_addr_ton,
        pdu.dest_addr_npi,
        pdu.service_type.decode("latin-1"),
        pdu.esm_class & ~UDHI,
        pdu.protocol_id,
        pdu.priority_flag,
        pdu.data_coding,
        pdu.registered_delivery,
        body,
        udh,
        0,
        tlvs,
    )
    asked = Request(
        account,
        pdu.source_addr.decode("latin-1"),
        pdu.destination_addr.decode("latin-1"),
        content,
        Report.RECEIPT if delivery else Report.NONE,
        _time(pdu.schedule_delivery_time, now, status.ESME_RINVSCHED),
        _time(pdu.validity_period, now, status.ESME_RINVEXPIRY),
    )
    return asked, place if place is not None and place.total > 1 else None


def receipt_pdu(account: Account | None, message: Message) -> DeliverSm:
    """Return the deliver_sm that tells an account what became of its message."""
    state = STATES[message.status]
    content = message.content
    standard = account is not None and bool(account.standard_receipts)
    text = b""
    if standard:
        text = decode(content.body[:80], content.data_coding, content.udh)[:20].encode("ascii", "replace")
    told = receipt.Receipt(
        str(message.id),
        message.accepted_at,
        message.done_at or message.accepted_at,
        state,
        message.error,
        message.segments,
        message.segments if state == DELIVERED else 0,
        text,
    )
    tlvs = receipt.to_tlvs(told)
    if content.tlvs:
        tlvs = tuple(one for one in content.tlvs if one[0] == tlv.USER_MESSAGE_REFERENCE) + tlvs
    return DeliverSm(
        0,
        0,
        b"",
        content.destination_ton,
        content.destination_npi,
        message.destination.encode("latin-1"),
        content.source_ton,
        content.source_npi,
        message.source.encode("latin-1"),
        receipt.DELIVERY_RECEIPT,
        short_message=receipt.to_text(told, standard),
        tlvs=tlvs,
    )


def _time(value: bytes, now: float, refusal: int) -> float | None:
    if not value:
        return None
    try:
        time = times.parse(value, now)
    except ValueError as error:
        raise Unacceptable(refusal) from error
    if time is not None and time < now:
        raise Unacceptable(refusal)
    return time


def _optional(body: bytes, tlvs: Tlvs) -> tuple[bytes, Tlvs, Concatenation | None]:
    """Take the text and the numbering of parts out of the optional parameters; the others go along."""
    payload = tlv.find(tlvs, tlv.MESSAGE_PAYLOAD)
    if payload is not None:
        if body:
            raise Unacceptable(status.ESME_ROPTPARNOTALLWD)
        body = payload
    numbers = [
        tlv.integer(tlvs, tag)
        for tag in (tlv.SAR_MSG_REF_NUM, tlv.SAR_TOTAL_SEGMENTS, tlv.SAR_SEGMENT_SEQNUM)
    ]
    place = None
    match numbers:
        case [int(reference), int(total), int(number)]:
            if not 1 <= number <= total:
                raise Unacceptable(status.ESME_RINVOPTPARAMVAL)
            place = Concatenation(reference, total, number, wide=True)
        case [None, None, None]:
            pass
        case _:
            raise Unacceptable(status.ESME_RMISSINGOPTPARAM)
    others = tuple(one for one in tlvs if one[0] != tlv.MESSAGE_PAYLOAD and one[0] not in _SAR)
    return body, others, place
