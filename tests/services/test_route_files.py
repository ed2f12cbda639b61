"""Files of routes."""

from __future__ import annotations

import csv
import io
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from smsd.services.columns import SettingError
from smsd.services.route_administration import HEADS, routes_of
from smsd.store.settings import Rows
from tests.services.rig import account, channel

ROWS = Rows((account(),), (channel(),))
FIELDS = {
    "account": st.sampled_from(["", "demo"]),
    "channel": st.just("operator"),
    "code": st.sampled_from(["", "gold"]),
    "prefix": st.from_regex(r"[0-9]{0,15}", fullmatch=True),
    "country": st.sampled_from(["", "HR", "at"]),
    "network": st.sampled_from(["", "219", "21910"]),
    "sender": st.sampled_from(["", "Info", "I, o*"]),
    "type": st.sampled_from(["", "text"]),
    "hours": st.sampled_from(["", "mon, tue 08:00-09:00 UTC"]),
    "priority": st.integers(-1000, 1000).map(str),
    "weight": st.integers(1, 1000).map(str),
    "price": st.decimals(0, 10, places=3).map(str),
}


@given(st.lists(st.fixed_dictionaries(FIELDS)))
def test_what_is_written_is_read(lines: list[dict[str, str]]) -> None:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(FIELDS))
    writer.writeheader()
    writer.writerows(lines)
    routes = list(routes_of(io.StringIO(file.getvalue()), ROWS))
    assert len(routes) == len(lines)
    for route, line in zip(routes, lines, strict=True):
        for name in ("code", "prefix", "network", "sender", "type", "hours", "price"):
            assert getattr(route, name) == line[name]
        assert (str(route.priority), str(route.weight)) == (line["priority"], line["weight"])
        assert (route.country, route.cost, route.action) == (line["country"].upper(), "0", "send")
        assert route.account_id == (1 if line["account"] else None)


@given(st.lists(st.sampled_from(HEADS), unique=True), st.text(max_size=200))
def test_any_file_is_read_or_is_refused_in_words(heads: list[str], text: str) -> None:
    lines = io.StringIO(",".join(heads) + "\n" + text)
    with suppress(SettingError):
        for route in routes_of(lines, ROWS):
            assert route.action
