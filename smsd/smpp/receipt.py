"""Delivery receipts: written for an ESME, and read from an SMSC (Appendix B, 5.2.12).

What an SMSC sends is read leniently: in short_message or message_payload, with TLVs or without, the fields of
the text in any order, case and spacing, some of them missing.
"""

import re
from typing import Final

import msgspec

from smsd.smpp.pdu import DataSm, DeliverSm
from smsd.smpp.times import stamp
from smsd.smpp.tlv import (
    MESSAGE_PAYLOAD,
    MESSAGE_STATE,
    NETWORK_ERROR_CODE,
    RECEIPTED_MESSAGE_ID,
    USER_MESSAGE_REFERENCE,
    MessageState,
    Tlvs,
)

MESSAGE_TYPE: Final = 0x3C
"""The bits of esm_class that say what a deliver_sm is (5.2.12)."""
DELIVERY_RECEIPT: Final = 0x04
"""MESSAGE_TYPE of a delivery receipt."""
INTERMEDIATE_NOTIFICATION: Final = 0x20
"""MESSAGE_TYPE of a notification before the final state."""
_UCS2: Final = 0x08

_STANDARD_WORDS: Final[dict[int, bytes]] = {
    MessageState.ENROUTE: b"ENROUTE",
    MessageState.DELIVERED: b"DELIVRD",
    MessageState.EXPIRED: b"EXPIRED",
    MessageState.DELETED: b"DELETED",
    MessageState.UNDELIVERABLE: b"UNDELIV",
    MessageState.ACCEPTED: b"ACCEPTD",
    MessageState.UNKNOWN: b"UNKNOWN",
    MessageState.REJECTED: b"REJECTD",
}
_PLAIN_WORDS: Final[dict[int, bytes]] = {
    **_STANDARD_WORDS,
    MessageState.UNKNOWN: b"DELIVERY UNKNOWN",
    MessageState.REJECTED: b"REJECTED",
}
_STATES: Final[dict[bytes, int]] = {
    **{word: state for words in (_STANDARD_WORDS, _PLAIN_WORDS) for state, word in words.items()},
    **{state.name.encode(): state for state in MessageState},
    b"BUFFERED": MessageState.ENROUTE,
    b"PENDING": MessageState.ENROUTE,
    b"QUEUED": MessageState.ENROUTE,
    b"SCHEDULED": MessageState.ENROUTE,
    b"SENT": MessageState.ENROUTE,
    b"DELIVERD": MessageState.DELIVERED,
    b"DELIVERY": MessageState.UNKNOWN,  # The first word of DELIVERY UNKNOWN.
    b"EXPIRD": MessageState.EXPIRED,
    b"CANCELED": MessageState.DELETED,
    b"CANCELLED": MessageState.DELETED,
    b"DELETD": MessageState.DELETED,
    b"FAILED": MessageState.UNDELIVERABLE,
    b"UNDELIVERED": MessageState.UNDELIVERABLE,
    b"UNDELIVRD": MessageState.UNDELIVERABLE,
    b"UNDELVD": MessageState.UNDELIVERABLE,
    b"ACCEPT": MessageState.ACCEPTED,
    b"REJECT": MessageState.REJECTED,
}
_FINAL: Final = frozenset(MessageState) - {MessageState.ENROUTE, MessageState.ACCEPTED}


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What became of a message, to be told to the ESME that submitted it. Times are Unix times."""

    message_id: str
    submitted_at: float
    done_at: float
    state: int
    error: int = 0
    segments: int = 1
    delivered: int = 0
    text: bytes = b""


class ParsedReceipt(msgspec.Struct, frozen=True, gc=False):
    """What an SMSC says became of a message.

    A field it left out is empty. A `state` it left out, or named by a word nobody knows, is UNKNOWN and not
    `final`. ACCEPTED is not final either: SMSCs send it on the way to another state.
    """

    message_id: str
    state: int
    error: str
    network_error: bytes | None
    final: bool
    user_message_reference: int | None


def to_text(receipt: Receipt, standard: bool) -> bytes:
    """Write a receipt's short_message: the standard's line (Appendix B), or a shorter one without text."""
    common = (
        receipt.message_id.encode(),
        receipt.segments,
        receipt.delivered,
        stamp(receipt.submitted_at),
        stamp(receipt.done_at),
    )
    if standard:
        return b"id:%b sub:%03d dlvrd:%03d submit date:%b done date:%b stat:%b err:%03d text:%b" % (
            *common,
            _STANDARD_WORDS[receipt.state],
            receipt.error,
            receipt.text[:20],
        )
    return b"id:%b sub:%03d dlvr:%03d submit date:%b done date:%b stat:%b err:%03d" % (
        *common,
        _PLAIN_WORDS[receipt.state],
        receipt.error,
    )


def to_tlvs(receipt: Receipt) -> Tlvs:
    """Write a receipt's optional parameters; some ESMEs need network_error_code (5.3.2.31) to be last."""
    return (
        (RECEIPTED_MESSAGE_ID, receipt.message_id.encode() + b"\0"),
        (MESSAGE_STATE, receipt.state.to_bytes(1, "big")),
        (NETWORK_ERROR_CODE, b"\3" + receipt.error.to_bytes(2, "big")),
    )


# The line as nearly every SMSC writes it, in one go.
_LINE: Final = re.compile(
    rb"id:([^\s:;,]+) sub:\w* dlvrd?:\w* submit date:\w* done date:\w* stat:([A-Z]+) err:(\w+)(?: |$)"
)
# Where the fields of any other line end: behind it stands what somebody wrote.
_TEXT: Final = re.compile(rb"\bTEXT\s*+:", re.IGNORECASE)
# A field of such a line. A value that is missing must not be taken from the field after it.
_FIELD: Final = re.compile(
    rb"\b(ID|STAT|ERR)\s*+:\s*+(?!(?:ID|SUB|DLVRD?|SUBMIT DATE|DONE DATE|STAT|ERR)\s*:)([^\s;,]*)",
    re.IGNORECASE,
)


def parse(deliver: DeliverSm | DataSm) -> ParsedReceipt | None:
    """Read a receipt; None is for a message that is none.

    It is one by its esm_class, or, where that says nothing, by a receipted_message_id or by a text that
    begins with an `id:` and has a `stat:` we know. TLVs count more than the text. An intermediate
    notification is final only if it says DELIVERED.
    """
    kind = deliver.esm_class & MESSAGE_TYPE
    text = b"" if isinstance(deliver, DataSm) else deliver.short_message
    message_id, state, network_error, reference = "", 0, None, None
    for tag, value in deliver.tlvs:
        if tag == RECEIPTED_MESSAGE_ID:
            message_id = value.partition(b"\0")[0].decode("latin-1")
        elif tag == MESSAGE_STATE:
            state = int.from_bytes(value, "big")
        elif tag == NETWORK_ERROR_CODE:
            network_error = value
        elif tag == USER_MESSAGE_REFERENCE and 0 < len(value) <= 4:
            reference = int.from_bytes(value, "big")
        elif tag == MESSAGE_PAYLOAD:
            text = text or value
    if deliver.data_coding == _UCS2 and text[:1] == b"\0":
        text = text.decode("utf-16-be", "replace").encode("latin-1", "replace")
    written_id, word, error = _fields(text)
    written_state = _STATES.get(word, 0)
    if (
        kind not in (DELIVERY_RECEIPT, INTERMEDIATE_NOTIFICATION)
        and not message_id
        and not (written_id and written_state and text.lstrip()[:2].upper() == b"ID")
    ):
        return None
    if state not in _STANDARD_WORDS:
        state = written_state
    final = state in _FINAL and (kind != INTERMEDIATE_NOTIFICATION or state == MessageState.DELIVERED)
    return ParsedReceipt(
        message_id or written_id.decode("latin-1"),
        state or MessageState.UNKNOWN,
        error.decode("latin-1"),
        network_error,
        final,
        reference,
    )


def _fields(text: bytes) -> tuple[bytes, bytes, bytes]:
    """Find the values of id, stat and err; the first of each counts, and nothing behind `text:` does."""
    line = _LINE.match(text)
    if line is not None:
        return line[1], line[2], line[3]
    found: dict[bytes, bytes] = {}
    for name, value in _FIELD.findall(_TEXT.split(text, 1)[0]):
        found.setdefault(name.upper(), value)
    return found.get(b"ID", b""), found.get(b"STAT", b"").upper(), found.get(b"ERR", b"")
