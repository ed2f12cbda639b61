"""What requests and answers are written in, JSON or XML, and which of them a client asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import msgspec

from smsd.http_api import xml
from smsd.http_api.answers import XML_ROOTS
from smsd.http_api.errors import bad_request, invalid, unsupported_type
from smsd.http_api.negotiation import weights
from smsd.http_api.requests import read_value

S = TypeVar("S", bound=msgspec.Struct)

_write_json = msgspec.json.Encoder(decimal_format="number").encode
_read_json = msgspec.json.Decoder().decode


class Format(NamedTuple):
    """A way to write requests and answers."""

    media_type: str
    builtins: Callable[[bytes, type[msgspec.Struct]], Any]
    """Takes a body apart, as far as that can be done without checking it."""
    typed: bool
    """Whether a body says which of its values are numbers; in XML all are text."""
    write: Callable[[msgspec.Struct], bytes]
    """Returns an answer's body."""

    @property
    def content_type(self) -> str:
        """The Content-Type of an answer."""
        return f"{self.media_type};charset=UTF-8"

    def read(self, body: bytes, kind: type[S]) -> S:
        """Return a body as a structure; ``null`` and an empty text are as good as absent.

        Raises:
            ApiError: if it is none.
        """
        try:
            found = _without_empty(self.builtins(body, kind))
            return msgspec.convert(found, kind, strict=self.typed, dec_hook=read_value)
        except msgspec.DecodeError as error:
            raise invalid(error) from error
        except xml.InvalidXml as error:
            raise bad_request(f"[body : {error}]") from error
        except UnicodeDecodeError as error:
            raise bad_request("[body : It is no UTF-8.]") from error
        except RecursionError as error:
            raise bad_request("[body : It is nested too deeply.]") from error


JSON = Format("application/json", lambda body, _: _read_json(body), True, _write_json)
XML = Format("application/xml", xml.read, False, lambda answer: xml.write(answer, XML_ROOTS[type(answer)]))
FORMATS = {one.media_type: one for one in (JSON, XML)}


def _without_empty(value: Any) -> Any:
    """Return what was read without the fields that say nothing; items of lists stay."""
    if isinstance(value, dict):
        return {
            key: _without_empty(one) if isinstance(one, dict | list) else one
            for key, one in value.items()
            if one is not None and one != ""
        }
    if isinstance(value, list):
        return [_without_empty(one) if isinstance(one, dict | list) else one for one in value]
    return value


@lru_cache(256)
def of_request(content_type: str | None) -> Format:
    """Return the format of a body by its Content-Type.

    Raises:
        ApiError: if there is no Content-Type, or it is another one.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if not media_type:
        raise bad_request(f"[Content-Type : A body needs a Content-Type, such as {JSON.media_type}.]")
    found = FORMATS.get(media_type)
    if found is None:
        raise unsupported_type(" or ".join(FORMATS), media_type[:100])
    return found


@lru_cache(256)
def of_answer(accept: str | None) -> Format | None:
    """Return the format that an Accept header wants (RFC 9110, 12.5.1), ``None`` if it wants neither.

    JSON, unless XML is wanted more.
    """
    if accept is None or not accept.strip():
        return JSON
    asked = weights(accept)
    wanted = {media_type: _weight(asked, media_type) for media_type in FORMATS}
    best = max(FORMATS, key=lambda media_type: wanted[media_type])
    return FORMATS[best] if wanted[best] else None


def _weight(asked: Mapping[str, float], media_type: str) -> float:
    """Return how much a type is wanted: what the range that names it most exactly says."""
    for one in (media_type, f"{media_type.partition('/')[0]}/*", "*/*"):
        if one in asked:
            return asked[one]
    return 0.0
