"""Short links: what is remembered of them, and what becomes of clicks when much goes wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from smsd.numbering.ported import PortedNumbers, chunk_of
from smsd.services import links
from smsd.services.core import Bounds, Core
from smsd.services.links import DAY, UnknownMessage
from smsd.store.commits import Overloaded
from smsd.store.engine import StoreUnavailable
from smsd.store.links import Click, Link, TooManyMessages, Tracked, Which
from smsd.store.messages import Message, Notify
from smsd.store.pushes import Pushes, lane_of
from smsd.store.settings import Network, Rows
from tests.services.rig import BASE, UNDELIVERED, Node, waiting
from tests.stores import content, gone, result

URL = "http://a.example/"


def track(
    node: Node, urls: int = 1, notify: Notify | None = None, **fields: Any
) -> tuple[Message, list[str]]:
    """Submit a tracked message; return it, and the tokens of its links."""
    shown, stored = node.core.links.shorten([URL] * urls)
    made = content()
    made.tracked, made.notify = True, notify
    (message,) = node.submit(content=made, tracked=Tracked("URL", "key", "type", stored), **fields)
    return message, [one.removeprefix(BASE) for one in shown]


def find(node: Node, token: str) -> Link:
    found = result(node.core.links.find(token))
    assert found is not None
    return found


def rate(node: Node) -> tuple[int, int, int, int, int]:
    (found,) = result(node.core.links.rates(1, Which(), 10))
    return found.messages, found.delivered, found.clicked, found.clicks, found.converted


def test_links_are_never_the_same_and_begin_as_configured(node: Node) -> None:
    shown, stored = node.core.links.shorten([URL] * 500)
    assert len(set(shown)) == 500
    assert shown == [BASE + token for token, _ in stored]
    assert {len(one) for one in shown} == {25} == {len(node.core.links.sample())}


def test_clicks_of_persons_are_to_be_pushed_as_soon_as_they_are_on_disk(node: Node) -> None:
    message, (one, two) = track(
        node, 2, notify=Notify("http://client.example/", xml=True), bulk_id="b", client_id="mine"
    )
    node.core.links.opened(find(node, two), "LINUX", machine=True)
    for token in (two, one):
        node.core.links.opened(find(node, token), "IOS", machine=False)
    assert node.rows("SELECT count(*) FROM push") == [(0,)]
    node.turn()
    pushes = node.rows("SELECT id, account_id, kind, url, form FROM push ORDER BY id")
    assert [row[1:] for row in pushes] == [(1, 4, "http://client.example/", 1)] * 2
    lane = lane_of(1, "http://client.example/")
    found = [push.item for push in result(Pushes(node.engine).due(lane, node.clock.seconds(), 10))]
    assert [(click.token, click.first) for click in found if isinstance(click, Click)] == [
        (two, True),
        (one, False),
    ]
    click = found[0]
    assert isinstance(click, Click)
    assert (click.message_id, click.account_id, click.client_id, click.bulk_id) == (
        message.id,
        1,
        "mine",
        "b",
    )
    assert (click.destination, click.country_prefix, click.network_prefix) == ("385911234567", "385", "91")
    assert (click.os, click.url, click.process_key, click.type) == ("IOS", URL, "key", "type")


@pytest.mark.parametrize(
    ("number", "country", "network"),
    [("385911234567", "385", "911"), ("4915112345678", "49", "151"), ("390612345678", "39", "")],
)
def test_a_click_says_what_its_number_begins_with(
    node: Node, number: str, country: str, network: str
) -> None:
    node.core.networks.apply(Rows(networks=(Network(1, "385911", "21942", "Ours"),)))
    node.core.networks.use_ported(PortedNumbers([(0, chunk_of([(int(number), "22801")]))]))
    (token,) = track(node, destination=number)[1]
    node.core.links.opened(find(node, token), "IOS", machine=False)
    node.turn()
    (click,) = result(node.core.links.clicks(1, Which(), 10))
    assert (click.destination, click.country_prefix, click.network_prefix) == (number, country, network)


def test_without_a_url_of_the_client_s_clicks_are_not_pushed(node: Node) -> None:
    (token,) = track(node)[1]
    node.core.links.opened(find(node, token), "IOS", machine=False)
    node.turn()
    assert node.rows("SELECT count(*) FROM push") == [(0,)]


def test_a_delivery_counts_and_a_failure_does_not(node: Node) -> None:
    for name in ("one", "two"):
        message, _ = track(node)
        node.take_all()
        node.send(message, name)
    node.receipt("one")
    node.receipt("two", UNDELIVERED)
    node.receipt("two")
    node.turn()
    assert rate(node) == (2, 1, 0, 0, 0)


def test_a_message_that_is_not_tracked_costs_no_change(node: Node) -> None:
    node.deliver()
    assert node.rows("SELECT count(*) FROM tracked") == [(0,)]
    assert not any("tracked" in call.query.sql for calls in node.engine.writes for call in calls)


def test_more_messages_than_can_be_counted_are_not_counted_in_part(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smsd.store.links.MOST_COUNTED", 2)
    for bulk_id in ("a", "b", "b"):
        track(node, bulk_id=bulk_id)
    with pytest.raises(TooManyMessages):
        result(node.core.links.rates(1, Which(), 1))
    (found,) = result(node.core.links.rates(1, Which(bulk_ids=["b"]), 1))
    assert found.messages == 2


def test_a_conversion_of_an_unknown_message_is_told(node: Node) -> None:
    message, _ = track(node)
    assert result(node.core.links.convert(1, str(message.id))) == "key"
    for account_id, id in ((1, "x"), (2, str(message.id))):
        with pytest.raises(UnknownMessage):
            result(node.core.links.convert(account_id, id))
    assert rate(node)[4] == 1


def test_those_who_wait_for_links_share_a_look_at_the_table(node: Node) -> None:
    tokens = track(node, 3)[1]
    node.engine.holding = True
    first = waiting(node.core.links.find(tokens[0]))
    others = [waiting(node.core.links.find(token)) for token in (*tokens, tokens[1], "unknown")]
    others[1].addErrback(lambda _: None)
    others[1].cancel()
    node.engine.release()
    found_first = result(first)
    node.engine.release()
    found = [result(one) for one in (*others[:1], *others[2:])]
    assert [one and one.token for one in found] == [tokens[0], tokens[2], tokens[1], None]
    assert found[0] is found_first


def test_too_many_who_wait_are_refused(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "WANTED", 2)
    (token,) = track(node)[1]
    node.engine.holding = True
    two: list[Deferred[Link | None]] = [waiting(node.core.links.find(one)) for one in (token, "x")]
    with pytest.raises(Overloaded):
        result(node.core.links.find(token))
    node.engine.release()
    node.engine.release()
    assert [result(one) is not None for one in two] == [True, False]
    assert find(node, token).url == URL


def test_all_who_wait_hear_that_the_database_is_away(node: Node) -> None:
    (token,) = track(node)[1]
    node.engine.reading = [StoreUnavailable("It is told to be away.")]
    with pytest.raises(StoreUnavailable):
        result(node.core.links.find(token))
    assert find(node, token).url == URL


def test_only_the_links_that_were_opened_last_are_remembered(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "REMEMBERED", 2)
    one, two, three = track(node, 3)[1]
    known = [find(node, token) for token in (one, two, one, three)]
    assert known[0] is known[2]
    assert find(node, one) is known[0]
    assert find(node, two) is not known[1]


def test_clicks_beyond_a_bound_tell_nothing_and_are_not_recorded(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "PERSONS", 3)
    monkeypatch.setattr(links, "MACHINES", 2)
    (token,) = track(node)[1]
    again = node
    for _ in range(2):
        again = again.killed_and_started()
        for machine in (True, False):
            for _ in range(5):
                again.core.links.opened(find(again, token), "IOS", machine)
                again.turn()
        assert again.rows("SELECT machine, count(*) FROM click GROUP BY 1 ORDER BY 1") == [(0, 3), (1, 2)]
    again.close()


def test_a_flood_of_clicks_is_cut_off_and_told_now_and_then(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "UNSTORED", 2)
    (token,) = track(node)[1]
    link = find(node, token)
    with capturedLogs() as logs:
        for _ in range(4):
            node.core.links.opened(link, "IOS", False)
        node.clock.advance(60)
        for _ in range(4):
            node.core.links.opened(link, "IOS", False)
    assert [event["count"] for event in logs if "count" in event] == [1, 2]
    node.turn()
    assert rate(node)[3] == 4


def test_clicks_wait_for_a_database_that_is_away_and_count_once(node: Node) -> None:
    (token,) = track(node, notify=Notify("http://client.example/"))[1]
    link = find(node, token)
    node.engine.after = gone()  # It has made the change, but nobody hears of that.
    node.core.links.opened(link, "IOS", False)
    node.turn()
    node.engine.before = gone(2)
    node.core.links.opened(link, "IOS", False)
    node.clock.pump([1.0] * 10)
    assert [click.first for click in result(node.core.links.clicks(1, Which(), 10))] == [False, True]
    assert node.rows("SELECT count(*) FROM push") == [(2,)]
    assert rate(node) == (1, 0, 1, 2, 0)


@pytest.mark.parametrize("lost", ["before", "after"])
def test_a_message_that_could_not_be_stored_leaves_no_link(node: Node, lost: str) -> None:
    setattr(node.engine, lost, gone())
    track(node)
    assert [heard for heard, _ in node.submitter.heard] == ["not stored"]
    node.clock.pump([1.0] * 10)
    for table in ("message", "tracked", "link"):
        assert node.rows(f"SELECT count(*) FROM {table}") == [(0,)], table


def test_a_node_that_was_killed_finds_links_and_gives_no_id_twice(tmp_path: Path) -> None:
    node = Node(tmp_path / "smsd.db")
    (token,) = track(node)[1]
    node.core.links.opened(find(node, token), "IOS", False)
    node.turn()
    again = node.killed_and_started()
    assert again.ids.newest == node.ids.newest
    again.core.links.opened(find(again, token), "IOS", False)
    again.turn()
    assert rate(again)[2:4] == (1, 2)
    again.close()


def test_old_links_are_removed_and_lead_nowhere(node: Node) -> None:
    old = track(node)[1][0]
    node.clock.advance(60 * DAY)
    young = track(node)[1][0]
    node.clock.advance(30 * DAY + 1)
    assert result(node.core.links.remove_old(node.clock.seconds(), 10)) == 1
    assert result(node.core.links.find(old)) is None
    assert find(node, young).url == URL


def test_without_a_domain_there_are_no_short_links(node: Node) -> None:
    core = Core(node.engine, node.clock, lambda *_: Deferred(), Bounds())
    assert not core.links.can_shorten
