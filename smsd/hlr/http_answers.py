"""Answers of ``POST /number/1/query``, read without I/O: whatever they hold, they do no harm."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from smsd.hlr import untrusted
from smsd.numbering.addresses import destination
from smsd.numbering.context import Context, Network
from smsd.services.lookup import NoAnswer
from smsd.services.statuses import (
    DELIVERED_GROUP,
    DELIVERED_TO_OPERATOR,
    NO_ERROR,
    NO_RESPONSE,
    REJECTED_DESTINATION,
    UNDELIVERABLE_GROUP,
)


class Malformed(ValueError):
    """The body is no answer at all."""


class _Network(msgspec.Struct, rename="camel"):
    network_name: str | None = None
    network_prefix: str | None = None
    country_name: str | None = None
    country_prefix: str | None = None


class _Status(msgspec.Struct, rename="camel"):
    group_id: int
    id: int
    name: str = ""


class _Error(msgspec.Struct):
    id: int = NO_ERROR


class _Result(msgspec.Struct, rename="camel"):
    to: str
    status: _Status
    error: _Error | None = None
    mcc_mnc: str | None = None
    imsi: str | None = None
    original_network: _Network | None = None
    ported: bool | None = None
    ported_network: _Network | None = None
    roaming: bool | None = None
    roaming_network: _Network | None = None
    serving_msc: str | None = msgspec.field(default=None, name="servingMSC")


class _Answer(msgspec.Struct):
    results: list[msgspec.Raw]


class _Service(msgspec.Struct, rename="camel"):
    text: str = ""


class _Exception(msgspec.Struct, rename="camel"):
    service_exception: _Service


class _Refusal(msgspec.Struct, rename="camel"):
    request_error: _Exception


_answers = msgspec.json.Decoder(_Answer)
_results = msgspec.json.Decoder(_Result)
_refusals = msgspec.json.Decoder(_Refusal)


def read(body: bytes) -> Mapping[str, Context | NoAnswer]:
    """Return what an answer says of each number: of one whose result can't be read, nothing.

    Raises:
        Malformed: if there are no results.
    """
    try:
        answer = _answers.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(str(error)) from error
    found: dict[str, Context | NoAnswer] = {}
    for raw in answer.results:
        try:
            result = _results.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        number = destination(result.to)
        if number is not None:
            found[number] = _read(result)
    return found


def _read(result: _Result) -> Context | NoAnswer:
    group, status = result.status.group_id, result.status.id
    if status == REJECTED_DESTINATION:
        return Context(correct=False)
    error: int | None
    if group == DELIVERED_GROUP:
        # Delivered to the operator alone: nobody was asked who would know.
        error = None if status == DELIVERED_TO_OPERATOR else NO_ERROR
    elif group == UNDELIVERABLE_GROUP:
        error = untrusted.error(result.error.id if result.error is not None else NO_ERROR)
        if error == NO_RESPONSE:
            return NoAnswer(untrusted.NO_ANSWER_ITSELF)
    else:
        return NoAnswer(f"The peer says {untrusted.name(result.status.name) or f'status {status}'}.")
    ported = result.ported
    return Context(
        error=error,
        imsi=untrusted.digits(result.imsi) or None,
        serving_msc=untrusted.address(result.serving_msc),
        original=_network(result.original_network, None if ported else result.mcc_mnc),
        ported=ported,
        ported_network=_network(result.ported_network, result.mcc_mnc if ported else None),
        roaming=result.roaming,
        roaming_network=_network(result.roaming_network, None),
    )


def _network(said: _Network | None, mccmnc: str | None) -> Network | None:
    """Return a network; the MCC and MNC are those of the one that has the number now."""
    said = said or _Network()
    return untrusted.network(
        said.network_name,
        said.network_prefix,
        said.country_name,
        said.country_prefix,
        code=mccmnc,
    )


def refusal(body: bytes) -> str:
    """Return the text of an error's body; empty if it has none."""
    try:
        return untrusted.name(_refusals.decode(body).request_error.service_exception.text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
