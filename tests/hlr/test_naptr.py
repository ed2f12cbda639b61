from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsd.hlr.naptr import Naptr, Portability, context, domain, portability
from smsd.numbering.context import Context, Network
from tests.hlr.asking import NUMBER

PORTED = "!^.*$!tel:+385915369421;npdi;rn=+385-98-0001!"
NOT_PORTED = "!^.*$!tel:+385915369421;npdi!"


def record(
    regexp: str = PORTED,
    *,
    order: int = 100,
    preference: int = 10,
    flags: str = "u",
    service: str = "E2U+pstn:tel",
) -> Naptr:
    return Naptr(order, preference, flags, service, regexp)


def read(*records: Naptr) -> Portability | None:
    return portability(NUMBER, records)


def test_a_number_is_a_domain_digit_by_digit_backwards() -> None:
    assert domain("38591", "e164.arpa") == "1.9.5.8.3.e164.arpa"
    assert domain("38591", ".mnp.example.") == "1.9.5.8.3.mnp.example"


def test_a_routing_number_says_that_a_number_was_ported() -> None:
    assert read(record()) == Portability(True, "385980001")


def test_a_look_up_without_a_routing_number_says_that_it_was_not() -> None:
    assert read(record(NOT_PORTED)) == Portability(True, "")


@pytest.mark.parametrize(
    ("regexp", "routing"),
    [
        (r"!^\+(.*)$!tel:+\1;npdi;rn=D012!", "D012"),
        (r"!^(\+385)91([0-9]+)$!tel:\1-91-\2;rn=d0.12;rn-context=+385;npdi!", "D012"),
        (r"/^.*$/tel:+385915369421;RN=+38598;NPDI/i", "38598"),
        (r"!^.*$!TEL:+385(91)536.9421;npdi;rn=+38598!", "38598"),
        (r"!^\+38591[0-9]{7}$!tel:+385915369421;npdi;rn=1!", "1"),
    ],
)
def test_a_record_may_be_written_in_many_ways(regexp: str, routing: str) -> None:
    assert read(record(regexp)) == Portability(True, routing)


@pytest.mark.parametrize(
    "one",
    [
        record(flags=""),
        record(service="E2U+sip"),
        record(service="pstn:tel"),
        record(""),
        record("!"),
        record("!^.*$!"),
        record("!^.*$!sip:1@example.com!"),
        record("!^.*$!tel:911;npdi!"),
        record("!^.*$!tel:+385915369421;npdi!x!"),
        record("!^.*$!tel:+385915369421;npdi!x"),
        record(r"!^\+1!tel:+385915369421;npdi!"),
        record(r"!^.*$!tel:+\1;npdi!"),
        record(r"!^(.*$!tel:+\1;npdi!"),
        record(r"!^(([0-9+])*)*$!tel:+385915369421;npdi!"),
        record(r"!^.*.*.*.*.*$!tel:+385915369421;npdi!"),
    ],
)
def test_a_record_of_which_nothing_is_understood_is_left_out(one: Naptr) -> None:
    assert read(one) is None
    assert read(one, record(order=200)) == Portability(True, "385980001")


def test_the_first_record_by_order_and_preference_counts() -> None:
    assert read(record(order=101), record(NOT_PORTED)) == Portability(True, "")
    assert read(record(preference=20), record(NOT_PORTED)) == Portability(True, "")


def test_a_service_may_be_one_of_several() -> None:
    assert read(record(service="e2u+sip+PSTN:tel")) == Portability(True, "385980001")


def test_the_longest_beginning_of_a_routing_number_says_whose_it_is() -> None:
    networks = {"3": "11111", "38598": "21902", "385985": "22222"}
    assert context(Portability(True, "385980001"), networks) == Context(
        ported=True, ported_network=Network(mccmnc="21902")
    )
    assert context(Portability(True, "D012"), networks) == Context(ported=True)
    assert context(Portability(True, ""), networks) == Context(ported=False)


def test_what_was_not_looked_up_says_nothing() -> None:
    assert context(Portability(False, ""), {}) == Context()
    assert context(None, {}) == Context()


@given(st.text(max_size=60), st.text(max_size=20))
def test_arbitrary_records_do_no_harm(regexp: str, service: str) -> None:
    read(record(regexp, service=service), record(regexp))


@settings(deadline=500)
@given(
    st.lists(
        st.sampled_from(
            [".*", ".+", "[0-9]*", "(.*)", "\\+", "[0-9]{3}", ".?", "(", ")", "0", "^", "$", "[0-"]
        ),
        max_size=30,
    ),
)
def test_no_expression_takes_long(parts: list[str]) -> None:
    portability("123456789012345", [record(f"!{''.join(parts)}x!tel:+1;npdi!")])
