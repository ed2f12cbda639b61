"""Patterns of numbers, followed digit by digit."""

from __future__ import annotations

import re
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering.patterns import after, may_end, parsed, takes_all

digits = st.text("0123", max_size=8)
classes = st.sampled_from(["0", "1", "[12]", "[0-2]", r"\d", "[03]", "3"])


def groups(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    several = st.lists(inner, min_size=1, max_size=3)
    return (
        several.map("".join)
        | several.map(lambda some: f"(?:{'|'.join(some)})")
        | st.tuples(several, st.sampled_from(["?", "{2}", "{1,3}", "{0,2}"])).map(
            lambda both: f"(?:{'|'.join(both[0])}){both[1]}"
        )
    )


patterns = st.recursive(
    st.tuples(classes, st.sampled_from(["", "", "?", "{2}", "{0,2}"])).map("".join), groups, max_leaves=8
)


@given(patterns, digits)
def test_a_pattern_is_followed_as_re_matches_it(pattern: str, number: str) -> None:
    rest = reduce(after, number, parsed(pattern))
    assert may_end(rest) == bool(re.fullmatch(pattern, number))


@given(patterns, digits, digits)
def test_what_cannot_go_on_never_matches_and_what_takes_all_does(
    pattern: str, number: str, more: str
) -> None:
    rest = reduce(after, number, parsed(pattern))
    matches = re.fullmatch(pattern, number + more)
    if not rest:
        assert not matches
    if takes_all(rest):
        fitting = [count for count in range(20) if re.fullmatch(pattern, number + "0" * count)]
        assert not fitting or re.fullmatch(pattern, number + (more + "3" * 20)[: fitting[0]])


@pytest.mark.parametrize("pattern", ["a", "1*", "(?:1", "1)", "[a]", "{2}", "?1", "[^1]"])
def test_what_is_no_pattern_of_digits_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"pattern|open|repeat"):
        parsed(pattern)
