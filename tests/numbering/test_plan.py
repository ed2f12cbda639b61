"""Networks of numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smsd.numbering.plan import UNKNOWN, Plan

digits = st.text("012", min_size=1, max_size=6)


def test_the_longest_prefix_counts() -> None:
    plan = Plan({"385": "21901", "38591": "21910", "4179": "22801"})
    assert plan.network("385911234567") == "21910"
    assert plan.network("385981234567") == "21901"
    assert plan.network("385") == "21901"
    assert plan.network("417") == UNKNOWN
    assert Plan({}).network("385911234567") == UNKNOWN


@given(st.dictionaries(digits, digits), st.text("012", max_size=8))
def test_so_it_is_for_all_plans_and_numbers(prefixes: dict[str, str], number: str) -> None:
    fitting = [prefix for prefix in prefixes if number.startswith(prefix)]
    expected = prefixes[max(fitting, key=len)] if fitting else UNKNOWN
    assert Plan(prefixes).network(number) == expected
