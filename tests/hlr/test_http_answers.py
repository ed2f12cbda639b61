from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.hlr.http_answers import Malformed, read, refusal
from smsd.numbering.context import Context, Network
from smsd.services.lookup import NoAnswer
from tests.hlr.asking import NUMBER

DELIVERED = {"groupId": 3, "groupName": "DELIVERED", "id": 5, "name": "DELIVERED_TO_HANDSET"}
UNDELIVERABLE = {"groupId": 2, "groupName": "UNDELIVERABLE", "id": 9, "name": "UNDELIVERABLE_NOT_DELIVERED"}
REJECTED = {"groupId": 5, "groupName": "REJECTED", "id": 12, "name": "REJECTED_NOT_ENOUGH_CREDITS"}
INVALID = {"groupId": 5, "groupName": "REJECTED", "id": 52, "name": "REJECTED_DESTINATION"}


def result(**changes: Any) -> dict[str, Any]:
    given = {"to": NUMBER, "status": DELIVERED, "error": {"id": 0}}
    return {name: value for name, value in (given | changes).items() if value is not None}


def said(**changes: Any) -> Context | NoAnswer:
    (found,) = read(json.dumps({"results": [result(**changes)]}).encode()).values()
    return found


def known(**changes: Any) -> Context:
    found = said(**changes)
    assert isinstance(found, Context)
    return found


def test_all_that_a_result_may_hold_is_taken_over() -> None:
    assert known(
        mccMnc="21902",
        imsi="219021100935850",
        servingMSC="38595016",
        originalNetwork={"networkName": "VipNet", "networkPrefix": "91", "countryPrefix": "385"},
        ported=True,
        portedNetwork={"networkName": "Tele2", "countryName": "Croatia"},
        roaming=True,
        roamingNetwork={"networkName": "A1", "networkPrefix": "664", "countryPrefix": "43"},
    ) == Context(
        error=0,
        imsi="219021100935850",
        serving_msc="38595016",
        original=Network("VipNet", "91", "", "385"),
        ported=True,
        ported_network=Network("Tele2", country_name="Croatia", mccmnc="21902"),
        roaming=True,
        roaming_network=Network("A1", "664", "", "43"),
    )


def test_the_mcc_and_mnc_are_those_of_the_network_that_has_the_number() -> None:
    assert known(mccMnc="22801").original == Network(mccmnc="22801")
    assert known(mccMnc="22801", ported=False).original == Network(mccmnc="22801")
    moved = known(mccMnc="22801", ported=True)
    assert (moved.original, moved.ported_network) == (None, Network(mccmnc="22801"))


@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (DELIVERED, 0, 0),
        (DELIVERED, None, 0),
        (UNDELIVERABLE, 1, 1),
        (UNDELIVERABLE, 27, 27),
        (UNDELIVERABLE, 0, 255),
        (UNDELIVERABLE, 987654, 255),
        (UNDELIVERABLE, None, 255),
    ],
)
def test_status_and_error_say_whether_a_number_can_be_reached(
    status: dict[str, Any], error: int | None, expected: int
) -> None:
    assert known(status=status, error=None if error is None else {"id": error}).error == expected


def test_what_can_be_no_number_is_not_correct() -> None:
    assert said(status=INVALID) == Context(correct=False)


def test_what_only_a_plan_says_does_not_say_that_a_phone_can_be_reached() -> None:
    assert known(status=DELIVERED | {"id": 2, "name": "DELIVERED_TO_OPERATOR"}).error is None


def test_a_peer_that_has_no_answer_itself_gives_none() -> None:
    assert isinstance(said(status=UNDELIVERABLE, error={"id": 502}), NoAnswer)


def test_a_refusal_is_no_answer_and_says_so() -> None:
    refused = said(status=REJECTED)
    assert isinstance(refused, NoAnswer)
    assert str(refused) == "The peer says REJECTED_NOT_ENOUGH_CREDITS."


def test_a_result_that_can_not_be_read_costs_the_others_nothing() -> None:
    broken = [1, None, {}, result(status=5), result(to=7), result(to="abc"), result(imsi=5)]
    body = json.dumps({"results": [*broken, result(to="+41793026727")]})
    assert list(read(body.encode())) == ["41793026727"]


def test_what_makes_no_sense_is_left_out() -> None:
    context = known(
        mccMnc="null",
        imsi="\x00\x01",
        servingMSC="x" * 1000,
        originalNetwork={"networkName": "A\nB", "networkPrefix": "ninety", "countryName": "x" * 1000},
    )
    assert context == Context(error=0)


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b'{"results": 1}', b"<results/>", b"\xff", b"[" * 10_000]
)
def test_a_body_without_results_is_no_answer(body: bytes) -> None:
    with pytest.raises(Malformed):
        read(body)


def test_the_text_of_an_error_is_found() -> None:
    error = {"requestError": {"serviceException": {"messageId": "BAD_REQUEST", "text": "[to : too many]"}}}
    assert refusal(json.dumps(error).encode()) == "[to : too many]"
    assert refusal(b"Bad Gateway") == ""


@given(st.binary())
def test_arbitrary_octets_do_no_harm(body: bytes) -> None:
    refusal(body)
    with suppress(Malformed):
        read(body)


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
values = (
    scalars
    | st.lists(scalars, max_size=3)
    | st.dictionaries(st.sampled_from(["networkName", "countryPrefix", "id", "x"]), scalars, max_size=3)
)


@given(st.dictionaries(st.sampled_from(["mccMnc", "imsi", "ported", "originalNetwork", "error"]), values))
def test_whatever_a_result_holds_its_texts_are_short_and_can_be_shown(changes: dict[str, Any]) -> None:
    for context in read(json.dumps({"results": [result(**changes)]}).encode()).values():
        assert isinstance(context, Context)
        assert context.imsi is None or context.imsi.isdecimal()
        assert context.original is None or len(context.original.name) <= 100
