from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.channels.operator_ids import OperatorIds, canonical

number = st.integers(1, 2**63 - 1)


def known(ids: OperatorIds, response: str, receipt: str) -> bool:
    """Tell whether a receipt's id leads to a response's."""
    name = ids.of_response(response)
    return name in ids.of_receipt(receipt)


@pytest.mark.parametrize(
    ("operator_id", "name"),
    [("00AB", "ab"), ("0", "0"), ("000", "0"), ("", "0"), (" 7 ", "7"), ("x-1", "x-1")],
)
def test_case_and_zeros_in_front_make_no_difference(operator_id: str, name: str) -> None:
    assert canonical(operator_id) == name


@given(number, st.sampled_from(["{:d}", "{:x}", "{:X}", "{:010d}", "{:08X}"]), st.data())
def test_the_first_receipt_is_found_in_whatever_notation(
    one: int, notation: str, data: st.DataObject
) -> None:
    other = data.draw(st.sampled_from(["{:d}", "{:x}", "{:X}", "{:020d}", "{:016X}"]))
    assert known(OperatorIds(), notation.format(one), other.format(one))


@given(number)
def test_other_ids_are_compared_as_they_are(one: int) -> None:
    ids = OperatorIds()
    name = f"{one:x}-abc-{one}"
    assert ids.of_receipt(ids.of_response(name)) == (name,)


def test_after_a_while_hexadecimal_responses_and_decimal_receipts_are_beyond_doubt() -> None:
    ids = OperatorIds()
    for one in range(0x1A2B_3C00, 0x1A2B_3C10):
        assert known(ids, f"{one:08X}", str(one))
    assert ids.of_receipt(str(0x10)) == ("10",)


def test_after_a_while_decimal_responses_and_hexadecimal_receipts_are_beyond_doubt() -> None:
    ids = OperatorIds()
    for one in range(1_000_000_000, 1_000_000_010):
        assert known(ids, str(one), f"{one:x}")
    assert ids.of_receipt("10") == ("16",)


def test_after_a_while_the_same_notation_is_beyond_doubt() -> None:
    ids = OperatorIds()
    for one in range(1_000_000_000, 1_000_000_003):
        ids.of_response(str(one))
        assert ids.of_receipt(str(one))[0] == str(one)
    assert ids.of_receipt("10") == ("10",)


def test_hexadecimal_everywhere_is_the_same_notation() -> None:
    ids = OperatorIds()
    assert ids.of_receipt(ids.of_response("00AB")) == ("ab",)
    assert ids.of_receipt("10") == ("10",)


@pytest.mark.parametrize(
    ("notation", "receipt", "names"),
    [
        ("same", "0010", ("10",)),
        ("decimal", "16", ("10",)),
        ("decimal", "x", ("x",)),
        ("hexadecimal", "10", ("16",)),
        ("hexadecimal", "x", ("x",)),
    ],
)
def test_what_the_operator_s_engineer_says_counts(notation: str, receipt: str, names: tuple[str]) -> None:
    ids = OperatorIds(notation)  # type: ignore[arg-type]  # A parameter, which is one of the words.
    assert ids.of_receipt(receipt) == names


@given(st.text())
def test_any_text_is_a_name(text: str) -> None:
    ids = OperatorIds()
    assert ids.of_response(text) in ids.of_receipt(text)
    assert len(ids.of_receipt(text)) <= 3
