from __future__ import annotations

from typing import Any

import pytest
from twisted.names import dns
from twisted.names.server import DNSServerFactory

from smsd.hlr.enum_dns import Enum, resolver
from smsd.hlr.naptr import domain
from smsd.hlr.options import EnumOptions
from smsd.numbering.context import Context, Network
from tests.hlr.asking import NUMBER, Question
from tests.hlr.names import ADDRESS, Names, Refusing, Truncating, Zone, naptr, serve
from tests.peers import result

SUFFIX = "mnp.example"
PORTED = r"!^\+(.*)$!tel:+\1;npdi;rn=D012!"
NOT_PORTED = "!^.*$!tel:+385915369421;npdi!"
MOVED = Context(ported=True, ported_network=Network(mccmnc="21902"))


class Stand:
    """A back end and the name server that it asks."""

    def __init__(
        self, *, kind: type[DNSServerFactory] = DNSServerFactory, silent: bool = False, **options: Any
    ) -> None:
        self.names = Names()
        self.zone = Zone(SUFFIX)
        if not silent:
            serve(self.names, self.zone, kind=kind)
        given = {"suffix": SUFFIX, "servers": ADDRESS, "networks": "D012=21902"} | options
        read = EnumOptions(**given)
        self.back_end = Enum("enum", read, resolver(read, self.names))
        self.back_end.startService()

    def put(self, regexp: str, number: str = NUMBER) -> None:
        self.zone.add(domain(number, SUFFIX), naptr(regexp))

    def ask(self, number: str = NUMBER) -> Question:
        question = Question(self.back_end, number)
        self.names.settle()
        return question


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_a_ported_number_has_a_network_by_its_routing_number(stand: Stand) -> None:
    stand.put(PORTED)
    assert stand.ask().context == MOVED
    assert stand.names.sockets == 0


def test_a_number_that_was_looked_up_for_the_name_server_and_not_found_is_not_ported(stand: Stand) -> None:
    stand.put(NOT_PORTED)
    assert stand.ask().context == Context(ported=False)


@pytest.mark.parametrize(("missing", "ported"), [("unknown", None), ("not_ported", False)])
def test_what_a_number_means_that_is_not_there_is_an_option(missing: str, ported: bool | None) -> None:
    stand = Stand(missing=missing)
    assert stand.ask().context == Context(ported=ported)


def test_a_name_without_such_records_says_nothing(stand: Stand) -> None:
    stand.zone.add(domain(NUMBER, SUFFIX), dns.Record_TXT(b"hello", ttl=60))
    assert stand.ask().context == Context()


def test_records_that_do_not_fit_a_datagram_come_by_tcp() -> None:
    stand = Stand(kind=Truncating)
    stand.put(PORTED)
    assert stand.ask().context == MOVED
    assert len(stand.names.attempts) == 1


def test_a_name_server_that_says_nothing_is_asked_again_and_given_up() -> None:
    stand = Stand(silent=True, timeout=10)
    question = stand.ask()
    stand.names.wait(9)
    assert question.open
    assert stand.names.queries == [(ADDRESS, 53)] * 3
    stand.names.wait(1)
    assert question.reason == "There was no answer in 10 seconds."
    assert stand.names.sockets == 0


def test_another_name_server_is_asked_when_the_first_says_nothing() -> None:
    stand = Stand(silent=True, servers=f"{ADDRESS} 192.0.2.54:5353", timeout=10)
    serve(stand.names, stand.zone, ("192.0.2.54", 5353))
    stand.put(PORTED)
    question = stand.ask()
    stand.names.wait(1)
    assert question.context == MOVED


def test_a_name_server_that_refuses_is_no_answer() -> None:
    stand = Stand(kind=Refusing)
    assert stand.ask().reason == "The name server can't say: DNSQueryRefusedError."


def test_only_so_many_queries_are_unanswered() -> None:
    stand = Stand(silent=True, window=2, timeout=10)
    questions = [stand.ask(f"38591000000{number}") for number in range(4)]
    assert len(stand.names.queries) == 2
    serve(stand.names, stand.zone)
    for number in range(4):
        stand.put(NOT_PORTED, f"38591000000{number}")
    stand.names.wait(2)
    assert [question.context for question in questions] == [Context(ported=False)] * 4


def test_who_does_not_wait_any_longer_disturbs_no_other_who_asks_for_the_same() -> None:
    stand = Stand(silent=True)
    first, second = stand.ask(), stand.ask()
    first.cancel()
    third = stand.ask()
    serve(stand.names, stand.zone)
    stand.put(PORTED)
    stand.names.wait(2)
    assert [second.context, third.context] == [MOVED] * 2


def test_a_number_that_is_asked_about_again_after_all_gave_up_is_answered() -> None:
    stand = Stand(silent=True)
    stand.ask().cancel()
    again = stand.ask()
    serve(stand.names, stand.zone)
    stand.put(PORTED)
    stand.names.wait(2)
    assert again.context == MOVED


def test_a_back_end_that_stops_tells_who_waits() -> None:
    stand = Stand(silent=True)
    question = stand.ask()
    result(stand.back_end.stopService())
    stand.names.settle()
    assert question.reason == "It has been stopped."
    assert stand.names.sockets == 0
    assert stand.ask().reason == "It has been stopped."
