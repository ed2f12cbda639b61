"""Questions about numbers: none is lost, none is answered or charged twice, and memory has its bounds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from smsd.numbering.context import Context
from smsd.services.charging import MICROS
from smsd.services.enquiries import PENDING as MOST_PENDING
from smsd.services.enquiries import EnquiryRefused, NotOffered
from smsd.services.lookup import NoAnswer
from smsd.services.lookup_administration import LookupAdministration
from smsd.store.commits import Overloaded
from smsd.store.credit import Credit
from smsd.store.engine import Call, Query, Row, StoreUnavailable
from smsd.store.lookups import Lookup
from tests.services.rig import Node, Receiver, account
from tests.stores import gone, result

NUMBER = "385915369421"
PAYING = account(lookups="roaming", lookup_price="0.25")


class BackEnd:
    """Answers when it is told to, or never."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[Context]] = []

    async def ask(self, number: str) -> Context:
        self.waiting.append(Deferred())
        return await self.waiting[-1]


class Rig:
    def __init__(self, path: Path) -> None:
        self.node = Node(path)
        self.core = self.node.core
        self.heard: list[tuple[str, int]] = []
        self.back_end = BackEnd()
        self.receiver = Receiver()

    def ask_somebody(self) -> None:
        """Have a back end asked about all numbers, instead of the plan alone."""
        administration = LookupAdministration(self.node.engine, self.node.clock)
        result(administration.add_back_end("hlr", "test", "{}", timeout=5000, at_once=100_000))
        result(administration.add_rule(["hlr"]))
        self.core.back_ends.put(result(administration.back_end("hlr")), self.back_end)
        self.core.lookup.apply(result(self.core.settings._tables.read()))

    def pay(self, micros: int) -> None:
        result(Credit(self.node._at_once).add(1, micros, self.node.clock.seconds()))
        result(self.core.charging.resume())

    def submit(self, number: str = NUMBER) -> Lookup:
        return self.core.enquiries.submit(PAYING, number, self)

    def stored(self, lookup: Lookup) -> None:
        self.heard.append(("stored", lookup.id))

    def not_stored(self, lookup: Lookup) -> None:
        self.heard.append(("not stored", lookup.id))

    def refused(self, lookup: Lookup) -> None:
        self.heard.append(("refused", lookup.id))

    def sql(self, sql: str) -> list[Row]:
        (rows,) = result(self.node._at_once.write(Call(Query(sql))))
        return rows

    @property
    def credit(self) -> Any:
        return self.sql("SELECT micros FROM credit")[0][0]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "smsd.db")
    yield rig
    for sums in result(Credit(rig.node._at_once).sums()):
        assert sums.balance == sums.ledger
    rig.node.close()


def test_a_question_is_answered_charged_and_given_to_a_session(rig: Rig) -> None:
    rig.pay(MICROS)
    rig.ask_somebody()
    rig.core.lookup_deliveries.bound(1, rig.receiver)
    lookup = rig.submit()
    assert rig.core.charging.left(1) == 750_000
    rig.node.turn()
    assert rig.heard == [("stored", lookup.id)]
    assert rig.receiver.receipts == []
    rig.back_end.waiting[0].callback(Context(27))
    rig.node.turn()
    (answer,) = rig.receiver.receipts
    assert (answer.id, answer.error, answer.price) == (lookup.id, 27, "0.25")
    assert (rig.credit, rig.core.charging.left(1)) == (750_000, 750_000)
    rig.core.lookup_deliveries.taken(1, answer)
    rig.node.turn()
    assert rig.sql("SELECT state, report FROM lookup") == [(1, 0)]


def test_a_question_that_nobody_answers_costs_nothing(rig: Rig) -> None:
    rig.pay(MICROS)
    rig.ask_somebody()
    rig.core.lookup_deliveries.bound(1, rig.receiver)
    rig.submit()
    rig.node.turn()
    assert rig.credit == 750_000
    rig.back_end.waiting[0].errback(NoAnswer("It is out of order"))
    rig.node.turn()
    assert rig.receiver.receipts[0].price == "0"
    assert (rig.credit, rig.core.charging.left(1)) == (MICROS, MICROS)


@pytest.mark.parametrize("asks", [True, False])
@pytest.mark.parametrize("committed", [True, False])
def test_a_question_that_may_not_be_on_disk_is_not_and_costs_nothing(
    rig: Rig, asks: bool, committed: bool
) -> None:
    rig.pay(MICROS)
    if asks:
        rig.ask_somebody()
    (rig.node.engine.after if committed else rig.node.engine.before).extend(gone())
    rig.submit()
    rig.node.turn()
    assert [word for word, _ in rig.heard] == ["not stored"]
    with pytest.raises(StoreUnavailable):
        rig.submit()
    rig.node.clock.pump([0.1] * 100)
    assert rig.sql("SELECT count(*) FROM lookup") == [(0,)]
    assert (rig.credit, rig.core.charging.left(1)) == (MICROS, MICROS)
    assert rig.back_end.waiting == []


def test_an_answer_whose_commit_was_lost_gives_back_once(rig: Rig) -> None:
    rig.pay(MICROS)
    rig.ask_somebody()
    rig.submit()
    rig.node.turn()
    rig.node.engine.after.extend(gone(2))
    rig.back_end.waiting[0].errback(NoAnswer("It is out of order"))
    rig.node.clock.pump([0.1] * 100)
    assert rig.sql("SELECT state, report, price FROM lookup") == [(1, 1, "0")]
    assert rig.credit == MICROS


def test_what_is_asked_over_http_costs_nothing_if_it_is_given_up(rig: Rig) -> None:
    rig.pay(MICROS)
    rig.ask_somebody()
    asking = Deferred.fromCoroutine(rig.core.enquiries.query(PAYING, [NUMBER, "385912222222"], "bulk"))
    asking.addErrback(lambda _: None)
    assert rig.core.charging.left(1) == 500_000
    asking.cancel()
    rig.node.turn()
    assert rig.core.charging.left(1) == MICROS
    assert rig.sql("SELECT count(*) FROM lookup") == [(0,)]


def test_only_so_many_wait_for_answers(rig: Rig) -> None:
    rig.ask_somebody()
    for number in range(MOST_PENDING // 2):
        rig.submit(str(385_900_000_000 + number))
        if number % 1000 == 0:
            rig.node.turn()
    with pytest.raises(Overloaded):
        rig.submit()
    rig.back_end.waiting[0].callback(Context(0))
    rig.node.turn()
    assert rig.submit()
    assert rig.core.enquiries.submit(account(2, lookups="roaming"), NUMBER, rig)


def test_who_may_not_ask_and_what_is_no_number(rig: Rig) -> None:
    with pytest.raises(NotOffered):
        rig.core.enquiries.submit(account(lookups=""), NUMBER, rig)
    with pytest.raises(EnquiryRefused):
        rig.submit("nonsense")
    rig.pay(249_999)
    with pytest.raises(EnquiryRefused):
        rig.submit()
    assert rig.core.charging.left(1) == 249_999


def test_what_turns_out_not_to_be_covered_is_refused(rig: Rig) -> None:
    rig.pay(MICROS)
    rig.ask_somebody()
    result(Credit(rig.node._at_once).add(1, -MICROS, rig.node.clock.seconds()))  # Somebody else has spent it.
    rig.submit()
    rig.node.turn()
    assert [word for word, _ in rig.heard] == ["refused"]
    assert (rig.credit, rig.core.charging.left(1)) == (0, 0)
    assert rig.sql("SELECT count(*) FROM lookup") == [(0,)]
    result(Credit(rig.node._at_once).add(1, 300_000, rig.node.clock.seconds()))
    result(rig.core.charging.resume())
    assert rig.core.charging.left(1) == 300_000
    rig.submit()
    rig.node.turn()
    assert [word for word, _ in rig.heard] == ["refused", "stored"]


def test_numbers_of_a_request_that_turn_out_not_to_be_covered_are_refused_alone(rig: Rig) -> None:
    rig.pay(MICROS)
    result(Credit(rig.node._at_once).add(1, -600_000, rig.node.clock.seconds()))
    numbers = [NUMBER, "385912222222", "385913333333"]
    asking = Deferred.fromCoroutine(rig.core.enquiries.query(PAYING, numbers, "bulk"))
    rig.node.turn()
    answers = result(asking)
    assert [one.status for one in answers] == [2, 12, 12]
    assert [one.to for one in answers] == numbers
    assert (rig.credit, rig.core.charging.left(1)) == (150_000, 150_000)
    kinds = rig.sql("SELECT kind, micros, messages FROM ledger WHERE kind >= 6")
    assert kinds == [(6, -250_000, 1)]
