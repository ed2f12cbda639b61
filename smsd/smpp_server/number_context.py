"""The deliver_sm that answers a question about a number: a receipt that says what was found."""

from __future__ import annotations

import struct
from decimal import Decimal

from smsd.numbering.context import Network
from smsd.services.fields import CLEANING, ROAMING
from smsd.smpp import receipt
from smsd.smpp.context_tlvs import (
    IMSI,
    IS_CORRECT,
    IS_PORTED,
    MCCMNC,
    ORIGINAL_COUNTRY_CODE,
    ORIGINAL_COUNTRY_NAME,
    ORIGINAL_COUNTRY_PREFIX,
    ORIGINAL_NAME,
    ORIGINAL_PREFIX,
    PORTED_COUNTRY_NAME,
    PORTED_COUNTRY_PREFIX,
    PORTED_NAME,
    PORTED_PREFIX,
    PRICE,
    ROAMING_COUNTRY_CODE,
    ROAMING_COUNTRY_NAME,
    ROAMING_COUNTRY_PREFIX,
    ROAMING_NAME,
    ROAMING_PREFIX,
    SERVING_HLR,
    SERVING_MSC,
)
from smsd.smpp.pdu import DeliverSm
from smsd.smpp.tlv import MessageState, Tlvs
from smsd.sms.transliteration import Transliteration, transliterate
from smsd.store.lookups import Found, Lookup
from smsd.store.settings import Account

NOBODY = b"000000000"
"""The destination of these answers: they are for no subscriber."""
LONGEST = 254
"""Octets of short_message (5.2.21)."""
CENTS = 100
"""What the price is multiplied by to be a whole number."""
MOST_CENTS = 0xFFFF_FFFF

_UNKNOWN = Network()
_integer = struct.Struct(">I").pack


def context_pdu(account: Account | None, lookup: Lookup) -> DeliverSm:
    """Return the deliver_sm that answers a lookup."""
    assert lookup.found is not None
    standard = account is not None and bool(account.standard_receipts)
    error = lookup.error
    told = receipt.Receipt(
        str(lookup.id),
        lookup.asked_at,
        lookup.done_at or lookup.asked_at,
        MessageState.UNDELIVERABLE if error else MessageState.DELIVERED,
        error,
        1,
        1,
    )
    line = receipt.to_text(told, standard).removesuffix(b"text:")
    message_id, state, network_error = receipt.to_tlvs(told)
    view = _View(lookup.found)
    return DeliverSm(
        source_addr=lookup.number.encode(),
        destination_addr=NOBODY,
        esm_class=receipt.DELIVERY_RECEIPT,
        short_message=line + b"\n" + _second_line(view, lookup.package, bool(error), LONGEST - 1 - len(line)),
        # Some ESMEs need network_error_code to be last.
        tlvs=(message_id, state, *_tlvs(view, lookup, bool(error)), network_error),
    )


class _View:
    """What was found, with the networks that the answer names."""

    def __init__(self, found: Found) -> None:
        context = self.context = found.context
        self.network = found.network
        self.original = context.original or _UNKNOWN
        self.now = _UNKNOWN
        """The network that has the number: its original one unless it was ported."""
        if context.ported:
            self.now = context.ported_network or _UNKNOWN
        elif context.ported is not None:
            self.now = self.original
        self.visited = _UNKNOWN
        """The network on which the phone is: its own unless it roams."""
        if context.roaming:
            self.visited = context.roaming_network or _UNKNOWN
        elif context.roaming is not None:
            self.visited = self.now if context.ported is not None else self.original


def _second_line(view: _View, package: str, failed: bool, room: int) -> bytes:
    """Return what follows the receipt, in so many octets: names are cut if they are too long for that.

    A blank stands behind each value, and an absent one has none.
    """
    context = view.context
    names = [_ascii(one.name) for one in (view.original, view.now, view.visited)]
    while True:
        original, ported, roaming = names
        pairs: list[tuple[str, str | None]]
        if failed:
            pairs = [("IMSI", None), ("MSC", None), ("ORN", original), ("MCCMNC", None)]
        else:
            pairs = [("IMSI", context.imsi), ("MSC", context.serving_msc)]
            if package == ROAMING:
                pairs.append(("HLR", context.serving_hlr))
            pairs.append(("ORN", original))
            if package != CLEANING:
                pairs.append(("PON", ported))
            if package == ROAMING:
                pairs += [("RON", roaming), ("ROC", view.visited.country_code)]
            pairs.append(("MCCMNC", view.network))
        line = "".join(f"{name}:{value} " if value else f"{name}:" for name, value in pairs).rstrip(" ")
        if len(line) <= room:
            return line.encode("ascii", "replace")
        longest = max(names, key=len)
        names = [name[:-1] if name is longest else name for name in names]


def _tlvs(view: _View, lookup: Lookup, failed: bool) -> Tlvs:
    """Return what was found as optional parameters: what is not known is left out."""
    context, original, ported, visited = view.context, view.original, view.now, view.visited
    price = (PRICE, _integer(min(int(Decimal(lookup.price) * CENTS), MOST_CENTS)))
    correct = (IS_CORRECT, _integer(bool(context.correct)))
    if lookup.package == CLEANING:
        return (price, correct)
    of_original = [
        _text(ORIGINAL_COUNTRY_NAME, original.country_name),
        _text(ORIGINAL_COUNTRY_CODE, original.country_code),
        _text(ORIGINAL_COUNTRY_PREFIX, original.country_prefix),
    ]
    if failed:
        return (
            _text(ORIGINAL_NAME, original.name),
            _text(MCCMNC, ""),
            price,
            (IS_PORTED, _integer(bool(context.ported))),
            *_known(of_original),
            correct,
        )
    found = [
        _text(SERVING_HLR, context.serving_hlr),
        _text(ORIGINAL_PREFIX, original.prefix),
        _text(PORTED_NAME, ported.name),
        _text(ROAMING_NAME, visited.name),
        _text(ROAMING_COUNTRY_NAME, visited.country_name),
        _text(ROAMING_COUNTRY_CODE, visited.country_code),
        _text(ROAMING_PREFIX, visited.prefix),
        _text(ROAMING_COUNTRY_PREFIX, visited.country_prefix),
        *of_original,
    ]
    if context.ported:
        found += [
            _text(PORTED_PREFIX, ported.prefix),
            _text(PORTED_COUNTRY_NAME, ported.country_name),
            _text(PORTED_COUNTRY_PREFIX, ported.country_prefix),
        ]
    octets = [(IMSI, context.imsi), (SERVING_MSC, context.serving_msc)]
    return (
        _text(ORIGINAL_NAME, original.name),
        _text(MCCMNC, view.network),
        *_known(found),
        price,
        (IS_PORTED, _integer(bool(context.ported))),
        correct,
        *((tag, value.encode()) for tag, value in octets if value),
    )


def _known(parameters: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    return [one for one in parameters if one[1] != b"\0"]


def _text(tag: int, value: str | None) -> tuple[int, bytes]:
    """Return a C-octet string (3.1)."""
    return tag, _ascii(value or "").encode() + b"\0"


def _ascii(text: str) -> str:
    """Return a text in ASCII, which is all that these parameters have."""
    if text.isascii():
        return text
    return transliterate(text, Transliteration.NON_UNICODE).encode("ascii", "replace").decode()
