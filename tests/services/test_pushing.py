"""Pushes on their way to clients' URLs: when they are tried, how many at once, and what is left of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import LogLevel, capturedLogs

from smsd.services import pushing as module
from smsd.services.administration import Administration
from smsd.services.push_requests import NotPushed, Pace, Reach, shown
from smsd.services.pushing import FAREWELL, RETRIES, pause_before
from smsd.services.shares import Shares
from smsd.services.submission import Refused
from smsd.services.tracking import Outcome
from smsd.store.engine import Call, Query, StoreRefused
from smsd.store.messages import Report
from smsd.store.pushes import CLAIM_REPORTS, report_push
from tests.services.pushes import URL, Client, at_rest, deliver, notified, owed, reports, start, submit, wait
from tests.services.rig import Node, account
from tests.stores import gone, result

OTHER = "https://other.example/reports"


@pytest.fixture
def client() -> Client:
    return Client()


def fetch(node: Node, account_id: int = 1) -> list[int]:
    """Fetch reports; return the ids of their messages."""
    return [message.id for message in result(node.core.reports.fetch(account_id, [], [], 1000))]


def test_a_report_is_pushed_when_it_is_on_disk(node: Node, client: Client) -> None:
    start(node, client)
    (id,) = deliver(node)
    assert [request.ids for request in client.requests] == [(id,)]
    assert owed(node) == []
    assert reports(node) == {id: Report.NONE}
    assert fetch(node) == []
    at_rest(node)


def test_the_ladder_to_its_end(node: Node, client: Client) -> None:
    client.refuse()
    start(node, client)
    (id,) = deliver(node)
    for retry in range(RETRIES):
        assert len(client.requests) == retry + 1
        assert reports(node) == {id: Report.FETCH}
        due = client.requests[-1].at + pause_before(retry)
        wait(node, due - node.clock.seconds() - 1, step=600)
        assert len(client.requests) == retry + 1
        wait(node, 1)
    assert client.requests[-1].at - client.requests[0].at == 41.5 * 3600
    assert owed(node) == []
    assert reports(node) == {id: Report.NONE}
    wait(node, 100 * 3600, step=600)
    assert len(client.requests) == RETRIES + 1
    assert fetch(node) == []
    at_rest(node)


def restarted(node: Node, client: Client) -> Node:
    """Kill the node, and start another one on its database."""
    again = node.killed_and_started()
    client.under_way.clear()
    client.slow = lambda url: False
    start(again, client)
    return again


def test_after_a_kill_goes_on_what_was_stored_but_not_tried(tmp_path: Path, client: Client) -> None:
    node = Node(tmp_path / "smsd.db")
    (id,) = deliver(node)  # The service has not started.
    node = restarted(node, client)
    assert client.taken == [id]
    at_rest(node)
    node.close()


@pytest.mark.parametrize("tried", [0, 1])
def test_after_a_kill_is_sent_again_what_was_under_way(tmp_path: Path, client: Client, tried: int) -> None:
    node = Node(tmp_path / "smsd.db")
    start(node, client)
    client.refuse()
    (id,) = deliver(node) if tried else [0]
    wait(node, 58)
    client.accept()
    client.slow = lambda url: True
    if tried:
        wait(node, 4)
    else:
        (id,) = deliver(node)
    assert len(client.requests) == tried + 1
    assert reports(node) == {id: Report.PUSH}
    node = restarted(node, client)
    assert client.taken == [id]
    assert reports(node) == {id: Report.NONE}
    at_rest(node)
    node.close()


def test_after_a_kill_what_waits_is_tried_at_its_time(tmp_path: Path, client: Client) -> None:
    node = Node(tmp_path / "smsd.db")
    client.refuse()
    start(node, client)
    first, second = deliver(node), deliver(node, url=OTHER)
    client.accept()
    wait(node, 30)
    node = restarted(node, client)
    assert (len(client.requests), client.taken) == (2, [])
    wait(node, 32)
    assert sorted(client.taken) == first + second
    at_rest(node)
    node.close()


def test_after_a_kill_comes_again_what_was_taken_but_not_stored(tmp_path: Path, client: Client) -> None:
    node = Node(tmp_path / "smsd.db")
    start(node, client)
    client.slow = lambda url: True
    (id,) = deliver(node)
    node.engine.before = gone(100)
    client.answer()
    node.turn()
    node = restarted(node, client)
    assert client.taken == [id, id]
    at_rest(node)
    node.close()


def test_requests_carry_fewer_the_more_often_they_were_in_vain(node: Node, client: Client) -> None:
    deliver(node, 64)  # Before the service starts, so that all are due at once.
    client.refuse()
    start(node, client, Pace(batch=64))
    sizes = []
    for retry in range(5):
        sizes.append({len(request.ids) for request in client.requests})
        client.requests.clear()
        wait(node, pause_before(retry) + 2)
    assert sizes == [{64}, {16}, {4}, {1}, {1}]


def test_one_report_that_a_client_fails_on_soon_fails_alone(node: Node, client: Client) -> None:
    ids = deliver(node, 16)
    client.verdict = lambda sent: (
        NotPushed("No.", Reach.REQUEST) if any(push.id == ids[5] for push in sent) else None
    )
    start(node, client, Pace(batch=16))
    assert client.taken == []
    wait(node, 62 + 122 + 302)
    assert sorted([*client.taken, ids[5]]) == ids


def test_a_refused_request_keeps_no_other_from_its_url(node: Node, client: Client) -> None:
    start(node, client, Pace(batch=1))
    first: list[int] = []
    client.verdict = lambda sent: NotPushed("No.", Reach.REQUEST) if sent[0].id in first else None
    client.slow = lambda url: True
    first += deliver(node)
    others = deliver(node, 8)
    client.slow = lambda url: False
    while client.under_way:
        client.answer()
        node.turn()
    assert sorted(client.taken) == others
    wait(node, 50)
    assert len(client.requests) == 9


@pytest.mark.parametrize(("reach", "neighbours"), [(Reach.URL, True), (Reach.HOST, False)])
def test_what_would_fail_as_well_is_not_tried(
    node: Node, client: Client, reach: Reach, neighbours: bool
) -> None:
    start(node, client, Pace(connections=8, batch=1))
    here, beside = URL + "?x", "https://client.example/other"
    client.slow = lambda url: True
    deliver(node, 2, url=URL)
    deliver(node, 3, url=here)
    deliver(node, 2, url=beside)
    deliver(node, 3, url=beside)
    deliver(node, url=OTHER)
    assert len(client.under_way) == 5
    client.refuse(reach, URL)
    client.slow = lambda url: False
    client.answer()
    node.turn()
    assert client.of(here) == []
    failures = node.rows("SELECT url, attempts, failure FROM push WHERE attempts > 0 ORDER BY id")
    assert failures == [
        (url, 1, "No.") for url in ([URL] + [here] * 3 + ([] if neighbours else [beside] * 3))
    ]
    client.accept()
    while client.under_way:
        client.answer()
        node.turn()
    assert len(client.taken) == (7 if neighbours else 4)
    wait(node, 62)
    assert len(client.taken) == 11
    at_rest(node)


@pytest.mark.parametrize(
    "limits",
    [
        {"LANES": 2},
        {"LANES": 3, "LOOKED_AT": 1},
        {"LANES": 9, "LANES_OF_HOST": 2, "LOOKED_AT": 2},
        {"SIZE": 4},
        {"REQUESTS": 1},
        {"REQUESTS": 3, "LANES": 4, "SIZE": 4, "LOOKED_AT": 3},
    ],
)
@pytest.mark.parametrize("fails", [False, True])
def test_within_narrow_limits_all_is_pushed_in_the_end(
    node: Node, client: Client, monkeypatch: pytest.MonkeyPatch, limits: dict[str, int], fails: bool
) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(module, name, value)
    for name, limited in (("_lanes_shared", "LANES"), ("_requests", "REQUESTS")):
        setattr(node.core.pushing, name, Shares(getattr(module, limited)))
    if fails:
        client.refuse()
    start(node, client, Pace(batch=3))
    client.slow = lambda url: not fails
    ids = [
        id
        for number in range(36)
        for id in deliver(node, url=f"https://client{number % 3}.example/{number % 12}")
    ]
    for owner in (2, 3):
        ids += deliver(node, 3, url=f"https://client{owner}.example/x", account=account(owner, f"a{owner}"))
    assert len(client.under_way) <= limits.get("REQUESTS", 99)
    client.slow = lambda url: False
    while client.under_way:
        client.answer()
        node.turn()
    client.accept()
    wait(node, 20)
    wait(node, 60)
    wait(node, 20)
    assert sorted(client.taken) == ids
    assert owed(node) == []
    at_rest(node)


def test_a_url_an_account_and_all_of_them_have_their_shares_of_a_host(node: Node, client: Client) -> None:
    start(node, client, Pace(connections=16, batch=1))
    client.slow = lambda url: True
    deliver(node, 8)
    assert len(client.under_way) == 4
    for number in range(4):
        deliver(node, 8, url=f"{URL}/{number}")
    assert len(client.under_way) == 8
    deliver(node, 8, url=f"{URL}/x", account=account(2, "other"))
    assert len(client.under_way) == 12
    deliver(node, 8, url=f"{URL}/y", account=account(3, "another"))
    assert len(client.under_way) == 14
    deliver(node, url=OTHER)
    assert len(client.under_way) == 15
    client.slow = lambda url: False
    while client.under_way:
        client.answer()
        node.turn()
    wait(node, 2)
    assert len(client.taken) == 8 * 7 + 1
    at_rest(node)


def test_one_account_s_slow_hosts_leave_the_others_requests(
    node: Node, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.core.pushing._requests = Shares(10)
    start(node, client)
    client.slow = lambda url: True
    for number in range(20):
        deliver(node, url=f"https://slow{number}.example/")
    assert len(client.under_way) == 5
    client.slow = lambda url: False
    (id,) = deliver(node, url=OTHER, account=account(2, "other"))
    assert client.taken == [id]
    while client.under_way:
        client.answer()
        node.turn()
    assert len(client.taken) == 21
    at_rest(node)


def test_one_account_s_many_urls_leave_the_others_lanes(node: Node, client: Client) -> None:
    node.core.pushing._lanes_shared = Shares(10)
    start(node, client)
    client.slow = lambda url: True
    for number in range(20):
        deliver(node, url=f"https://slow{number}.example/")
    assert len(client.under_way) == 5
    client.slow = lambda url: False
    (id,) = deliver(node, url=OTHER, account=account(2, "other"))
    assert client.taken == [id]
    while client.under_way:
        client.answer()
        node.turn()
        wait(node, 2)
    assert len(client.taken) == 21
    at_rest(node)


def test_a_host_has_so_many_requests_a_second_after_a_burst_of_one(node: Node, client: Client) -> None:
    start(node, client, Pace(connections=100, rate=5.0, batch=1))
    wait(node, 10)
    begin = node.clock.seconds()
    deliver(node, 40)
    assert len(client.requests) == 5
    deliver(node, url=OTHER)
    assert len(client.of(OTHER)) == 1
    wait(node, 20, step=0.1)
    times = [request.at - begin for request in client.of(URL)]
    assert len(times) == 40
    for number, time in enumerate(times):
        assert time >= (number - 5) / 5.0 - 0.01
    assert times[-1] < 8
    at_rest(node)


def test_what_was_fetched_while_it_waited_is_not_pushed(node: Node, client: Client) -> None:
    start(node, client)
    client.refuse()
    ids = deliver(node, 4)
    client.accept()
    (fetched,) = result(node.core.reports.fetch(1, [], [str(ids[1])], 10))
    wait(node, 62)
    assert sorted(client.taken) == [id for id in ids if id != fetched.id]
    assert fetch(node) == []
    assert owed(node) == []
    at_rest(node)


def test_what_can_not_be_claimed_just_now_is_tried_when_the_database_is_back(
    node: Node, client: Client
) -> None:
    start(node, client)
    client.refuse()
    (id,) = deliver(node)
    client.accept()
    wait(node, 59)
    node.engine.before = gone(3)
    wait(node, 3)
    assert client.taken == []
    wait(node, 3)
    assert client.taken == [id]
    assert owed(node) == []
    at_rest(node)


def test_a_claim_that_is_refused_puts_the_push_off(
    node: Node, client: Client, logged_failures: list[type[BaseException]]
) -> None:
    logged_failures.append(StoreRefused)
    start(node, client)
    client.refuse()
    (id,) = deliver(node)
    client.accept()
    node.engine.refuses = lambda call: call.query is CLAIM_REPORTS
    wait(node, 62)
    node.engine.refuses = lambda call: False
    assert client.taken == []
    assert node.rows("SELECT attempts FROM push") == [(2,)]
    wait(node, 122)
    assert client.taken == [id]
    at_rest(node)


def test_a_stop_waits_a_moment_for_requests_and_they_count(node: Node, client: Client) -> None:
    pushing = start(node, client)
    client.slow = lambda url: True
    (id,) = deliver(node)
    stopped: list[Any] = []
    pushing.stopService().addBoth(stopped.append)
    (later,) = deliver(node)
    assert (len(client.requests), stopped) == (1, [])
    client.answer()
    node.turn()
    assert stopped == [None]
    assert client.closed == 1
    assert reports(node) == {id: Report.NONE, later: Report.PUSH}
    assert node.clock.getDelayedCalls() == []


def test_a_stop_waits_no_longer_than_that(tmp_path: Path, client: Client) -> None:
    node = Node(tmp_path / "smsd.db")
    pushing = start(node, client)
    client.slow = lambda url: True
    ids = deliver(node, 3)
    stopped: list[Any] = []
    pushing.stopService().addBoth(stopped.append)
    wait(node, FAREWELL - 1)
    assert stopped == []
    wait(node, 1)
    assert stopped == [None]
    assert client.under_way == []
    assert node.clock.getDelayedCalls() == []
    node = restarted(node, client)
    assert client.taken == ids
    node.close()


def test_a_mistake_of_the_sender_s_is_logged_and_the_push_put_off(
    node: Node, client: Client, logged_failures: list[type[BaseException]]
) -> None:
    logged_failures.append(ZeroDivisionError)
    start(node, client)
    client.verdict = lambda pushes: ZeroDivisionError("by zero")
    (id,) = deliver(node)
    assert node.rows("SELECT failure FROM push") == [("smsd failed: ZeroDivisionError('by zero')",)]
    client.accept()
    wait(node, 62)
    assert client.taken == [id]
    at_rest(node)


def test_a_request_that_is_cancelled_by_whomever_is_tried_again(node: Node, client: Client) -> None:
    start(node, client)
    client.slow = lambda url: True
    (id,) = deliver(node)
    client.under_way[0][1].cancel()
    client.slow = lambda url: False
    node.turn()
    wait(node, 62)
    assert client.taken == [id]
    at_rest(node)


def test_a_push_whose_message_is_gone_is_dropped(tmp_path: Path, client: Client) -> None:
    node = Node(tmp_path / "smsd.db")
    ids = deliver(node, 3)
    result(node.engine.write(messages_deleted(ids[1])))
    node = restarted(node, client)
    assert client.taken == [ids[0], ids[2]]
    assert owed(node) == []
    at_rest(node)
    node.close()


def test_one_line_when_a_url_begins_to_fail_and_one_when_it_takes_again(node: Node, client: Client) -> None:
    start(node, client, Pace(batch=1))
    client.refuse()
    url = "https://me:secret@client.example/reports?key=secret"
    with capturedLogs() as events:
        deliver(node, 5, url=url)
        deliver(node, 5, url=url)
        wait(node, 62)
        client.accept()
        wait(node, 122)
        deliver(node, 5, url=url)
    lines = [(event["log_level"], event["log_format"].format(**event)) for event in events]
    assert lines == [
        (LogLevel.warn, "Pushes to https://client.example/reports fail and are tried again: No."),
        (LogLevel.info, "Pushes to https://client.example/reports are taken again"),
    ]
    assert "secret" not in shown(url)


def test_failures_of_long_ago_are_forgotten(node: Node, client: Client) -> None:
    start(node, client)
    client.refuse()
    deliver(node)
    fetch(node)
    wait(node, 62)
    assert len(node.core.pushing._failing) == 1
    wait(node, 7 * 3600, step=600)
    assert not node.core.pushing._failing


def test_lines_about_failing_urls_have_a_limit(
    node: Node, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LANES", 3)
    start(node, client)
    client.refuse()
    with capturedLogs() as events:
        for number in range(9):
            deliver(node, url=f"{URL}/{number}")
    assert len(events) == 3


def test_a_time_that_has_passed_when_it_is_stored_at_last_is_not_missed(node: Node, client: Client) -> None:
    start(node, client)
    client.slow = lambda url: True
    client.refuse()
    (id,) = deliver(node)
    node.engine.before = gone(20)
    client.slow = lambda url: False
    client.answer()
    wait(node, 200)
    assert len(client.requests) == 2
    client.accept()
    wait(node, 122)
    assert client.taken == [id]
    at_rest(node)


def test_a_final_status_whose_commit_had_no_answer_is_pushed_all_the_same(node: Node, client: Client) -> None:
    start(node, client)
    (message,) = submit(node)
    (taken,) = node.take_all()
    node.send(taken, "op")
    node.turn()
    node.engine.after = gone(1)
    node.receipt("op")
    wait(node, 2)
    assert client.taken == [message.id]
    assert reports(node) == {message.id: Report.NONE}
    at_rest(node)


@pytest.mark.parametrize("made", [False, True])
def test_a_refused_message_that_could_not_be_stored_leaves_no_push(
    node: Node, client: Client, made: bool
) -> None:
    start(node, client)
    with pytest.raises(Refused) as refused:
        node.submission.submit(
            node.request("1" * 20, content=notified(), report=int(Report.PUSH)), node.submitter
        )
    if made:
        node.engine.after = gone(1)
    else:
        node.engine.before = gone(1)
    node.submission.refuse(refused.value.message, node.submitter)
    wait(node, 2)
    assert node.submitter.heard == [("not stored", refused.value.message.id)]
    assert client.requests == []
    assert owed(node) == []
    node.submission.refuse(refused.value.message, node.submitter)
    node.turn()
    assert client.taken == [refused.value.message.id]
    at_rest(node)


def test_an_intermediate_report_is_dropped_once_it_has_no_sense(node: Node, client: Client) -> None:
    start(node, client)
    client.refuse()
    (message,) = node.submit(content=notified(intermediate=True), report=int(Report.PUSH))
    node.core.reports.waiting(message, 107)
    node.turn()
    assert len(client.requests) == 1
    (taken,) = node.take_all()
    node.send(taken, "op")
    node.receipt("op", Outcome(9, 1))
    node.turn()
    client.accept()
    wait(node, 62)
    assert client.taken == [message.id]
    assert owed(node) == []
    at_rest(node)


def test_what_is_asked_for_once_more_is_pushed_again(node: Node, client: Client) -> None:
    start(node, client)
    first = deliver(node, 2)
    client.refuse()
    second = deliver(node, 2)
    client.accept()
    administration = Administration(node.engine)
    assert result(administration.push_again([*first, *second, 4711])) == 4
    node.core.pushing.apply(None)  # As the announcement makes it.
    wait(node, 1)
    assert sorted(client.taken) == sorted([*first, *first, *second])
    assert set(reports(node).values()) == {Report.NONE}
    at_rest(node)


def test_what_comes_while_a_url_is_served_from_the_table_keeps_its_turn(
    node: Node, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SIZE", 4)
    start(node, client, Pace(batch=2, connections=4))
    client.slow = lambda url: True
    ids = deliver(node, 12)
    ids += deliver(node, 3)
    while client.under_way:
        client.answer()
        node.turn()
    assert client.taken == ids
    at_rest(node)


def test_the_reading_of_a_lane_that_fails_is_made_good(tmp_path: Path, client: Client) -> None:
    node = Node(tmp_path / "smsd.db")
    ids = deliver(node, 3)
    node.engine.reading = [error for error in gone(4) if error is not None]
    start(node, client)
    wait(node, 6)
    assert client.taken == ids
    at_rest(node)
    node.close()


def test_a_lane_in_which_nothing_is_found_is_forgotten(node: Node, client: Client) -> None:
    pushing = start(node, client)
    (message,) = submit(node)
    pushing.in_doubt(report_push(message, node.clock.seconds()))
    node.turn()
    assert client.requests == []
    at_rest(node)


def messages_deleted(id: int) -> Any:
    """Return the call that removes a message."""
    return Call(Query(f"DELETE FROM message WHERE id = {id}"))


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(
            ["deliver", "refuse", "url", "host", "accept", "slow", "answer", "fetch", "away", "lost"]
        )
        | st.sampled_from(["deliver", "answer", "wait", "long", "restart", "again"]),
        st.integers(0, 5),
    ),
    max_size=40,
)
_numbers = iter(range(10**9))


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_whatever_happens_each_report_is_pushed_or_fetched_or_given_up(
    tmp_path_factory: pytest.TempPathFactory, actions: list[tuple[str, int]]
) -> None:
    node = Node(tmp_path_factory.mktemp("push") / f"{next(_numbers)}.db")
    client = Client()
    pace = Pace(connections=4, batch=3)
    start(node, client, pace)
    urls = [f"https://client{number % 2}.example/{number % 3}?{number}" for number in range(6)]
    ids: list[int] = []
    fetched: list[int] = []
    asked: set[int] = set()
    killed: set[int] = set()
    """What was under way, or not stored yet, when the node was killed: it may come twice."""
    outcomes: dict[str, Callable[[], None]] = {
        "refuse": lambda: client.refuse(),
        "url": lambda: client.refuse(Reach.URL),
        "host": lambda: client.refuse(Reach.HOST),
        "accept": lambda: client.accept(),
    }
    for action, number in actions:
        if action == "deliver" and node.journal.available:
            ids += deliver(node, number, url=urls[number])
        elif action in outcomes:
            outcomes[action]()
        elif action == "slow":
            client.slow = lambda url, slow=urls[number]: url == slow  # type: ignore[misc]
        elif action == "answer" and client.under_way:
            client.answer()
        elif action == "fetch" and not node.engine.before and not node.engine.after:
            fetched += fetch(node)
        elif action == "away":
            node.engine.before = gone(number)
        elif action == "lost":
            node.engine.after = gone(1)
        elif action == "wait":
            wait(node, number)
        elif action == "long":
            wait(node, 60 * (1 + number * number), step=20)
        elif action == "again" and not node.engine.before and not node.engine.after:
            some = ids[-number:]
            result(Administration(node.engine).push_again(some))
            asked |= set(some)
            node.core.pushing.apply(None)
        elif action == "restart":
            killed |= set(owed(node)) | set(ids) - {id for id, owes in reports(node).items() if not owes}
            node = node.killed_and_started()
            client.under_way.clear()
            start(node, client, pace)
        node.turn()
    node.engine.before.clear()
    node.engine.after.clear()
    client.slow = lambda url: False
    while client.under_way:
        client.answer()
        node.turn()
    wait(node, 10)
    client.accept()
    wait(node, 43 * 3600, step=300)
    at_rest(node)
    assert owed(node) == []
    owes: dict[int, int] = dict(node.rows("SELECT id, report FROM message WHERE state = 4"))
    stored = set(owes)
    assert set(owes.values()) <= {Report.NONE}
    given_up = stored - set(client.taken) - set(fetched)
    assert not given_up, "there were never twenty retries"
    for id in stored - asked - killed:
        assert (client.taken + fetched).count(id) == 1
    node.close()
