"""Kinds of numbers, against the library whose number plans they are read from."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering.kinds import Kind, kind

TYPES = {value: name for name, value in vars(phonenumbers.PhoneNumberType).items() if isinstance(value, int)}
BASES = sorted(
    str(number.country_code) + str(number.national_number)
    for region in phonenumbers.SUPPORTED_REGIONS
    for type in (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE)
    if (number := phonenumbers.example_number_for_type(region, type)) is not None
)


def of_the_library(number: str) -> tuple[str, str]:
    """Return the country and the type of a number, as the library has them; nothing if it is none."""
    parsed = phonenumbers.PhoneNumber()
    for length in (1, 2, 3):
        if int(number[:length]) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            national = number[length:]
            zeros = len(national) - len(national.lstrip("0"))
            parsed = phonenumbers.PhoneNumber(
                country_code=int(number[:length]),
                national_number=int(national or "0"),
                italian_leading_zero=zeros > 0 or None,
                number_of_leading_zeros=zeros if zeros > 1 else None,
            )
    if not phonenumbers.is_valid_number(parsed):
        return "", ""
    region = phonenumbers.region_code_for_number(parsed) or ""
    return "" if region == "001" else region, TYPES[phonenumbers.number_type(parsed)]


@given(st.sampled_from(BASES), st.text("0123456789", min_size=0, max_size=7))
def test_a_number_is_of_the_kind_that_the_library_says(base: str, end: str) -> None:
    number = base[: len(base) - len(end)] + end if end else base
    found = kind(number)
    assert (found.country if found.correct else "", found.type) == of_the_library(number)


@given(st.text())
def test_whatever_is_asked_about_has_a_kind(text: str) -> None:
    assert isinstance(kind(text), Kind)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("385915369421", Kind("HR", "385", "MOBILE")),
        ("38514567890", Kind("HR", "385", "FIXED_LINE")),
        ("14165550123", Kind("CA", "1", "FIXED_LINE_OR_MOBILE")),
        ("447797712345", Kind("JE", "44", "MOBILE")),
        ("77012345678", Kind("KZ", "7", "MOBILE")),
        ("80012345678", Kind("", "800", "TOLL_FREE")),
        ("38591", Kind("HR", "385", "")),
        ("999123456", Kind("", "", "")),
        ("", Kind()),
    ],
)
def test_countries_that_share_a_calling_code_are_told_apart(number: str, expected: Kind) -> None:
    assert kind(number) == expected
