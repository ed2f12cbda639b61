"""What a receipt says of a number: by Number Context's optional parameters, and the line below its own."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from smsd.hlr import untrusted
from smsd.numbering.addresses import destination
from smsd.numbering.context import Context, Network
from smsd.services.lookup import NoAnswer
from smsd.services.statuses import NO_ERROR, NO_RESPONSE, UNKNOWN_ERROR
from smsd.smpp import receipt, tlv
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
    ROAMING_COUNTRY_CODE,
    ROAMING_COUNTRY_NAME,
    ROAMING_COUNTRY_PREFIX,
    ROAMING_NAME,
    ROAMING_PREFIX,
    SERVING_HLR,
    SERVING_MSC,
)
from smsd.smpp.pdu import DataSm, DeliverSm
from smsd.smpp.receipt import ParsedReceipt
from smsd.smpp.tlv import MessageState

# The names of the line's fields; a value may hold blanks, and ends where the next name begins.
_NAMES: Final = re.compile(r"(?:^|(?<=[\s:]))(IMSI|MSC|HLR|ORN|PON|RON|ROC|MCCMNC):")
_FIELDS: Final = {
    "IMSI": IMSI,
    "MSC": SERVING_MSC,
    "HLR": SERVING_HLR,
    "ORN": ORIGINAL_NAME,
    "PON": PORTED_NAME,
    "RON": ROAMING_NAME,
    "ROC": ROAMING_COUNTRY_CODE,
    "MCCMNC": MCCMNC,
}


class Found(NamedTuple):
    """What a receipt says."""

    message_id: str
    """The message that asked …"""
    number: str | None
    """… and the number that it asked about; ``None`` if that isn't said."""
    said: Context | NoAnswer
    """What is known of it."""


def read(pdu: DeliverSm | DataSm) -> Found | None:
    """Return what a final receipt says; ``None`` if it is no receipt, or not the last one."""
    parsed = receipt.parse(pdu)
    if parsed is None or not parsed.final:
        return None
    number = destination(pdu.source_addr.decode("latin-1"))
    return Found(parsed.message_id, number, _read(pdu, parsed))


def is_receipt(pdu: DeliverSm | DataSm) -> bool:
    """Tell whether a message is a receipt at all."""
    return receipt.parse(pdu) is not None


def _read(pdu: DeliverSm | DataSm, parsed: ParsedReceipt) -> Context | NoAnswer:
    if parsed.state == MessageState.DELIVERED:
        error = NO_ERROR
    elif parsed.state == MessageState.UNDELIVERABLE:
        error = untrusted.error(_error(parsed))
        if error == NO_RESPONSE:
            return NoAnswer(untrusted.NO_ANSWER_ITSELF)
    else:
        return NoAnswer(f"The peer says {MessageState(parsed.state).name}.")
    fields = _of_line(pdu) | _of_tlvs(pdu)
    ported = _ported(pdu, fields)
    mccmnc = fields.get(MCCMNC)
    original = untrusted.network(
        fields.get(ORIGINAL_NAME),
        fields.get(ORIGINAL_PREFIX),
        fields.get(ORIGINAL_COUNTRY_NAME),
        fields.get(ORIGINAL_COUNTRY_PREFIX),
        fields.get(ORIGINAL_COUNTRY_CODE),
        None if ported else mccmnc,
    )
    ported_network = untrusted.network(
        fields.get(PORTED_NAME),
        fields.get(PORTED_PREFIX),
        fields.get(PORTED_COUNTRY_NAME),
        fields.get(PORTED_COUNTRY_PREFIX),
        None,
        mccmnc,
    )
    visited = untrusted.network(
        fields.get(ROAMING_NAME),
        fields.get(ROAMING_PREFIX),
        fields.get(ROAMING_COUNTRY_NAME),
        fields.get(ROAMING_COUNTRY_PREFIX),
        fields.get(ROAMING_COUNTRY_CODE),
    )
    return Context(
        error=error,
        correct=_flag(pdu, IS_CORRECT),
        imsi=untrusted.digits(fields.get(IMSI)) or None,
        serving_msc=untrusted.address(fields.get(SERVING_MSC)),
        serving_hlr=untrusted.address(fields.get(SERVING_HLR)),
        original=original,
        ported=ported,
        ported_network=ported_network if ported else None,
        roaming=_roams(original, ported_network, visited),
        roaming_network=visited,
    )


def _error(parsed: ParsedReceipt) -> int:
    """Return the GSM error of a failure: of network_error_code, or else of the text."""
    code = parsed.network_error
    if code is not None and len(code) == 3:
        return int.from_bytes(code[1:], "big")
    return int(parsed.error) if parsed.error.isdecimal() and len(parsed.error) <= 5 else UNKNOWN_ERROR


def _of_tlvs(pdu: DeliverSm | DataSm) -> dict[int, str]:
    """Return the values of optional parameters that are texts, with or without a terminating zero."""
    return {tag: value.partition(b"\0")[0].decode("utf-8", "replace") for tag, value in pdu.tlvs}


def _of_line(pdu: DeliverSm | DataSm) -> dict[int, str]:
    """Return the fields of the line below the receipt's own, as if they were optional parameters."""
    text = pdu.short_message if isinstance(pdu, DeliverSm) else b""
    text = text or tlv.find(pdu.tlvs, tlv.MESSAGE_PAYLOAD) or b""
    _, _, line = text.decode("utf-8", "replace").partition("\n")
    parts = _NAMES.split(line)
    return {
        _FIELDS[name]: value.strip()
        for name, value in zip(parts[1::2], parts[2::2], strict=True)
        if value.strip()
    }


def _flag(pdu: DeliverSm | DataSm, tag: int) -> bool | None:
    value = tlv.integer(pdu.tlvs, tag)
    return None if value is None else value != 0


def _ported(pdu: DeliverSm | DataSm, fields: dict[int, str]) -> bool | None:
    """Tell whether a number was ported; without a flag, whether the two networks have different names."""
    flag = _flag(pdu, IS_PORTED)
    names = fields.get(ORIGINAL_NAME), fields.get(PORTED_NAME)
    return names[0] != names[1] if flag is None and all(names) else flag


def _roams(original: Network | None, ported: Network | None, visited: Network | None) -> bool | None:
    """Tell whether a phone is in another network than its own: no field of a receipt says so."""
    if visited is None:
        return None
    if original is not None:
        for own, other in (
            (original.country_code, visited.country_code),
            (original.country_prefix, visited.country_prefix),
        ):
            if own and other and own != other:
                return True
    names = {network.name for network in (original, ported) if network is not None and network.name}
    return visited.name not in names if names and visited.name else None
