"""Which route a message takes."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smsd.numbering.plan import built_in
from smsd.services.routing import Routing, Unroutable
from smsd.services.rules import Asked, kind
from smsd.services.statuses import (
    REJECTED_NETWORK,
    REJECTED_NOT_REACHABLE,
    REJECTED_ROUTE_NOT_AVAILABLE,
    REJECTED_SYSTEM_ERROR,
)
from smsd.store.settings import Channel, Route, Rows

CHANNELS = range(1, 6)
NUMBER = "385911234567"
MONDAY_NOON = datetime(2027, 1, 4, 12, tzinfo=UTC).timestamp()


def channel(id: int, **fields: Any) -> Channel:
    values: dict[str, Any] = {"enabled": 1, "alphabets": "gsm7 latin1 ucs2", "options": "{}"}
    return Channel(id, f"operator-{id}", "smpp", **(values | fields))


def route(id: int, channel_id: int | None = 1, prefix: str = "", **fields: Any) -> Route:
    values: dict[str, Any] = {"account_id": None, "code": "", "price": "0"}
    return Route(id, prefix=prefix, channel_id=channel_id, **(values | fields))


def rows(*routes: Route, channels: tuple[Channel, ...] = tuple(map(channel, CHANNELS))) -> Rows:
    return Rows(channels=channels, routes=routes)


def routing(*routes: tuple[int | None, str, int] | Route, **fields: Any) -> Routing:
    made = Routing()
    made.apply(
        rows(
            *(
                one if isinstance(one, Route) else route(id, one[2], one[1], account_id=one[0])
                for id, one in enumerate(routes, 1)
            ),
            **fields,
        )
    )
    return made


def taken(routes: Routing, account_id: int, number: str = NUMBER, **fields: Any) -> int | None:
    """Return the channel of the route that a message takes, 0 if there is none."""
    try:
        return routes.find(
            Asked(account_id, number, **({"country": built_in().find(number).country} | fields))
        ).channel_id
    except Unroutable:
        return 0


def refusal(routes: Routing, **fields: Any) -> int:
    with pytest.raises(Unroutable) as refused:
        routes.find(Asked(1, NUMBER, **({"country": "HR"} | fields)))
    return refused.value.status


def test_the_longest_prefix_wins() -> None:
    routes = routing((None, "", 1), (None, "385", 2), (None, "38591", 3))
    assert taken(routes, 1, "385911234567") == 3
    assert taken(routes, 1, "385921234567") == 2
    assert taken(routes, 1, "4366412345") == 1


def test_an_accounts_own_route_wins_over_a_longer_one_of_everybody() -> None:
    routes = routing((None, "38591", 1), (7, "385", 2), (8, "", 3))
    assert taken(routes, 7, "385911234567") == 2
    assert taken(routes, 8, "385911234567") == 3
    assert taken(routes, 9, "385911234567") == 1


def test_where_an_account_has_no_route_of_its_own_everybodys_counts() -> None:
    routes = routing((None, "", 1), (7, "385", 2))
    assert taken(routes, 7, "4366412345") == 1


def test_a_destination_without_a_route_has_none() -> None:
    assert refusal(routing()) == REJECTED_ROUTE_NOT_AVAILABLE
    assert taken(routing((None, "49", 1), (7, "43", 2)), 7) == 0


def test_a_prefix_may_be_a_whole_number_and_no_longer_one_matches() -> None:
    routes = routing((None, "385911234567", 1), (None, "3859112345678", 2))
    assert taken(routes, 1) == 1
    assert taken(routes, 1, "38591123456") == 0


def test_routes_that_are_gone_are_forgotten() -> None:
    routes = routing((None, "", 1), (7, "", 2))
    assert taken(routes, 7) == 2
    routes.apply(rows(route(3, 3, "385")))
    assert taken(routes, 7) == 3
    assert taken(routes, 7, "4366412345") == 0


def test_a_route_code_has_routes_of_its_own() -> None:
    routes = routing(route(1, 1), route(2, 2, code="gold"), route(3, 3, code="own", account_id=7))
    assert (taken(routes, 1), taken(routes, 1, code="gold")) == (1, 2)
    assert (taken(routes, 7, code="own"), taken(routes, 1, code="own")) == (3, 0)
    assert [routes.has_code(1, code) for code in ("gold", "own", "lead")] == [True, False, False]


def test_a_higher_priority_comes_before_all_else() -> None:
    routes = routing(route(1, 1, "385911234567", account_id=1), route(2, 2, priority=1))
    assert taken(routes, 1) == 2


def test_a_network_comes_before_its_country_and_that_before_any() -> None:
    routes = routing(
        route(1, 1), route(2, 2, country="HR"), route(3, 3, network="219"), route(4, 4, network="21910")
    )
    assert taken(routes, 1, network="21910") == 4
    assert taken(routes, 1, network="21901") == 3
    assert taken(routes, 1) == 2
    assert taken(routes, 1, "4366412345678") == 1


def test_a_whole_sender_comes_before_its_beginning() -> None:
    senders = ("", "Inf*", "I*", "INFO")
    routes = routing(*(route(id, id, sender=sender) for id, sender in enumerate(senders, 1)))
    assert taken(routes, 1, source="info") == 4
    assert taken(routes, 1, source="INFOSMS") == 2
    assert taken(routes, 1, source="iban") == 3
    assert taken(routes, 1, source="Acme") == 1


def test_a_type_comes_before_any() -> None:
    types = ("", "flash", "binary", "text")
    routes = routing(*(route(id, id, type=type) for id, type in enumerate(types, 1)))
    assert [taken(routes, 1, data_coding=octet) for octet in (0xF0, 0x10, 0x18, 4, 0xF5, 0, 8, 3, 0xF1)] == [
        *(2, 2, 2),
        *(3, 3),
        *(4, 4, 4, 4),
    ]
    assert kind(0x06) == "text"  # Cyrillic, as SMPP has it.


def test_hours_that_are_said_come_before_always() -> None:
    routes = routing(route(1, 1), route(2, 2, hours="mon 08:00-20:00"))
    assert taken(routes, 1, at=MONDAY_NOON) == 2
    assert taken(routes, 1, at=MONDAY_NOON + 8 * 3600) == 1
    assert taken(routes, 1, at=MONDAY_NOON + 24 * 3600) == 1


def test_equals_share_the_messages_by_their_weights() -> None:
    routes = routing(route(1, 1, weight=7), route(2, 2, weight=3), route(3, 3, "4"))
    first = [taken(routes, 1) for _ in range(10)]
    assert Counter(first) == {1: 7, 2: 3}
    assert first == [taken(routes, 1) for _ in range(10)]
    assert max(len(run) for run in "".join(map(str, first)).split("2")) <= 3  # Spread evenly.


def test_where_an_equal_is_away_the_others_share() -> None:
    routes = routing(route(1, 1, weight=8), route(2, 2, weight=1), route(3, 3, weight=1))
    routes.away(frozenset({1}))
    assert Counter(taken(routes, 1) for _ in range(10)) == {2: 5, 3: 5}


def test_a_channel_that_is_away_leaves_messages_to_the_next_one() -> None:
    routes = routing((None, "385", 1), (None, "", 2))
    routes.away(frozenset({1}))
    assert taken(routes, 1) == 2
    routes.away(frozenset())
    assert taken(routes, 1) == 1


def test_where_all_channels_are_away_the_first_keeps_the_message() -> None:
    routes = routing((None, "385", 1), (None, "", 2), channels=(channel(1), channel(2)))
    routes.away(frozenset({1, 2}))
    assert taken(routes, 1) == 1


@pytest.mark.parametrize("fields", [{"enabled": 0}, {"mode": "draining"}])
def test_a_channel_that_takes_nothing_leaves_messages_to_the_next_one(fields: dict[str, Any]) -> None:
    channels = (channel(1, **fields), channel(2))
    assert taken(routing((None, "385", 1), (None, "", 2), channels=channels), 1) == 2
    assert refusal(routing((None, "385", 1), channels=channels)) == REJECTED_SYSTEM_ERROR


def test_a_suspended_channel_keeps_what_it_is_given() -> None:
    channels = (channel(1, mode="suspended"), channel(2))
    assert taken(routing((None, "385", 1), (None, "", 2), channels=channels), 1) == 1


def test_a_route_may_forbid_a_network_or_say_that_it_is_not_reachable() -> None:
    routes = routing(
        route(1, 1),
        route(2, None, network="21910", action="forbid"),
        route(3, None, network="21901", action="unreachable"),
    )
    assert refusal(routes, network="21910") == REJECTED_NETWORK
    assert refusal(routes, network="21901") == REJECTED_NOT_REACHABLE
    assert taken(routes, 1, network="21902") == 1


def test_what_is_forbidden_is_not_sent_another_way() -> None:
    routes = routing(
        route(1, 1, priority=2),
        route(2, None, action="forbid", priority=1),
        route(3, 3),
        channels=(channel(3),),
    )
    assert refusal(routes) == REJECTED_NETWORK
    assert list(routes.others(Asked(1, NUMBER), [])) == []


def test_what_is_forbidden_to_a_sender_is_open_to_others() -> None:
    routes = routing(route(1, 1), route(2, None, sender="SPAM*", action="forbid"))
    assert refusal(routes, source="Spammer") == REJECTED_NETWORK
    assert list(routes.others(Asked(1, NUMBER, source="Spammer"), [])) == []
    assert taken(routes, 1, source="Acme") == 1


def test_an_account_may_have_a_way_where_the_others_have_none() -> None:
    routes = routing(route(1, None, "385", action="forbid"), route(2, 2, "385", account_id=7))
    assert (taken(routes, 7), taken(routes, 1)) == (2, 0)


def test_the_other_ways_are_those_that_are_there_and_have_not_been_tried() -> None:
    routes = routing((None, "38591", 1), (None, "3859", 2), (None, "385", 3), (None, "", 4))
    routes.away(frozenset({3}))
    assert [one.channel_id for one in routes.others(Asked(1, NUMBER), [1])] == [2, 4]
    assert [one.channel_id for one in routes.others(Asked(1, NUMBER), [1, 2])] == [4]


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        ({"prefix": ""}, True),
        ({"prefix": "38591123"}, True),
        ({"prefix": "3859", "account_id": 7}, True),
        ({"prefix": "49"}, False),
        ({"prefix": "385", "code": "gold"}, False),
        ({"prefix": "385", "channel_id": 1}, False),
        ({"prefix": "385", "channel_id": None, "action": "forbid"}, False),
    ],
)
def test_whether_another_channel_may_have_what_waits_for_one(other: dict[str, Any], expected: bool) -> None:
    routes = routing(route(1, 1, "38591"), route(2, **({"channel_id": 2} | other)))
    assert routes.has_alternative(1) is expected
    routes.away(frozenset({2}))
    assert routes.has_alternative(1) is False


def test_accounts_do_not_have_each_other_s_routes_as_alternatives() -> None:
    assert not routing(route(1, 1, account_id=7), route(2, 2, account_id=8)).has_alternative(1)
    assert routing(route(1, 1, account_id=7), route(2, 2, account_id=7)).has_alternative(1)


def test_hours_in_a_zone_that_this_machine_does_not_know_leave_a_route_out() -> None:
    routes = routing(route(1, 1), route(2, 2, hours="mon Nowhere/Land"))
    assert taken(routes, 1) == 1


def test_the_routes_that_are_considered_say_why_they_do_not_fit() -> None:
    routes = routing(
        route(1, 1, network="21910"),
        route(2, 2, sender="INFO*"),
        route(3, 3, type="flash", hours="sat"),
        route(4, 4, country="AT", prefix="385"),
        route(5, 5),
        route(6, 5, prefix="49"),
    )
    considered, others = routes.consider(Asked(1, NUMBER, country="HR", source="Acme", at=MONDAY_NOON))
    assert others == 1
    assert [(one.route.id, one.mismatch) for one in considered] == [
        (4, "The destination is not in AT."),
        (1, "The destination is not in network 21910."),
        (2, "The sender does not begin with INFO."),
        (3, "The message is not flash."),
        (5, ""),
    ]


# A plain and slow way to say the same.

ASKED = st.builds(
    Asked,
    account_id=st.sampled_from([1, 2]),
    destination=st.sampled_from(["385911234567", "385921234567", "4366412345678", "12025550123"]),
    code=st.sampled_from(["", "gold"]),
    network=st.sampled_from(["", "21910", "21901", "23201"]),
    source=st.sampled_from(["", "Info", "INFOSMS", "385911111"]),
    data_coding=st.sampled_from([0, 4, 0xF0]),
    at=st.sampled_from([MONDAY_NOON, MONDAY_NOON + 12 * 3600]),
)
ROUTES = st.lists(
    st.builds(
        route,
        id=st.just(0),
        channel_id=st.sampled_from([1, 2, 3, None]),
        prefix=st.sampled_from(["", "3", "385", "38591", "385911234567", "43", "1"]),
        account_id=st.sampled_from([None, 1, 2]),
        code=st.sampled_from(["", "", "gold"]),
        country=st.sampled_from(["", "HR", "AT"]),
        network=st.sampled_from(["", "", "219", "21910"]),
        sender=st.sampled_from(["", "", "info", "INF*", "3859*"]),
        type=st.sampled_from(["", "", "text", "flash"]),
        hours=st.sampled_from(["", "", "mon 08:00-20:00"]),
        priority=st.sampled_from([0, 0, 1]),
        weight=st.sampled_from([1, 2]),
    ),
    max_size=12,
)
COUNTRIES = {"385": "HR", "436": "AT", "120": "US"}


def fits(one: Route, asked: Asked) -> bool:
    sender = one.sender.lower()
    begins = sender.endswith("*") and asked.source.lower().startswith(sender[:-1])
    return (
        one.account_id in (None, asked.account_id)
        and one.code == asked.code
        and asked.destination.startswith(one.prefix)
        and one.country in ("", COUNTRIES[asked.destination[:3]])
        and asked.network[: len(one.network) if len(one.network) < 5 else None] == one.network
        and (not sender or sender == asked.source.lower() or begins)
        and one.type in ("", {0: "text", 4: "binary", 0xF0: "flash"}[asked.data_coding])
        and (not one.hours or asked.at == MONDAY_NOON)
    )


def before(one: Route, other: Route) -> bool:
    """Tell whether a route comes before another one that fits the same message."""
    pairs = [
        (one.priority, other.priority),
        (one.account_id is not None, other.account_id is not None),
        (len(one.prefix), len(other.prefix)),
        (len(one.network), len(other.network)),
        (len(one.country), len(other.country)),
        (bool(one.sender), bool(other.sender)),
        (not one.sender.endswith("*"), not other.sender.endswith("*")),
        (len(one.sender) * one.sender.endswith("*"), len(other.sender) * other.sender.endswith("*")),
        (bool(one.type), bool(other.type)),
        (bool(one.hours), bool(other.hours)),
        (one.action != "send", other.action != "send"),
    ]
    return next((mine > its for mine, its in pairs if mine != its), False)


@settings(max_examples=300)
@given(ROUTES, st.lists(ASKED, min_size=1, max_size=4), st.sets(st.sampled_from([1, 2])))
def test_the_order_is_that_of_a_plain_comparison_of_all_routes(
    found: list[Route], questions: list[Asked], away: set[int]
) -> None:
    routes = [
        route(
            id,
            **{name: getattr(one, name) for name in one.__struct_fields__ if name not in ("id", "action")},
            action="send" if one.channel_id else "forbid",
        )
        for id, one in enumerate(found, 1)
    ]
    made = routing(*routes, channels=(channel(1), channel(2), channel(3, enabled=0)))
    made.away(frozenset(away))
    for asked in questions * 2:  # The second time from what was kept of the first.
        asked.country = COUNTRIES[asked.destination[:3]]
        best = [one for one in routes if fits(one, asked)]
        ahead = {one.id: sum(before(other, one) for other in best) for one in best}
        stop = min((ahead[one.id] for one in best if not one.channel_id), default=len(best))
        sending = [one for one in best if one.channel_id and ahead[one.id] < stop]
        for wanted in ({1, 2} - away, {1, 2}):
            open_ones = [one for one in sending if one.channel_id in wanted]
            if open_ones:
                first = min(ahead[one.id] for one in open_ones)
                assert made.find(asked) in [one for one in open_ones if ahead[one.id] == first]
                break
        else:
            with pytest.raises(Unroutable) as refused:
                made.find(asked)
            expected = REJECTED_SYSTEM_ERROR if sending else REJECTED_ROUTE_NOT_AVAILABLE
            assert refused.value.status == (REJECTED_NETWORK if stop < len(best) else expected)
