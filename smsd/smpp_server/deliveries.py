"""The deliver_sm of whatever goes to a client: receipts, notifications, messages and answers to lookups."""

from __future__ import annotations

from smsd.services.reports import Notice
from smsd.services.statuses import (
    DELIVERED_GROUP,
    EXPIRED_DLR_UNKNOWN,
    EXPIRED_GROUP,
    EXPIRED_UNKNOWN,
    REJECTED_GROUP,
    STATUSES,
    UNDELIVERABLE_GROUP,
    UNDELIVERABLE_REJECTED_OPERATOR,
)
from smsd.smpp import receipt, tlv
from smsd.smpp.pdu import DeliverSm
from smsd.smpp.tlv import MessageState
from smsd.smpp_server.number_context import context_pdu
from smsd.sms.coding import decode
from smsd.store.lookups import Lookup
from smsd.store.messages import Message
from smsd.store.received import Received
from smsd.store.settings import Account

FEATURES = 0xC0
"""The bits of esm_class for UDHI and the reply path."""
SME_ACKNOWLEDGEMENT = 0x0C
"""The bits of registered_delivery that ask the receiving end for an acknowledgement (5.2.17)."""
OF_RECEIPTS = frozenset({tlv.RECEIPTED_MESSAGE_ID, tlv.MESSAGE_STATE, tlv.NETWORK_ERROR_CODE})
"""The parameters that make a deliver_sm a receipt."""
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


DELIVERED, ENROUTE = int(MessageState.DELIVERED), int(MessageState.ENROUTE)


def delivery_pdu(account: Account | None, item: object) -> DeliverSm:
    """Return the deliver_sm of whatever goes to an account's sessions."""
    match item:
        case Message():
            return receipt_pdu(account, item, STATES[item.status], item.error, item.done_at)
        case Notice(message=message, error=error, at=at):
            return receipt_pdu(account, message, MessageState.ENROUTE, error, at)
        case Received():
            return received_pdu(item)
        case Lookup():
            return context_pdu(account, item)
    raise TypeError(f"{item!r} can't be delivered")


def receipt_pdu(
    account: Account | None, message: Message, state: int, error: int, done_at: float | None
) -> DeliverSm:
    """Return the deliver_sm that tells an account in what state its message is."""
    content = message.content
    standard = account is not None and bool(account.standard_receipts)
    text = b""
    if standard:
        text = decode(content.body[:80], content.data_coding, content.udh)[:20].encode("ascii", "replace")
    told = receipt.Receipt(
        str(message.id),
        message.accepted_at,
        done_at or message.accepted_at,
        state,
        error,
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
        receipt.INTERMEDIATE_NOTIFICATION if state == ENROUTE else receipt.DELIVERY_RECEIPT,
        short_message=receipt.to_text(told, standard),
        tlvs=tlvs,
    )


def received_pdu(received: Received) -> DeliverSm:
    """Return the deliver_sm of what a subscriber has sent, as it came from the operator."""
    original = received.original
    tlvs = tuple(one for one in original.tlvs if one[0] not in OF_RECEIPTS)
    if original.payload is not None:
        tlvs += ((tlv.MESSAGE_PAYLOAD, original.payload),)
    return DeliverSm(
        0,
        0,
        original.service_type.encode("latin-1"),
        original.source_ton,
        original.source_npi,
        original.source.encode("latin-1"),
        original.destination_ton,
        original.destination_npi,
        original.destination.encode("latin-1"),
        original.esm_class & FEATURES,
        original.protocol_id,
        original.priority,
        registered_delivery=original.registered_delivery & SME_ACKNOWLEDGEMENT,
        data_coding=original.data_coding,
        short_message=original.short_message,
        tlvs=tlvs,
    )
