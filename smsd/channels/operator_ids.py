"""What operators call messages: in a response one way, in the receipt perhaps another.

Some write an id in hexadecimal in one place and in decimal in the other, or pad it with zeros, or change its
case. Which of it an operator does is learned from what comes, or said by the channel's options.
"""

from __future__ import annotations

import re
from typing import Literal

Notation = Literal["learn", "same", "decimal", "hexadecimal"]
ENOUGH = 24
"""So many digits without a letter among them are no hexadecimal ones: they would be once in 80,000 times."""

_decimal = re.compile(r"[0-9]{1,20}", re.ASCII).fullmatch
_hexadecimal = re.compile(r"[0-9a-f]{1,16}", re.ASCII).fullmatch


def canonical(operator_id: str) -> str:
    """Return an id as it is compared and stored: in small letters, without zeros in front."""
    return operator_id.strip().lower().lstrip("0") or "0"


class OperatorIds:
    """Finds the names under which a receipt's message may be known."""

    def __init__(self, receipts: Notation = "learn") -> None:
        """Say how receipts write ids, if responses write them another way."""
        self._receipts = receipts
        self._responses_seen = _Seen()
        self._receipts_seen = _Seen()

    def of_response(self, operator_id: str) -> str:
        """Return the name under which a message is known from its response."""
        name = canonical(operator_id)
        if self._receipts == "learn":
            self._responses_seen.look(name)
        return name

    def of_receipt(self, operator_id: str) -> tuple[str, ...]:
        """Return the names that a receipt's id may stand for, the likeliest first."""
        name = canonical(operator_id)
        if self._receipts == "same":
            return (name,)
        if self._receipts == "decimal":
            return _once(_to_hexadecimal(name) or name)
        if self._receipts == "hexadecimal":
            return _once(_to_decimal(name) or name)
        self._receipts_seen.look(name)
        responses, receipts = self._responses_seen, self._receipts_seen
        if responses.hexadecimal == receipts.hexadecimal and receipts.certain and responses.certain:
            return (name,)
        if responses.hexadecimal and not receipts.hexadecimal:
            return _either(name, _to_hexadecimal(name), likely=receipts.certain)
        if receipts.hexadecimal and not responses.hexadecimal:
            return _either(name, _to_decimal(name), likely=responses.certain)
        return _once(name, _to_hexadecimal(name), _to_decimal(name))


class _Seen:
    """What ids of one kind have looked like so far."""

    def __init__(self) -> None:
        self.hexadecimal = False
        self._digits = 0

    @property
    def certain(self) -> bool:
        """Whether enough was seen to tell."""
        return self.hexadecimal or self._digits >= ENOUGH

    def look(self, name: str) -> None:
        if self.hexadecimal:
            return
        if _decimal(name):
            self._digits += len(name)
        elif _hexadecimal(name):
            self.hexadecimal = True


def _either(name: str, other: str | None, *, likely: bool) -> tuple[str, ...]:
    """Return an id's other notation, and the id itself unless that is beyond doubt."""
    if other is None:
        return (name,)
    return (other,) if likely else _once(other, name)


def _once(*names: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))


def _to_hexadecimal(name: str) -> str | None:
    return f"{int(name):x}" if _decimal(name) else None


def _to_decimal(name: str) -> str | None:
    return str(int(name, 16)) if _hexadecimal(name) else None
