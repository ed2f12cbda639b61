"""What is found of numbers: who is asked, in which order, how answers are put together, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from smsd.numbering.context import Context, Network
from smsd.numbering.ported import PortedNumbers, chunk_of
from smsd.services.columns import SettingError
from smsd.services.fields import Fields
from smsd.services.lookup import NoAnswer, Question
from smsd.services.lookup_administration import LookupAdministration
from smsd.services.lookup_rules import LookupRules
from smsd.services.subscribers import lines_of
from smsd.store.lookups import Found
from smsd.store.settings import LookupRule
from tests.services.rig import Node
from tests.stores import result

NUMBER = "385915369421"
TELEMACH = Network("Telemach", mccmnc="21902")


class BackEnd:
    def __init__(self, answer: Context | None, knows: frozenset[Fields] | None = None) -> None:
        self.answer = answer
        self.asked = 0
        if knows is not None:
            self.knows = knows

    async def ask(self, number: str) -> Context:
        self.asked += 1
        if self.answer is None:
            raise NoAnswer("It is out of order")
        return self.answer


class Rig:
    """A node, and whom it asks."""

    def __init__(self, path: Path) -> None:
        self.node = Node(path)
        self.clock = self.node.clock
        self.core = self.node.core
        self.administration = LookupAdministration(self.node.engine, self.clock)
        result(self.core.settings.load())

    def add(self, **back_ends: BackEnd) -> None:
        """Have these asked about all numbers, in this order."""
        for name, back_end in back_ends.items():
            result(self.administration.add_back_end(name, "test", "{}"))
            self.run(name, back_end)
        result(self.administration.add_rule(list(back_ends), place=0))
        self.settle()

    def run(self, name: str, back_end: BackEnd) -> None:
        self.core.back_ends.put(result(self.administration.back_end(name)), back_end)

    def close(self) -> None:
        result(self.node.engine.close())

    def settle(self) -> None:
        self.clock.pump([0.1] * 5)

    def home(self) -> str:
        """Return the network that has the number, and let it be asked for nothing else."""
        finding = self.finding_home()
        self.settle()
        return result(finding).network

    def finding_home(self) -> Deferred[Found]:
        question = Question(1, NUMBER, "portability", home_only=True)
        return Deferred.fromCoroutine(self.core.lookup.ask(self.core.lookup.search(question)))

    def find(self, number: str = NUMBER, package: str = "roaming", *, refresh: bool = False) -> Found:
        question = Question(1, number, package, refresh)
        search = self.core.lookup.search(question)
        if not search.asked:
            return self.core.lookup.found(search)
        finding = Deferred.fromCoroutine(self.core.lookup.ask(search))
        self.settle()
        return result(finding)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path / "smsd.db")
    yield rig
    rig.close()


# Who is asked.


def rule(id: int, **fields: Any) -> LookupRule:
    values = {
        "place": 1,
        "account_id": None,
        "package": "",
        "prefix": "",
        "country": "",
        "back_ends": f"b{id}",
    }
    return LookupRule(id, **(values | fields))


def test_the_first_rule_that_fits_says_who_is_asked() -> None:
    rules = LookupRules(
        [
            rule(1, place=9, back_ends="last"),
            rule(2, prefix="38591", back_ends="a b"),
            rule(3, country="HR", account_id=7),
            rule(4, country="HR", package="cleaning"),
            rule(5, prefix="41", back_ends=""),
        ]
    )
    assert rules.back_ends(1, "roaming", "385915369421", "HR") == ("a", "b")
    assert rules.back_ends(7, "roaming", "385955369421", "HR") == ("b3",)
    assert rules.back_ends(1, "cleaning", "385955369421", "HR") == ("b4",)
    assert rules.back_ends(1, "roaming", "385955369421", "HR") == ("last",)
    assert rules.back_ends(1, "roaming", "41790000001", "CH") == ()
    assert LookupRules().back_ends(1, "roaming", "41790000001", "CH") == ()


def test_those_of_a_rule_are_asked_until_all_is_known(rig: Rig) -> None:
    mnp = BackEnd(Context(ported=True, ported_network=TELEMACH))
    hlr = BackEnd(Context(0, imsi="219020000000001", serving_msc="38595016"))
    spare = BackEnd(Context(27))
    rig.add(mnp=mnp, hlr=hlr, spare=spare)
    found = rig.find()
    assert (found.status, found.error, found.network) == (5, 0, "21902")
    assert found.context.imsi == "219020000000001"
    assert found.sources == {"portability": "mnp", "presence": "hlr", "subscription": "hlr"}
    assert (mnp.asked, hlr.asked, spare.asked) == (1, 1, 0)


def test_whoever_can_not_know_what_is_missing_is_not_asked(rig: Rig) -> None:
    mnp = BackEnd(Context(ported=False), frozenset({Fields.PORTABILITY}))
    hlr = BackEnd(Context(0))
    rig.add(mnp=mnp, hlr=hlr)
    rig.find(package="cleaning")
    assert (mnp.asked, hlr.asked) == (0, 1)
    rig.find(package="portability")
    assert (mnp.asked, hlr.asked) == (1, 1)


def test_the_next_is_asked_if_one_does_not_answer(rig: Rig) -> None:
    broken, hlr = BackEnd(None), BackEnd(Context(0, imsi="219020000000001"))
    rig.add(broken=broken, hlr=hlr)
    found = rig.find(package="cleaning")
    assert (found.status, found.error, found.unanswered) == (5, 0, False)
    assert found.sources == {"presence": "hlr"}


def test_nobody_answers(rig: Rig) -> None:
    rig.add(one=BackEnd(None), other=BackEnd(None))
    found = rig.find()
    assert (found.status, found.error, found.unanswered) == (9, 502, True)
    assert found.context.original is not None
    assert found.context.original.country_code == "HR"


@pytest.mark.parametrize("second", [Context(0, imsi="219020000000001"), Context(27)])
def test_one_that_has_no_such_subscriber_leaves_him_to_the_next(rig: Rig, second: Context) -> None:
    first = BackEnd(Context(1))
    rig.add(first=first, second=BackEnd(second))
    found = rig.find()
    assert found.error == second.error
    assert found.sources["presence"] == "second"
    assert rig.find() == found
    assert first.asked == 1


def test_a_subscriber_whom_nobody_has_is_unknown(rig: Rig) -> None:
    first, second = BackEnd(Context(1)), BackEnd(Context(1))
    rig.add(first=first, second=second)
    assert (rig.find().error, rig.find().error) == (1, 1)
    assert (first.asked, second.asked) == (1, 1)


# What follows.


def test_without_anybody_to_ask_the_plan_says_what_it_knows(rig: Rig) -> None:
    found = rig.find()
    assert (found.status, found.error, found.type, found.sources) == (2, 0, "MOBILE", {})
    assert (found.context.correct, found.context.ported, found.context.roaming) == (True, None, None)
    wrong = rig.find("38591")
    assert (wrong.status, wrong.error, wrong.context.correct, wrong.type) == (9, 1, False, "")


def test_a_number_that_the_plan_does_not_know_is_one_if_somebody_reaches_it(rig: Rig) -> None:
    rig.add(hlr=BackEnd(Context(0)))
    assert rig.find("38591").context.correct is True


@pytest.mark.parametrize(
    ("msc", "roaming", "country"),
    [("38591016", False, None), ("41790000001", True, "CH"), ("nowhere", None, None)],
)
def test_the_serving_msc_says_where_a_phone_is(
    rig: Rig, msc: str, roaming: bool | None, country: str | None
) -> None:
    rig.add(hlr=BackEnd(Context(0, imsi="219100000000001", serving_msc=msc)))
    context = rig.find().context
    assert context.roaming is roaming
    assert (context.roaming_network.country_code if context.roaming_network else None) == country


def test_the_table_of_ported_numbers_says_who_has_a_number(rig: Rig) -> None:
    mnp = BackEnd(Context(ported=False))
    rig.add(mnp=mnp)
    rig.core.networks.use_ported(PortedNumbers([(0, chunk_of([(int(NUMBER), "21902")]))]))
    found = rig.find(package="portability")
    assert found.context.ported is True
    assert found.context.ported_network is not None
    assert found.context.ported_network.mccmnc == found.network == "21902"
    assert found.context.original is not None
    assert found.context.original.mccmnc == "21910"


def test_a_number_that_is_not_in_it_was_not_ported_if_a_rule_says_that_it_is_complete(rig: Rig) -> None:
    assert rig.find(package="portability").context.ported is None
    result(rig.administration.add_back_end("mnp", "ported", "{}"))
    result(rig.administration.add_rule(["mnp"], country="HR"))
    rig.settle()
    assert rig.find(package="portability").context.ported is False
    assert rig.find("41790000001", "portability").context.ported is None


# What is kept.


def test_each_class_of_fields_is_known_for_its_own_time(rig: Rig) -> None:
    mnp = BackEnd(Context(ported=False), frozenset({Fields.PORTABILITY}))
    hlr = BackEnd(
        Context(0, imsi="219100000000001", serving_msc="38591016"),
        frozenset({Fields.SUBSCRIPTION, Fields.PRESENCE}),
    )
    rig.add(mnp=mnp, hlr=hlr)
    rig.find()
    rig.find()
    assert (mnp.asked, hlr.asked) == (1, 1)
    rig.clock.advance(301)
    hlr.answer = Context(27)
    found = rig.find()
    assert (mnp.asked, hlr.asked) == (1, 2)
    assert (found.error, found.context.imsi) == (27, "219100000000001")
    rig.clock.advance(86_400)
    rig.find()
    assert (mnp.asked, hlr.asked) == (2, 3)


def test_an_imsi_that_is_remembered_still_says_who_has_the_number(rig: Rig) -> None:
    hlr = BackEnd(Context(0, imsi="219020000000001"), frozenset({Fields.SUBSCRIPTION, Fields.PRESENCE}))
    rig.add(hlr=hlr)
    assert rig.find(package="portability").network == "21902"
    assert rig.find(package="portability").network == "21902"
    assert hlr.asked == 1


# Only the network.


def test_for_the_network_alone_others_are_asked_until_somebody_has_said_it(rig: Rig) -> None:
    first, second, third = BackEnd(Context(0)), BackEnd(Context(ported=False)), BackEnd(Context(27))
    rig.add(first=first, second=second, third=third)
    for _ in range(2):
        assert rig.home() == "21910"
    assert (first.asked, second.asked, third.asked) == (1, 1, 0)


def test_it_counts_for_longer_than_whether_a_phone_can_be_reached(rig: Rig) -> None:
    hlr = BackEnd(Context(0, imsi="219020000000001"), frozenset({Fields.SUBSCRIPTION, Fields.PRESENCE}))
    rig.add(hlr=hlr)
    assert rig.home() == "21902"
    rig.clock.advance(86_399)
    assert (rig.home(), hlr.asked) == ("21902", 1)
    rig.clock.advance(1)
    assert (rig.home(), hlr.asked) == ("21902", 2)


def test_who_was_not_asked_then_is_not_taken_to_have_nothing_to_say(rig: Rig) -> None:
    mnp = BackEnd(Context(ported=False), frozenset({Fields.PORTABILITY}))
    hlr = BackEnd(Context(0, imsi="219100000000001"), frozenset({Fields.SUBSCRIPTION, Fields.PRESENCE}))
    rig.add(mnp=mnp, hlr=hlr)
    assert (rig.home(), hlr.asked) == ("21910", 0)
    assert rig.find().context.imsi == "219100000000001"
    assert (mnp.asked, hlr.asked) == (1, 1)


def test_the_table_is_not_read_for_a_network_that_is_in_memory(rig: Rig) -> None:
    mnp = BackEnd(Context(ported=False), frozenset({Fields.PORTABILITY}))
    rig.add(mnp=mnp, hlr=BackEnd(Context(0), frozenset({Fields.SUBSCRIPTION, Fields.PRESENCE})))
    rig.home()
    assert result(rig.finding_home()).network == "21910"


def test_where_nobody_says_it_nobody_is_asked_again_for_a_while(rig: Rig) -> None:
    hlr = BackEnd(Context(27))
    rig.add(hlr=hlr)
    for _ in range(2):
        assert rig.home() == "21910"
    assert hlr.asked == 1
    rig.clock.advance(301)
    rig.home()
    assert hlr.asked == 2


def test_a_refresh_asks_anew_and_is_remembered(rig: Rig) -> None:
    hlr = BackEnd(Context(0))
    rig.add(hlr=hlr)
    rig.find()
    hlr.answer = Context(27)
    assert rig.find().error == 0
    assert rig.find(refresh=True).error == 27
    assert rig.find().error == 27
    assert hlr.asked == 2


def test_what_another_node_has_found_out_is_known_here(rig: Rig, tmp_path: Path) -> None:
    hlr = BackEnd(Context(0, imsi="219100000000001"))
    rig.add(hlr=hlr)
    rig.find()
    rig.settle()
    other = Rig(tmp_path / "smsd.db")
    other.run("hlr", hlr)
    other.settle()
    assert other.find().context.imsi == "219100000000001"
    assert hlr.asked == 1
    other.close()


def test_what_is_forgotten_is_asked_again(rig: Rig) -> None:
    hlr = BackEnd(Context(0))
    rig.add(hlr=hlr)
    rig.find()
    rig.settle()
    assert result(rig.administration.forget(NUMBER)) > 0
    rig.settle()
    rig.find()
    assert hlr.asked == 2


def test_what_a_back_end_said_that_the_rule_does_not_name_does_not_count(rig: Rig) -> None:
    rig.add(dear=BackEnd(Context(0, imsi="219100000000001")))
    rig.find()
    rig.add(cheap=BackEnd(Context(27)))
    result(rig.administration.add_rule(["cheap"], place=0, package="cleaning"))
    result(rig.administration.remove_rule(1))
    rig.settle()
    assert rig.find(package="cleaning").error == 27


def test_old_answers_are_removed(rig: Rig) -> None:
    rig.add(hlr=BackEnd(Context(0, imsi="219100000000001")))
    rig.find()
    rig.settle()
    now = rig.clock.seconds()
    assert result(rig.core.lookup_memory.remove(now + 86_400, 100)) == 0
    assert result(rig.core.lookup_memory.remove(now + 31 * 86_400, 100)) > 0


# Files of subscribers.


@given(st.text())
def test_a_file_of_subscribers_is_read_or_refused_in_a_sentence(text: str) -> None:
    with suppress(SettingError):
        for line in lines_of(text.splitlines(keepends=True)):
            assert 10_000 <= line[0] < 10**15


def test_columns_stand_in_any_order() -> None:
    text = (
        "state;x\n".replace(";", ",").replace("\n", ",NUMBER\n")
        + "absent,1,+385911111111\n\n,,385912222222\n"
    )
    assert list(lines_of(text.splitlines(keepends=True))) == [
        (385911111111, "", "", 27),
        (385912222222, "", "", 0),
    ]
