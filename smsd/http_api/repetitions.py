"""The header ``Idempotency-Key``: a request that has it may be repeated, and is served once.

See draft-ietf-httpapi-idempotency-key-header. What is kept of an answer names statuses by their numbers, and
is written anew in the format that the repetition asks for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

import msgspec
from msgspec import UNSET
from twisted.web.http import Request

from smsd.http_api.answers import Sent, SentMessage, SentMessages
from smsd.http_api.endpoints import PASSWORD, USERNAME
from smsd.http_api.errors import bad_request
from smsd.http_api.translation import STATUS_ANSWERS

HEADER = "Idempotency-Key"
REPLAYED = "Idempotent-Replayed"
"""The header of an answer that was given before."""
WHO = frozenset({USERNAME.name.encode(), PASSWORD.name.encode()})
"""The parameters that say who asks: they are no part of what is asked for."""

_key = re.compile(r"[\x20-\x7e]{1,100}").fullmatch
_quoted = re.compile(r'"((?:[^"\\]|\\["\\])*)"').fullmatch
"""Matches a string as structured fields have it (RFC 9651, 3.3.3): the draft's own form."""


class _Kept(msgspec.Struct, array_like=True):
    """What is kept of an answer."""

    bulk_id: str | None
    messages: list[tuple[str, int, int | None, str | None]]
    """Destination, status, count of segments and id of each."""


_read = msgspec.json.Decoder(_Kept).decode


def key_of(request: Request) -> str | None:
    """Return the key of a request, ``None`` if it has none.

    Raises:
        ApiError: if it is no key.
    """
    value = request.getHeader(HEADER)
    if value is None:
        return None
    quoted = _quoted(value.strip())
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else value.strip()
    if not _key(key):
        raise bad_request(f"[{HEADER} : Expected 1 to 100 printable ASCII characters.]")
    return key


def fingerprint(request: Request, body: bytes) -> str:
    """Return what tells a request from all others: its path, its query, its body."""
    queried = sorted((name, values) for name, values in request.args.items() if name not in WHO)
    return blake2b(repr((request.path, queried, body)).encode(), digest_size=16).hexdigest()


def kept(bulk_id: str | None, messages: Sequence[SentMessage]) -> str:
    """Return what is kept of an answer."""
    return msgspec.json.encode(
        _Kept(
            bulk_id,
            [
                (
                    one.to,
                    one.status.id,
                    None if one.smsCount is UNSET else one.smsCount,
                    None if one.messageId is UNSET else one.messageId,
                )
                for one in messages
            ],
        )
    ).decode()


def sent(answer: str) -> Sent:
    """Return what was answered to a request that sent one message."""
    found = _read(answer)
    return Sent(found.bulk_id or UNSET, _messages(found))


def sent_messages(answer: str) -> SentMessages:
    """Return what was answered to a request that sent several messages."""
    found = _read(answer)
    return SentMessages(found.bulk_id or UNSET, _messages(found))


def _messages(found: _Kept) -> list[SentMessage]:
    return [
        SentMessage(
            to,
            STATUS_ANSWERS[status],
            UNSET if count is None else count,
            UNSET if message_id is None else message_id,
        )
        for to, status, count, message_id in found.messages
    ]
