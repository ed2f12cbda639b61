"""Those who guess passwords are slowed down, then refused; nobody else is."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from smsd.services.guard import ADDRESSES, BAN, ENOUGH, Banned, Guard


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def guard(clock: Clock) -> Guard:
    return Guard(clock)


def banned(guard: Guard, address: str, name: str = "acme") -> bool:
    try:
        guard.check(address, name)
    except Banned:
        return True
    return False


def wrong(guard: Guard, address: str, times: int, name: str = "acme") -> list[float]:
    return [guard.wrong(address, name) for _ in range(times)]


def test_each_wrong_password_after_the_third_costs_twice_the_time(guard: Guard) -> None:
    assert wrong(guard, "192.0.2.1", 9) == [0, 0, 0, 1, 2, 4, 8, 16, 16]
    assert not banned(guard, "192.0.2.1")


def test_after_ten_the_name_is_refused_from_there_for_a_while(guard: Guard, clock: Clock) -> None:
    wrong(guard, "192.0.2.1", ENOUGH)
    assert banned(guard, "192.0.2.1")
    assert not banned(guard, "192.0.2.1", "other")
    assert not banned(guard, "192.0.2.2")
    clock.advance(BAN + 1)
    assert not banned(guard, "192.0.2.1")
    assert wrong(guard, "192.0.2.1", 1) == [0]


def test_the_right_password_forgets_the_wrong_ones(guard: Guard) -> None:
    wrong(guard, "192.0.2.1", 5)
    guard.right("192.0.2.1", "acme")
    assert wrong(guard, "192.0.2.1", 3) == [0, 0, 0]


def test_an_address_that_tries_many_names_is_refused_altogether(guard: Guard, clock: Clock) -> None:
    for number in range(ENOUGH):
        guard.wrong("192.0.2.1", f"name{number}")
    assert banned(guard, "192.0.2.1", "acme")
    assert not banned(guard, "192.0.2.2", "acme")
    clock.advance(BAN + 1)
    assert not banned(guard, "192.0.2.1", "acme")


def test_names_that_were_wrong_long_ago_do_not_count(guard: Guard, clock: Clock) -> None:
    for number in range(3 * ENOUGH):
        guard.wrong("192.0.2.1", f"name{number}")
        clock.advance(BAN / 5)
    assert not banned(guard, "192.0.2.1")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("/run/balancer.sock", "/run/balancer.sock", True),
    ],
)
def test_what_counts_as_one_address(guard: Guard, one: str, other: str, same: bool) -> None:
    wrong(guard, one, ENOUGH)
    assert banned(guard, other) is same


def test_no_more_than_so_many_addresses_are_remembered(guard: Guard) -> None:
    wrong(guard, "192.0.2.1", ENOUGH)
    for number in range(ADDRESSES):
        guard.wrong(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", "acme")
    assert not banned(guard, "192.0.2.1")
