"""From what a request says of a message to what is sent: its octets, their coding, their header."""

from __future__ import annotations

from msgspec.structs import replace

from smsd.http_api.errors import bad_request
from smsd.http_api.requests import Binary, Language, Options
from smsd.numbering.addresses import is_numeric
from smsd.services.statuses import MESSAGE_ACCEPTED, REJECTED_INVALID_UDH
from smsd.sms import national
from smsd.sms.coding import Alphabet, Encoded, encode, recode, with_class
from smsd.sms.segments import TooLong, count
from smsd.sms.transliteration import Transliteration, transliterate
from smsd.sms.udh import InvalidUdh, concatenation, split_udh
from smsd.store.messages import Content

INTERNATIONAL, ALPHANUMERIC, ISDN = 1, 5, 1
"""Types of number and the numbering plan of E.164 (SMPP 3.4, 5.2.5 and 5.2.6)."""
RECEIPT = 1
"""registered_delivery when a receipt is wanted from the operator (SMPP 3.4, 5.2.17)."""
UDHI = 0x40
"""The bit of esm_class that says a user data header begins the message (SMPP 3.4, 5.2.12)."""
FLASH_CLASS = 0
FLASH_ALPHABETS = frozenset({Alphabet.GSM7, Alphabet.UCS2})
"""The alphabets that can carry a message class (3GPP TS 23.038, clause 4)."""


def text_content(sender: str, text: str, options: Options) -> Content:
    """Return what is sent of a text."""
    if options.transliteration is not None:
        text = transliterate(text, Transliteration(options.transliteration))
    single, locking = tables(options.language)
    encoded = encode(text, single_shift=single, locking_shift=locking)
    if options.flash:
        encoded = _flash(encoded)
    return _content(sender, encoded, 0, options)


def binary_content(sender: str, binary: Binary, options: Options, field: str) -> tuple[Content, int]:
    """Return what is sent of octets, and the status that refuses them, if their header is at fault.

    Raises:
        ApiError: if the message ``field`` asks for a flash message in a coding that can't be one.
    """
    body, udh = binary.hex.octets, b""
    if binary.esmClass & UDHI:
        try:
            udh, body = split_udh(body)
            part = concatenation(udh) is not None
        except InvalidUdh:
            return _content(sender, Encoded(binary.dataCoding, body), 0, options), REJECTED_INVALID_UDH
        if part and not _fits(Encoded(binary.dataCoding, body, udh)):
            # Numbered by the client itself: it can't be cut again.
            return _content(sender, Encoded(binary.dataCoding, body), 0, options), REJECTED_INVALID_UDH
    encoded = Encoded(binary.dataCoding, body, udh)
    if options.flash:
        try:
            encoded = _flash(encoded)
        except ValueError:
            place = f"{field}.flash" if field else "flash"
            raise bad_request(
                f"[{place} : Expected a dataCoding that can be a flash message, not {binary.dataCoding}.]"
            ) from None
    return _content(sender, encoded, binary.esmClass & ~UDHI, options), MESSAGE_ACCEPTED


def tables(language: Language | None) -> tuple[national.Language | None, national.Language | None]:
    """Return the national tables that a text may use: for the single shift, and for the locking shift."""
    if language is None:
        return None, None
    named = national.Language[language.languageCode]
    return named if language.singleShift else None, named if language.lockingShift else None


def _flash(encoded: Encoded) -> Encoded:
    fit = recode(encoded, FLASH_ALPHABETS)
    return replace(fit, data_coding=with_class(fit.data_coding, FLASH_CLASS))


def _fits(encoded: Encoded) -> bool:
    try:
        return count(encoded.body, encoded.data_coding, encoded.udh) == 1
    except TooLong:
        return False


def _content(sender: str, encoded: Encoded, esm_class: int, options: Options) -> Content:
    numeric = is_numeric(sender)
    return Content(
        INTERNATIONAL if numeric else ALPHANUMERIC if sender else 0,
        ISDN if numeric else 0,
        INTERNATIONAL,
        ISDN,
        "",
        esm_class,
        0,
        encoded.data_coding,
        RECEIPT,
        encoded.body,
        encoded.udh,
        callback_data=options.callbackData,
        notify=options.notify,
    )
