"""What a submit_sm asks for, as the services know it."""

from __future__ import annotations

from functools import lru_cache

from smsd.numbering.addresses import is_numeric, national
from smsd.services.submission import Request
from smsd.smpp import status, times
from smsd.smpp.pdu import SubmitSm
from smsd.smpp_server.binding import Service
from smsd.smpp_server.parameters import sorted_out
from smsd.smpp_server.refusals import Unacceptable
from smsd.sms.coding import Alphabet, Encoded, recode, with_class
from smsd.sms.segments import TooLong, count
from smsd.sms.udh import Concatenation, InvalidUdh, concatenation, split_udh, without_concatenation
from smsd.store.messages import Content, Report
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
DELIVERY = 0x03
"""The bits of registered_delivery that ask for a receipt (5.2.17)."""
HIGHEST_PRIORITY = 3
NATIONAL, ALPHANUMERIC, MOST_TON = 2, 5, 6
INTERNATIONAL = ISDN = 1
NPIS = frozenset({0, 1, 3, 4, 6, 8, 9, 10, 14, 18})
"""The numbering plans that SMPP knows (5.2.6)."""
FLASH_ALPHABETS = frozenset({Alphabet.GSM7, Alphabet.UCS2})
"""What a message class can be said of (TS 23.038, clause 4)."""
FLASH_CLASS = 0


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
        body, tlvs, place = sorted_out(body, tlvs)
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
