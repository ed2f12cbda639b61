"""The options of channels and of back ends: structures for each kind, which their rows have as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec
import msgspec.inspect
from twisted.internet.endpoints import clientFromString


class InvalidOptions(ValueError):
    """Options aren't what their kind needs; the text says so in a sentence."""


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The options of a kind."""

    def check(self) -> None:
        """Raise ``ValueError``, which begins with an option's name, if what its type allows can't be used."""


T = TypeVar("T", bound=Options)


class Kinds(dict[str, type[T]]):
    """The kinds of something, each with the structure of its options."""

    def __init__(self, noun: str, kinds: Mapping[str, type[T]]) -> None:
        """Call what has these kinds by a noun."""
        super().__init__(kinds)
        self._noun = noun

    def read(self, kind: str, options: bytes | str) -> T:
        """Return the options of a kind from their JSON.

        Raises:
            InvalidOptions: naming the option, and what was expected.
        """
        if kind not in self:
            raise InvalidOptions(f"The kind of a {self._noun} is one of {', '.join(self)}: not {kind!r}.")
        try:
            read = msgspec.json.decode(options, type=self[kind])
        except msgspec.DecodeError as error:
            raise self.invalid(kind, error) from error
        try:
            read.check()
        except InvalidOptions:
            raise
        except ValueError as error:
            raise InvalidOptions(f"The option {error}.") from error
        return read

    def invalid(self, kind: str, error: msgspec.DecodeError) -> InvalidOptions:
        """Return the error for options that a kind doesn't have, or not so."""
        if missing := _missing(str(error)):
            return InvalidOptions(f"A {self._noun} of kind {kind} needs the option {missing[1]}.")
        if unknown := _unknown(str(error)):
            names = ", ".join(self[kind].__struct_fields__)
            return InvalidOptions(
                f"A {self._noun} of kind {kind} has no option {unknown[1]}: it has {names}."
            )
        reason, _, place = str(error).partition(" - at `$.")
        name = place.strip("`")
        if not name:
            return InvalidOptions(f"The options of a {self._noun} of kind {kind}: {reason}.")
        if name in (words := _words(self[kind])):
            reason = f"Expected one of {', '.join(words[name])}"
        return InvalidOptions(f"The option {name}: {reason}.")


_missing = re.compile(r"Object missing required field `(\w+)`").fullmatch
_unknown = re.compile(r"Object contains unknown field `(.+)`").fullmatch


def _words(structure: type[Options]) -> dict[str, list[str]]:
    """Return the words among which options choose."""
    told = msgspec.inspect.type_info(structure)
    assert isinstance(told, msgspec.inspect.StructType)
    return {
        one.encode_name: list(map(str, one.type.values))
        for one in told.fields
        if isinstance(one.type, msgspec.inspect.LiteralType)
    }


def check_endpoint(endpoint: str) -> None:
    """See whether a Twisted client endpoint can be used.

    Raises:
        InvalidOptions: if it can't.
    """
    try:
        clientFromString(None, endpoint)
    except (ValueError, TypeError, OSError) as error:  # What endpoints raise.
        # What they say of a missing port, or of a folder that isn't there, is not for people.
        reason = str(error) if isinstance(error, OSError) and str(error) else ""
        raise InvalidOptions(
            "An endpoint is one such as tcp:HOST:PORT, tls:HOST:PORT or tls:HOST:PORT:trustRoots=FOLDER:"
            f" not {endpoint!r}{reason and f' ({reason})'}."
        ) from error
