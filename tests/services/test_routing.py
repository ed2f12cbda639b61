from smsd.services.routing import Routing
from smsd.store.settings import Route, Rows


def routing(*routes: tuple[int | None, str, int]) -> Routing:
    made = Routing()
    made.apply(
        Rows(
            routes=tuple(
                Route(id, account, "", prefix, channel, "0")
                for id, (account, prefix, channel) in enumerate(routes, 1)
            )
        )
    )
    return made


def channel(found: Route | None) -> int | None:
    return found.channel_id if found else None


def test_the_longest_prefix_wins() -> None:
    routes = routing((None, "", 1), (None, "385", 2), (None, "38591", 3))
    assert channel(routes.find(1, "385911234567")) == 3
    assert channel(routes.find(1, "385921234567")) == 2
    assert channel(routes.find(1, "4366412345")) == 1


def test_an_accounts_own_route_wins_over_a_longer_one_of_everybody() -> None:
    routes = routing((None, "38591", 1), (7, "385", 2), (8, "", 3))
    assert channel(routes.find(7, "385911234567")) == 2
    assert channel(routes.find(8, "385911234567")) == 3
    assert channel(routes.find(9, "385911234567")) == 1


def test_where_an_account_has_no_route_of_its_own_everybodys_counts() -> None:
    routes = routing((None, "", 1), (7, "385", 2))
    assert channel(routes.find(7, "4366412345")) == 1


def test_a_destination_without_a_route_has_none() -> None:
    assert routing().find(1, "385911234567") is None
    assert routing((None, "49", 1), (7, "43", 2)).find(7, "385911234567") is None


def test_a_prefix_may_be_a_whole_number_and_no_longer_one_matches() -> None:
    routes = routing((None, "385911234567", 1), (None, "3859112345678", 2))
    assert channel(routes.find(1, "385911234567")) == 1
    assert routes.find(1, "38591123456") is None


def test_routes_that_are_gone_are_forgotten() -> None:
    routes = routing((None, "", 1), (7, "", 2))
    routes.apply(Rows(routes=(Route(3, None, "", "385", 3, "0"),)))
    assert channel(routes.find(7, "385911234567")) == 3
    assert routes.find(7, "4366412345") is None
