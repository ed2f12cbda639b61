"""Numbers that are looked up before their messages are routed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred

from smsd.numbering.context import Context, Network
from smsd.numbering.plan import Home
from smsd.numbering.ported import PortedNumbers, chunk_of
from smsd.services.administration import Administration
from smsd.services.charging import MICROS
from smsd.services.homes import NONE, PATIENCE, PLACES
from smsd.services.lookup import NoAnswer
from smsd.services.lookup_administration import LookupAdministration
from smsd.services.submission import Request
from smsd.sms.udh import Concatenation
from smsd.store.credit import Credit
from smsd.store.engine import StoreUnavailable
from smsd.store.messages import Message
from smsd.store.settings import Account, Route, Rows
from tests.services.back_end import BackEnd
from tests.services.rig import Node, account, channel
from tests.stores import result

NUMBER, OTHER = "385915369421", "385915369422"
A1, TELEMACH = "21910", "21902"
CURIOUS = account(lookup_first=1, lookup_price="0.25")
PLAIN = account(2, "plain")
BY_PLAN, PORTED = 1, 2
"""The channels of those networks."""
EVERYWHERE = (
    Route(1, None, "", "", BY_PLAN, "0.01"),
    Route(2, None, "", "", PORTED, "0.02", network=TELEMACH),
)
IMSI = Context(imsi="219020000000001")
NOT_PORTED = Context(ported=False)
TO_TELEMACH = Context(ported=True, ported_network=Network(mccmnc=TELEMACH))


class Rig:
    """A node whose destinations are looked up, and an edge that hands messages in."""

    def __init__(self, path: Path) -> None:
        self.node = Node(path)
        self.core = self.node.core
        self.back_end = BackEnd()
        self.messages: list[Message] = []
        administration = LookupAdministration(self.node.engine, self.node.clock)
        result(Administration(self.node.engine).add_network("38591", A1, "A1"))
        result(administration.add_back_end("hlr", "test", "{}", timeout=20_000, at_once=1000))
        result(administration.add_rule(["hlr"]))
        self.core.back_ends.put(result(administration.back_end("hlr")), self.back_end)
        self.rows = result(self.core.settings._tables.read())
        self.use()

    def use(self, accounts: tuple[Account, ...] = (CURIOUS, PLAIN), routes: Any = EVERYWHERE) -> None:
        rows = Rows(
            accounts,
            (channel(), channel(2, "other")),
            routes,
            networks=self.rows.networks,
            lookup_back_ends=self.rows.lookup_back_ends,
            lookup_rules=self.rows.lookup_rules,
        )
        core = self.core
        for user in (core.accounts, core.routing, core.networks, core.lookup, core.checks, core.homes):
            user.apply(rows)

    def request(self, number: str = NUMBER, who: Account = CURIOUS, **fields: Any) -> Request:
        return self.node.request(number, account=who, **fields)

    def send(self, *numbers: str, who: Account = CURIOUS, **fields: Any) -> list[Message]:
        """Hand messages in together; return those that are taken at once."""
        before = len(self.messages)
        self.hand_in([self.request(number, who, **fields) for number in numbers or (NUMBER,)])
        return self.messages[before:]

    def hand_in(self, requests: list[Request], place: Concatenation | None = None) -> None:
        def go_on(homes: Any) -> None:
            for one in requests:
                asked = one._replace(home=homes.get(one.destination))
                core = self.core
                self.messages.append(
                    core.gathering.part(asked, place, self.node.submitter)
                    if place is not None
                    else core.submission.submit(asked, self.node.submitter)
                )
            self.node.turn()

        found = self.core.homes.find(requests[0].account, requests, place)
        if isinstance(found, Deferred):
            found.addCallback(go_on)
        else:
            go_on(found)
        self.node.turn()

    def find(self, *numbers: str) -> Deferred[Any]:
        found = self.core.homes.find(CURIOUS, [self.request(number) for number in numbers])
        assert isinstance(found, Deferred)
        self.node.turn()
        return found

    def say(self, answer: Context | Exception, which: int = -1) -> None:
        self.back_end.say(answer, which)
        self.node.turn()

    def pay(self, micros: int) -> None:
        result(Credit(self.node._at_once).add(1, micros, self.node.clock.seconds()))
        result(self.core.charging.resume())

    @property
    def log(self) -> list[Any]:
        """The lookups on disk: numbers, packages, networks, errors, prices and what was charged."""
        columns = "number, package, network, error, price, charged"
        return self.node.rows(f"SELECT {columns} FROM lookup ORDER BY id")

    def ways(self) -> list[tuple[str, int]]:
        """Return the network and channel of each message on disk."""
        return [tuple(row) for row in self.node.rows("SELECT network, channel_id FROM message ORDER BY id")]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "smsd.db")
    yield rig
    for sums in result(Credit(rig.node._at_once).sums()):
        assert sums.balance == sums.ledger
    assert rig.core.charging.reserved == 0
    assert rig.core.homes.waiting == len([one for one in rig.back_end.waiting if not one.called])
    rig.node.close()


@pytest.mark.parametrize("answer", [IMSI, TO_TELEMACH, Context(27, imsi=IMSI.imsi)])
def test_a_message_is_routed_priced_and_logged_by_what_was_found(rig: Rig, answer: Context) -> None:
    assert rig.send() == []
    rig.say(answer)
    (message,) = rig.messages
    assert (message.network, message.channel_id, message.price) == (TELEMACH, PORTED, "0.02")
    assert rig.ways() == [(TELEMACH, PORTED)]


def test_a_network_is_found_where_the_plan_knows_none(rig: Rig) -> None:
    rig.send("41991234567")
    rig.say(Context(imsi="228010000000001"))
    assert rig.ways() == [("22801", BY_PLAN)]
    assert rig.log[0][2] == "22801"


def test_without_an_answer_in_time_the_plan_says(rig: Rig) -> None:
    rig.send()
    rig.node.clock.advance(PATIENCE - 0.001)
    assert rig.messages == []
    rig.node.clock.advance(0.001)
    assert [one.network for one in rig.messages] == [A1]
    rig.node.turn()
    assert rig.log == [(NUMBER, "portability", A1, 502, "0", 0)]
    rig.say(IMSI)
    assert len(rig.messages) == 1


def test_an_answer_that_comes_late_serves_the_next_message(rig: Rig) -> None:
    rig.send()
    rig.node.clock.advance(PATIENCE)
    assert [one.network for one in rig.send()] == [A1]  # Nobody waits for it once more.
    rig.say(IMSI)
    assert [one.network for one in rig.send()] == [TELEMACH]
    assert rig.back_end.numbers == [NUMBER]
    assert [row[5] for row in rig.log] == [0]


@pytest.mark.parametrize("answer", [Context(), Context(0), NOT_PORTED, NoAnswer("It is out of order")])
def test_where_nothing_is_found_the_plan_says(rig: Rig, answer: Context | Exception) -> None:
    rig.send()
    rig.say(answer)
    assert rig.ways() == [(A1, BY_PLAN)]


def test_a_fault_of_a_lookup_is_logged_and_the_plan_says(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, logged_failures: list[type[BaseException]]
) -> None:
    logged_failures.append(RuntimeError)

    async def ask(search: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(rig.core.lookup, "ask", ask)
    assert [one.network for one in rig.send()] == [A1]


def test_nobody_waits_for_ever_if_what_is_found_can_not_be_used(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, logged_failures: list[type[BaseException]]
) -> None:
    logged_failures.append(RuntimeError)

    def within(mccmnc: str, number: str) -> Any:
        raise RuntimeError

    rig.send()
    monkeypatch.setattr(rig.core.networks, "within", within)
    rig.say(IMSI)
    assert [one.network for one in rig.messages] == [A1]


# What it costs.


def test_a_lookup_is_charged_and_in_the_log_of_its_account(rig: Rig) -> None:
    rig.pay(MICROS)
    rig.send()
    assert rig.core.charging.left(1) == 750_000
    rig.say(IMSI)
    assert rig.log == [(NUMBER, "portability", TELEMACH, 0, "0.25", 250_000)]
    assert rig.core.charging.left(1) == 730_000  # The message too.


def test_what_is_remembered_costs_nothing_and_is_no_lookup(rig: Rig) -> None:
    rig.pay(MICROS)
    rig.send()
    rig.say(IMSI)
    rig.send()
    assert rig.ways() == [(TELEMACH, PORTED)] * 2
    assert len(rig.log) == 1
    assert rig.core.charging.left(1) == 710_000


@pytest.mark.parametrize("kind", ["ported", "subscribers"])
def test_what_tables_of_this_database_say_costs_nothing_and_is_no_lookup(rig: Rig, kind: str) -> None:
    administration = LookupAdministration(rig.node.engine, rig.node.clock)
    result(administration.import_table("own", [(int(NUMBER), "219020000000001", "", 0)]))
    options = '{"table":"own"}' if kind == "subscribers" else "{}"
    result(administration.add_back_end("own", kind, options))
    result(administration.add_rule(["own", "hlr"], place=0))
    rig.rows = result(rig.core.settings._tables.read())
    rig.core.back_ends.apply(rig.rows)
    rig.use()
    rig.send()
    assert [one.network for one in rig.messages] == [TELEMACH if kind == "subscribers" else A1]
    assert (rig.back_end.numbers, rig.log) == ([], [])


@pytest.mark.parametrize("late", [True, False])
def test_a_lookup_that_nobody_answers_costs_nothing(rig: Rig, late: bool) -> None:
    rig.pay(MICROS)
    rig.send()
    if late:
        rig.node.clock.advance(PATIENCE)
        rig.node.turn()
        rig.say(IMSI)
    else:
        rig.say(NoAnswer("It is out of order"))
    assert rig.log == [(NUMBER, "portability", A1, 502, "0", 0)]
    assert rig.core.charging.left(1) == 990_000


@pytest.mark.parametrize("micros", [-1, 200_000])
def test_an_account_that_can_not_pay_for_lookups_has_the_plan_say(rig: Rig, micros: int) -> None:
    rig.pay(micros)
    assert rig.core.homes.find(CURIOUS, [rig.request()]) == NONE
    assert rig.back_end.numbers == []


def test_an_account_without_credit_has_nothing_looked_up_for_nothing(rig: Rig) -> None:
    free = account(lookup_first=1)
    rig.pay(0)
    assert rig.core.homes.find(free, [rig.request(who=free)]) == NONE
    rig.pay(1)
    assert rig.core.homes.find(free, [rig.request(who=free)]) != NONE
    rig.node.turn()
    rig.say(NOT_PORTED)


@pytest.mark.parametrize("answer", [IMSI, NOT_PORTED])
def test_what_is_in_memory_is_there_at_once(rig: Rig, answer: Context) -> None:
    rig.send()
    rig.say(answer)
    homes = rig.core.homes.find(CURIOUS, [rig.request()])
    assert not isinstance(homes, Deferred)
    assert [home.mccmnc for home in homes.values()] == [rig.messages[0].network]


def test_a_lookup_that_can_not_be_stored_costs_nothing(rig: Rig) -> None:
    rig.pay(MICROS)
    found = rig.find(NUMBER)
    rig.node.engine.before.append(StoreUnavailable("It is told to be away."))
    rig.say(IMSI)
    assert result(found)[NUMBER].mccmnc == TELEMACH
    rig.node.clock.pump([0.1] * 100)
    assert rig.log == []
    assert rig.core.charging.left(1) == MICROS


# Several at once.


def test_numbers_of_a_request_are_looked_up_together_and_each_once(rig: Rig) -> None:
    found = rig.find(NUMBER, OTHER, f"+{NUMBER}", "nonsense")
    assert sorted(rig.back_end.numbers) == [NUMBER, OTHER]
    rig.say(IMSI, 0)
    rig.say(IMSI, 1)
    assert sorted(result(found)) == [f"+{NUMBER}", NUMBER, OTHER]
    assert len(rig.log) == 2


def test_a_request_goes_on_with_what_was_found_in_time(rig: Rig) -> None:
    found = rig.find(NUMBER, OTHER, f"+{NUMBER}")
    rig.say(IMSI, rig.back_end.numbers.index(NUMBER))
    assert not found.called
    rig.node.clock.advance(PATIENCE)
    homes = result(found)
    assert {to: home.mccmnc for to, home in homes.items()} == {NUMBER: TELEMACH, f"+{NUMBER}": TELEMACH}


def test_messages_to_one_number_wait_for_one_lookup_of_their_account(rig: Rig) -> None:
    rig.send()
    rig.node.clock.advance(1)
    rig.send()
    rig.say(IMSI)
    assert rig.ways() == [(TELEMACH, PORTED)] * 2
    assert len(rig.log) == 1


def test_who_waits_no_more_leaves_the_lookup_to_the_others(rig: Rig) -> None:
    gone, other = rig.find(NUMBER), rig.find(NUMBER)
    gone.cancel()
    gone.addErrback(lambda failure: failure.trap(CancelledError))
    assert rig.core.homes.waiting == 2
    rig.say(IMSI)
    assert result(other)[NUMBER].mccmnc == TELEMACH


def test_beyond_so_many_that_wait_the_plan_says(rig: Rig) -> None:
    rig.core.homes._places.take(3, PLACES - 3)
    assert rig.core.homes.find(CURIOUS, [rig.request(), rig.request(OTHER)]) == NONE
    found = rig.find(NUMBER)
    rig.say(IMSI)
    assert result(found)[NUMBER].mccmnc == TELEMACH
    rig.core.homes._places.leave(3, PLACES - 3)


# Who asks.


def test_accounts_that_do_not_ask_do_not_wait_and_cost_nothing(rig: Rig) -> None:
    rig.send()
    assert [one.network for one in rig.send(who=PLAIN)] == [A1]
    assert rig.back_end.numbers == [NUMBER]
    rig.say(IMSI)
    assert [one.network for one in rig.send(who=PLAIN)] == [A1]


def test_edges_need_not_ask_if_nobody_wants_lookups(rig: Rig) -> None:
    assert rig.core.homes.wanted
    rig.use((PLAIN,))
    assert not rig.core.homes.wanted
    rig.use((PLAIN,), (Route(1, None, "", "", BY_PLAN, "0.01", lookup=1),))
    assert rig.core.homes.wanted


@pytest.mark.parametrize(
    ("fields", "asks"),
    [
        ({}, True),
        ({"source": "BANK"}, False),
        ({"source": "SHOP"}, True),
        ({"route_code": "gold"}, False),
        ({"number": "41791234567"}, False),
    ],
)
def test_a_route_asks_for_messages_that_would_take_it(rig: Rig, fields: dict[str, Any], asks: bool) -> None:
    rig.use(
        (PLAIN,),
        (
            Route(1, None, "", "", BY_PLAN, "0.01"),
            Route(2, None, "", "385", BY_PLAN, "0.01", lookup=1),
            Route(3, None, "", "385", BY_PLAN, "0.01", sender="BANK"),
            Route(4, None, "", "", PORTED, "0.02", network=TELEMACH),
            Route(5, None, "gold", "", BY_PLAN, "0.02"),
            Route(6, None, "", "385", PORTED, "0.03", network=TELEMACH),
        ),
    )
    fields = dict(fields)
    rig.send(fields.pop("number", NUMBER), who=PLAIN, **fields)
    assert bool(rig.back_end.numbers) is asks
    if asks:
        rig.say(IMSI)
        assert rig.ways() == [(TELEMACH, PORTED)]


def test_a_route_that_refuses_may_have_the_number_looked_up(rig: Rig) -> None:
    forbid = Route(1, None, "", "", None, "0", network=A1, action="forbid", lookup=1)
    rig.use((PLAIN,), (forbid, Route(2, None, "", "", PORTED, "0.02")))
    rig.send(who=PLAIN)
    rig.say(IMSI)
    assert rig.ways() == [(TELEMACH, PORTED)]


@pytest.mark.parametrize(
    "fields", [{"destination": "nonsense"}, {"destination": "99999123456"}, {"source": "a"}, {"refusal": 51}]
)
def test_what_is_refused_anyway_is_not_looked_up(rig: Rig, fields: dict[str, Any]) -> None:
    request = rig.request()._replace(**fields)
    assert rig.core.homes.find(CURIOUS, [request]) == NONE


def test_what_the_lists_refuse_is_not_looked_up(rig: Rig) -> None:
    rig.use((account(lookup_first=1, senders="listed"), PLAIN))
    assert rig.core.homes.find(CURIOUS, [rig.request()]) == NONE


def test_the_table_of_ported_numbers_goes_before_lookups(rig: Rig) -> None:
    rig.core.networks.use_ported(PortedNumbers([(0, chunk_of([(int(NUMBER), TELEMACH)]))]))
    assert [one.network for one in rig.send()] == [TELEMACH]
    assert (rig.back_end.numbers, rig.log) == ([], [])


# Long messages in parts.


def test_the_first_part_s_lookup_counts_for_all(rig: Rig) -> None:
    for number in (1, 2):
        rig.hand_in([rig.request()], Concatenation(7, 3, number))
    rig.say(IMSI)
    rig.core.networks.of = lambda _: Home("HR", A1)
    rig.hand_in([rig.request()], Concatenation(7, 3, 3))
    assert rig.ways() == [(TELEMACH, PORTED)]
    assert rig.back_end.numbers == [NUMBER]
    assert len(rig.log) == 1


def test_a_later_part_goes_where_the_first_went_though_an_answer_has_come_meanwhile(rig: Rig) -> None:
    rig.use(routes=(*EVERYWHERE, Route(3, None, "", "", None, "0", network=TELEMACH, action="forbid")))
    rig.hand_in([rig.request()], Concatenation(7, 2, 1))
    rig.node.clock.advance(PATIENCE)
    rig.say(IMSI)
    rig.hand_in([rig.request()], Concatenation(7, 2, 2))
    assert rig.ways() == [(A1, BY_PLAN)]


def test_a_later_part_is_not_refused_by_the_plan(rig: Rig) -> None:
    rig.use(routes=(*EVERYWHERE, Route(3, None, "", "", None, "0", network=A1, action="forbid")))
    rig.hand_in([rig.request()], Concatenation(7, 2, 1))
    rig.say(IMSI)
    rig.core.lookup_memory.apply(None)
    rig.hand_in([rig.request()], Concatenation(7, 2, 2))
    assert rig.ways() == [(TELEMACH, PORTED)]
