"""From the PDUs of clients to what the services know, and back."""

from __future__ import annotations

from functools import lru_cache

from smsd.numbering.addresses import is_numeric, national
from smsd.services.reports import Notice
from smsd.services.statuses import (
    DELIVERED_GROUP,
    EXPIRED_DLR_UNKNOWN,
    EXPIRED_GROUP,
    EXPIRED_UNKNOWN,
    REJECTED_DESTINATION,
    REJECTED_GROUP,
    REJECTED_INVALID_UDH,
    REJECTED_MESSAGE_TOO_LONG,
    REJECTED_NOT_ENOUGH_CREDITS,
    REJECTED_ROUTE_NOT_AVAILABLE,
    REJECTED_SOURCE,
    REJECTED_SYSTEM_ERROR,
    STATUSES,
    UNDELIVERABLE_GROUP,
    UNDELIVERABLE_REJECTED_OPERATOR,
)
from smsd.services.submission import Request
from smsd.smpp import receipt, status, times, tlv
from smsd.smpp.pdu import DeliverSm, SubmitSm
from smsd.smpp.tlv import MessageState, Tlvs
from smsd.smpp_server.binding import Service
from smsd.sms.coding import Alphabet, Encoded, decode, recode, with_class
from smsd.sms.segments import TooLong, count
from smsd.sms.udh import Concatenation, InvalidUdh, concatenation, split_udh, without_concatenation
from smsd.store.messages import Content, Message, Report
from smsd.store.received import Received
from smsd.store.settings import Account

UDHI = 0x40
"""The bit of esm_class that says a user data header begins the message (5.2.12)."""
MODE = 0x03
"""The bits of esm_class for the messaging mode."""
STORE_AND_FORWARD = (0, 3)
"""The messaging modes that smsd does: the SMSC's default, and store and forward by name."""
MESSAGE_TYPES = frozenset({0x00, 0x08, 0x10})
"""What an ESME may submit: a message, or the acknowledgement that a subscriber asked for (5.2.12)."""
MESSAGE_TYPE = 0x3C
FEATURES = 0xC0
"""The bits of esm_class for UDHI and the reply path."""
DELIVERY = 0x03
"""The bits of registered_delivery that ask for a receipt (5.2.17)."""
SME_ACKNOWLEDGEMENT = 0x0C
"""The bits of registered_delivery that ask the receiving end for an acknowledgement (5.2.17)."""
OF_RECEIPTS = frozenset({tlv.RECEIPTED_MESSAGE_ID, tlv.MESSAGE_STATE, tlv.NETWORK_ERROR_CODE})
"""The parameters that make a deliver_sm a receipt."""
HIGHEST_PRIORITY = 3
NATIONAL, ALPHANUMERIC, MOST_TON = 2, 5, 6
INTERNATIONAL = ISDN = 1
NPIS = frozenset({0, 1, 3, 4, 6, 8, 9, 10, 14, 18})
"""The numbering plans that SMPP knows (5.2.6)."""
LENGTHS = {
    tlv.DEST_ADDR_SUBUNIT: (1, 1),
    tlv.DEST_NETWORK_TYPE: (1, 1),
    tlv.DEST_BEARER_TYPE: (1, 1),
    tlv.DEST_TELEMATICS_ID: (2, 2),
    tlv.SOURCE_ADDR_SUBUNIT: (1, 1),
    tlv.SOURCE_NETWORK_TYPE: (1, 1),
    tlv.SOURCE_BEARER_TYPE: (1, 1),
    tlv.SOURCE_TELEMATICS_ID: (1, 2),
    tlv.QOS_TIME_TO_LIVE: (4, 4),
    tlv.PAYLOAD_TYPE: (1, 1),
    tlv.MS_MSG_WAIT_FACILITIES: (1, 1),
    tlv.PRIVACY_INDICATOR: (1, 1),
    tlv.SOURCE_SUBADDRESS: (2, 23),
    tlv.DEST_SUBADDRESS: (2, 23),
    tlv.USER_MESSAGE_REFERENCE: (2, 2),
    tlv.USER_RESPONSE_CODE: (1, 1),
    tlv.SOURCE_PORT: (2, 2),
    tlv.DESTINATION_PORT: (2, 2),
    tlv.SAR_MSG_REF_NUM: (1, 4),
    tlv.LANGUAGE_INDICATOR: (1, 1),
    tlv.SAR_TOTAL_SEGMENTS: (1, 4),
    tlv.SAR_SEGMENT_SEQNUM: (1, 4),
    tlv.CALLBACK_NUM_PRES_IND: (1, 1),
    tlv.CALLBACK_NUM_ATAG: (1, 65),
    tlv.NUMBER_OF_MESSAGES: (1, 1),
    tlv.CALLBACK_NUM: (4, 19),
    tlv.MORE_MESSAGES_TO_SEND: (0, 1),
    tlv.USSD_SERVICE_OP: (1, 1),
    tlv.DISPLAY_TIME: (1, 1),
    tlv.SMS_SIGNAL: (2, 2),
    tlv.MS_VALIDITY: (1, 1),
    tlv.ALERT_ON_MESSAGE_DELIVERY: (0, 1),
    tlv.ITS_REPLY_TYPE: (1, 1),
    tlv.ITS_SESSION_INFO: (2, 2),
}
"""How long the optional parameters of a submit_sm are, at least and at most (5.3.2)."""
NOT_SUBMITTED = frozenset(
    {
        tlv.ADDITIONAL_STATUS_INFO_TEXT,
        tlv.RECEIPTED_MESSAGE_ID,
        tlv.SC_INTERFACE_VERSION,
        tlv.DPF_RESULT,
        tlv.MS_AVAILABILITY_STATUS,
        tlv.NETWORK_ERROR_CODE,
        tlv.DELIVERY_FAILURE_REASON,
        tlv.MESSAGE_STATE,
    }
)
"""Parameters that belong to other PDUs: they say nothing here, and go nowhere."""

NETWORK_NOT_COVERED = 0x22
"""The platform's command_status for a destination that no route leads to."""
NOT_ENOUGH_CREDIT = 0xFF
"""The platform's command_status for an account whose credit does not cover the message."""
CHANNEL_DISABLED = 0x4A1
"""The platform's command_status for a destination whose channel the operator has disabled."""

COMMAND_STATUSES = {
    REJECTED_DESTINATION: status.ESME_RINVDSTADR,
    REJECTED_SOURCE: status.ESME_RINVSRCADR,
    REJECTED_ROUTE_NOT_AVAILABLE: NETWORK_NOT_COVERED,
    REJECTED_MESSAGE_TOO_LONG: status.ESME_RINVMSGLEN,
    REJECTED_INVALID_UDH: status.ESME_RINVESMCLASS,
    REJECTED_SYSTEM_ERROR: CHANNEL_DISABLED,
    REJECTED_NOT_ENOUGH_CREDITS: NOT_ENOUGH_CREDIT,
}
"""How SMPP says that a message is refused, by message status."""

_TAKEN_OUT = NOT_SUBMITTED | {
    tlv.MESSAGE_PAYLOAD,
    tlv.SAR_MSG_REF_NUM,
    tlv.SAR_TOTAL_SEGMENTS,
    tlv.SAR_SEGMENT_SEQNUM,
}
_ANY_LENGTH = (0, 0xFFFF)
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
FLASH_ALPHABETS = frozenset({Alphabet.GSM7, Alphabet.UCS2})
"""What a message class can be said of (TS 23.038, clause 4)."""
FLASH_CLASS = 0


class Unacceptable(Exception):
    """A submit_sm asks for what can't be done; ``status`` is the command_status that says so."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def request(
    account: Account, service: Service, pdu: SubmitSm, now: float, origin: object
) -> tuple[Request, Concatenation | None]:
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
        if pdu.esm_class & MODE not in STORE_AND_FORWARD or pdu.esm_class & MESSAGE_TYPE not in MESSAGE_TYPES:
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
    if pdu.priority_flag > HIGHEST_PRIORITY:
        raise Unacceptable(status.ESME_RINVPRTFLG)
    if pdu.replace_if_present_flag:
        raise Unacceptable(status.ESME_RINVREPFLAG)
    if pdu.sm_default_msg_id:
        raise Unacceptable(status.ESME_RINVDFTMSGID)
    source = pdu.source_addr.decode("latin-1")
    source_ton, source_npi = _source_type(source, pdu.source_addr_ton, pdu.source_addr_npi)
    content = Content(
        source_ton,
        source_npi,
        INTERNATIONAL,
        ISDN,
        pdu.service_type.decode("latin-1"),
        pdu.esm_class & ~UDHI,
        pdu.protocol_id,
        pdu.data_coding,
        pdu.registered_delivery,
        body,
        udh,
        0,
        tlvs,
    )
    if place is not None and place.total == 1:
        place = None
    if service.flash:
        _make_flash(content, place)
    asked = Request(
        account,
        source,
        _destination(pdu, account),
        content,
        Report.RECEIPT if delivery else Report.NONE,
        _time(pdu.schedule_delivery_time, now, status.ESME_RINVSCHED),
        _time(pdu.validity_period, now, status.ESME_RINVEXPIRY),
        None,
        pdu.priority_flag,
        service.route_code,
        origin,
    )
    return asked, place


def _destination(pdu: SubmitSm, account: Account) -> str:
    """Return a destination in the form that it has in E.164, if it has one."""
    if pdu.dest_addr_npi not in NPIS:
        raise Unacceptable(status.ESME_RINVDSTNPI)
    address = pdu.destination_addr.decode("latin-1")
    ton = pdu.dest_addr_ton
    if ton > 1:
        if ton == ALPHANUMERIC or ton > MOST_TON:
            raise Unacceptable(status.ESME_RINVDSTTON)
        if ton == NATIONAL and account.country:
            return national(address, account.country)
    return address


@lru_cache(4096)
def _source_type(address: str, ton: int, npi: int) -> tuple[int, int]:
    """Return the TON and NPI of a sender: what it looks like counts more than what the client says."""
    if ton > MOST_TON:
        raise Unacceptable(status.ESME_RINVSRCTON)
    if npi not in NPIS:
        raise Unacceptable(status.ESME_RINVSRCNPI)
    if address and not is_numeric(address):
        return ALPHANUMERIC, 0
    return (INTERNATIONAL, ISDN) if address.startswith("+") else (ton, npi)


def _make_flash(content: Content, place: Concatenation | None) -> None:
    """Make a message a flash message, which has one segment.

    Raises:
        Unacceptable: if it takes more.
    """
    plain = Encoded(content.data_coding, content.body, content.udh)
    encoded = recode(plain, FLASH_ALPHABETS)
    try:
        long = count(encoded.body, encoded.data_coding, encoded.udh) > 1
    except TooLong:
        long = True
    if long or place is not None:
        raise Unacceptable(status.ESME_RINVMSGLEN)
    content.data_coding = with_class(encoded.data_coding, FLASH_CLASS)
    content.body, content.udh = encoded.body, encoded.udh


def delivery_pdu(account: Account | None, item: object) -> DeliverSm:
    """Return the deliver_sm of whatever goes to an account's sessions."""
    match item:
        case Message():
            return receipt_pdu(account, item, STATES[item.status], item.error, item.done_at)
        case Notice(message=message, error=error, at=at):
            return receipt_pdu(account, message, MessageState.ENROUTE, error, at)
        case Received():
            return received_pdu(item)
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
    for tag, value in tlvs:
        least, most = LENGTHS.get(tag, _ANY_LENGTH)
        if not least <= len(value) <= most:
            raise Unacceptable(status.ESME_RINVPARLEN)
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
    others = tuple(one for one in tlvs if one[0] not in _TAKEN_OUT)
    return body, others, place
