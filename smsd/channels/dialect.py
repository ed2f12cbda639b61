"""What an operator's SMPP is like: addresses, codings, long messages, times, and what its errors mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from smsd.services.statuses import GSM_ERRORS, NO_ERROR, SYSTEM_FAILURE, UNKNOWN_ERROR, UNKNOWN_SUBSCRIBER
from smsd.smpp import status
from smsd.smpp.receipt import ParsedReceipt

Long = Literal["udh", "sar", "payload"]
Validity = Literal["relative", "absolute", "none"]
Passed = Literal["all", "standard", "none"]

_GSM_NETWORK = 3
"""The network type of GSM in network_error_code (5.3.2.31)."""
CODINGS = {"gsm7": 0, "latin1": 3, "ucs2": 8}
"""The data_coding by which smsd marks each alphabet, if nothing else is said of a message."""


class Kind(NamedTuple):
    """A type of number and a numbering plan (5.2.5, 5.2.6)."""

    ton: int
    npi: int


class Refusal(NamedTuple):
    """What an operator's refusal amounts to."""

    temporary: bool
    """Whether another attempt, later, may succeed."""
    error: int
    """The GSM error."""
    elsewhere: bool = False
    """Whether another operator may have what this one won't."""


OPERATORS_OWN = (
    status.ESME_RINVPRTFLG,
    status.ESME_RINVREGDLVFLG,
    status.ESME_RINVSRCADR,
    status.ESME_RINVSERTYP,
    status.ESME_RINVESMCLASS,
    status.ESME_RINVSRCTON,
    status.ESME_RINVSRCNPI,
    status.ESME_RINVDSTTON,
    status.ESME_RINVDSTNPI,
    status.ESME_RINVEXPIRY,
    status.ESME_RX_P_APPN,
    status.ESME_RX_R_APPN,
    status.ESME_RINVOPTPARSTREAM,
    status.ESME_ROPTPARNOTALLWD,
    status.ESME_RINVPARLEN,
    status.ESME_RMISSINGOPTPARAM,
    status.ESME_RINVOPTPARAMVAL,
    status.ESME_RDELIVERYFAILURE,
    status.ESME_RUNKNOWNERR,
)
"""What an operator may say for good of a message, which another one takes."""
REFUSALS = {
    status.ESME_RINVDSTADR: Refusal(False, UNKNOWN_SUBSCRIBER),
    status.ESME_RSYSERR: Refusal(True, SYSTEM_FAILURE, True),
    status.ESME_RX_T_APPN: Refusal(True, SYSTEM_FAILURE, True),
    status.ESME_RSUBMITFAIL: Refusal(True, UNKNOWN_ERROR, True),
} | {one: Refusal(False, UNKNOWN_ERROR, True) for one in OPERATORS_OWN}
"""What the standard's words amount to; any other is an unknown error, for good."""
WORDS = {
    "": (False, False),
    "never": (False, False),
    "again": (True, False),
    "elsewhere": (False, True),
    "elsewhere:again": (True, True),
}
"""What stands behind the error of a command_status: whether it is temporary, and not another operator's."""


class Errors(NamedTuple):
    """What an operator's own error codes mean."""

    statuses: Mapping[int, Refusal] = REFUSALS
    """By command_status."""
    words: Mapping[str, int] = {}
    """GSM errors by the value of ``err`` in a receipt, in capitals and without leading zeros."""

    def refusal(self, command_status: int) -> Refusal:
        """Return what a command_status amounts to."""
        return self.statuses.get(command_status, Refusal(False, UNKNOWN_ERROR))

    def of_receipt(self, receipt: ParsedReceipt) -> int:
        """Return a receipt's GSM error code, 0 if it has none that is known."""
        mapped = self.words.get(_word(receipt.error)) if receipt.error else None
        if mapped is not None:
            return mapped
        network = receipt.network_error
        if network is not None and len(network) == 3 and network[0] == _GSM_NETWORK:
            code = int.from_bytes(network[1:], "big")
            if code in GSM_ERRORS:
                return code
        if receipt.error.isascii() and receipt.error.isdigit() and int(receipt.error) in GSM_ERRORS:
            return int(receipt.error)
        return NO_ERROR


class Dialect(NamedTuple):
    """How messages are put into submit_sm, and what comes back is read."""

    tlvs: Passed = "all"
    long: Long = "udh"
    validity: Validity = "relative"
    numeric: Kind | None = None
    """Of a numeric sender; ``None``: as the client's edge has it."""
    alphanumeric: Kind | None = None
    destination: Kind | None = None
    codings: Mapping[int, int] = {}
    """Which data_coding stands for ours."""
    errors: Errors = Errors()
    by_reference: bool = False
    """Whether receipts name their message by user_message_reference."""
    receipts: bool = True
    """Whether receipts are asked for."""


PLAIN = Dialect()


def kind_of(text: str) -> Kind | None:
    """Return the TON and NPI of ``TON/NPI``; ``None`` if there are none.

    Raises:
        ValueError: if it is something else; the text says what was expected.
    """
    if not text:
        return None
    match = re.fullmatch(r"([0-9]{1,3})/([0-9]{1,3})", text)
    if match is None or int(match[1]) > 255 or int(match[2]) > 255:
        raise ValueError(f"Expected a type of number and a plan, such as 5/0, got {text!r}")
    return Kind(int(match[1]), int(match[2]))


def codings_of(text: str) -> dict[int, int]:
    """Return the data_coding octets of ``ALPHABET=OCTET …``; raises as :func:`kind_of`."""
    codings = {}
    for name, value in _pairs(text):
        octet = _number(value)
        if name not in CODINGS or octet is None or octet > 255:
            raise ValueError(f"Expected one of {', '.join(CODINGS)} and an octet, got {name}={value}")
        codings[CODINGS[name]] = octet
    return codings


def errors_of(text: str) -> Errors:
    """Return what ``CODE=ERROR …`` says.

    A code that begins with 0x is a command_status, any other one the ``err`` of a receipt. The error is a GSM
    error's number; what follows that of a command_status says whether the message is tried again,
    ``:again`` or ``:never``, or whether another channel may have it, ``:elsewhere``, and is tried again if
    none will, ``:elsewhere:again``. Raises as :func:`kind_of`.
    """
    statuses, words = dict(REFUSALS), {}
    for code, value in _pairs(text):
        error, colon, word = value.partition(":")
        number = _number(error)
        if number is None or number not in GSM_ERRORS:
            raise ValueError(f"Expected the number of a GSM error, got {error!r} in {code}={value}")
        if code.lower().startswith("0x"):
            command_status = _number(code)
            if command_status is None or word not in WORDS or bool(colon) != bool(word):
                raise ValueError(
                    "Expected 0x and a command_status, a GSM error, and one of"
                    f" {', '.join(f':{one}' for one in WORDS if one)}, got {code}={value}"
                )
            temporary, elsewhere = WORDS[word]
            statuses[command_status] = Refusal(temporary, number, elsewhere)
        elif colon:
            raise ValueError(f"Only a command_status can be tried again: {code}={value}")
        else:
            words[_word(code)] = number
    return Errors(statuses, words)


def _pairs(text: str) -> list[tuple[str, str]]:
    pairs = []
    for one in re.split(r"[\s,]+", text.strip()) if text.strip() else []:
        name, equals, value = one.partition("=")
        if not (name and equals and value):
            raise ValueError(f"Expected NAME=VALUE, got {one!r}")
        pairs.append((name, value))
    return pairs


def _number(text: str) -> int | None:
    """Return a number, in hexadecimal after 0x."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,8}", text):
        return int(text, 16)
    return int(text) if re.fullmatch(r"[0-9]{1,10}", text) else None


def _word(error: str) -> str:
    return error.upper().lstrip("0") or "0"
