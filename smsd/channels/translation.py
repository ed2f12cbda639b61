"""From messages to an operator's submit_sm, and from its answers and receipts to what the services know."""

from __future__ import annotations

from smsd.services.ids import SEQUENCE_BITS
from smsd.services.statuses import (
    DELIVERED_TO_HANDSET,
    EXPIRED_EXPIRED,
    EXPIRED_UNKNOWN,
    GSM_ERRORS,
    MESSAGE_CANCELED,
    NO_ERROR,
    PENDING_WAITING_DELIVERY,
    SYSTEM_FAILURE,
    UNDELIVERABLE_NOT_DELIVERED,
    UNDELIVERABLE_REJECTED_OPERATOR,
    UNKNOWN_ERROR,
    UNKNOWN_SUBSCRIBER,
    VALIDITY_EXPIRED,
)
from smsd.services.tracking import Outcome
from smsd.smpp import status, times
from smsd.smpp.pdu import SubmitSm
from smsd.smpp.receipt import ParsedReceipt
from smsd.smpp.tlv import MESSAGE_PAYLOAD, MessageState
from smsd.sms.segments import split
from smsd.store.messages import Message

UDHI = 0x40
RECEIPT_WANTED = 1
FIRST_OF_VENDORS = 0x1400
"""The tags from here on are vendors' own (5.3.1); SMPP 3.4's are all below."""
SHORT_MESSAGE = 254
"""How many octets fit short_message; more take message_payload (5.2.21)."""

TEMPORARY = frozenset({status.ESME_RSYSERR, status.ESME_RX_T_APPN, status.ESME_RSUBMITFAIL})
"""An operator's refusals after which another attempt, later, may succeed."""
ERRORS = {
    status.ESME_RINVDSTADR: UNKNOWN_SUBSCRIBER,
    status.ESME_RSYSERR: SYSTEM_FAILURE,
    status.ESME_RX_T_APPN: SYSTEM_FAILURE,
}
"""The GSM error that a refusal amounts to; others are unknown errors."""

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
_GSM_NETWORK = 3


def submit_pdu(message: Message, number: int, now: float, passed_on: str = "all") -> SubmitSm:
    """Return the submit_sm of a message's only segment (0), or of one of several (1 to n).

    Of the client's TLVs ``all`` are passed on, the ``standard`` ones, or ``none``.
    """
    content = message.content
    esm_class = content.esm_class
    if number or content.udh:
        segments = split(content.body, content.data_coding, content.udh, _reference(message.id))
        body = segments[max(number, 1) - 1]
        esm_class |= UDHI
    else:
        body = content.body
    tlvs = content.tlvs
    if tlvs and passed_on != "all":
        tlvs = tuple(one for one in tlvs if passed_on == "standard" and one[0] < FIRST_OF_VENDORS)
    if len(body) > SHORT_MESSAGE:
        tlvs = (*tlvs, (MESSAGE_PAYLOAD, body))
        body = b""
    return SubmitSm(
        service_type=content.service_type.encode("latin-1"),
        source_addr_ton=content.source_ton,
        source_addr_npi=content.source_npi,
        source_addr=message.source.encode("latin-1"),
        dest_addr_ton=content.destination_ton,
        dest_addr_npi=content.destination_npi,
        destination_addr=message.destination.encode("latin-1"),
        esm_class=esm_class,
        protocol_id=content.protocol_id,
        priority_flag=message.priority,
        validity_period=times.relative(max(1.0, message.expires_at - now)),
        registered_delivery=RECEIPT_WANTED,
        data_coding=content.data_coding,
        short_message=body,
        tlvs=tlvs,
    )


def _reference(message_id: int) -> int:
    """Return a concatenation reference that differs from those of the messages just before and after."""
    return ((message_id >> SEQUENCE_BITS) + message_id) & 0xFF


def refusal(command_status: int) -> tuple[bool, int]:
    """Return whether a refusal is only for the time being, and the GSM error it amounts to."""
    return command_status in TEMPORARY, ERRORS.get(command_status, UNKNOWN_ERROR)


def outcome(receipt: ParsedReceipt) -> Outcome:
    """Return what a receipt says: a message status and a GSM error code."""
    state = MessageState(receipt.state)
    if state == MessageState.DELIVERED:
        return Outcome(DELIVERED_TO_HANDSET, NO_ERROR)
    return Outcome(_STATUSES[state], _error(receipt) or _DEFAULT_ERRORS.get(state, UNKNOWN_ERROR))


def _error(receipt: ParsedReceipt) -> int:
    """Return the receipt's GSM error code, 0 if it has none that is known."""
    network = receipt.network_error
    if network is not None and len(network) == 3 and network[0] == _GSM_NETWORK:
        code = int.from_bytes(network[1:], "big")
        if code in GSM_ERRORS:
            return code
    if receipt.error.isascii() and receipt.error.isdigit() and int(receipt.error) in GSM_ERRORS:
        return int(receipt.error)
    return NO_ERROR
