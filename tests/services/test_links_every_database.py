"""A tracked message's way on every database, in real time."""

from __future__ import annotations

from smsd.services.links import Links, ShortLinks
from smsd.store.links import Click, LinkChanges, Rate, Tracked, Which
from smsd.store.messages import Notify
from smsd.store.pushes import Pushes, lane_of
from tests.services.rig import BASE
from tests.services.test_every_database import Life, life
from tests.stores import content

__all__ = ["life"]


async def test_many_are_sent_delivered_clicked_and_counted(life: Life) -> None:
    core = life.core
    links = Links(
        core.link_rows,
        LinkChanges(core.journal),
        core.pushing,
        core.networks,
        core.ids,
        core.clock,
        ShortLinks(BASE),
    )
    life.operate()
    made, tokens = content(), []
    made.tracked, made.notify = True, Notify("http://client.example/")
    for number in range(100):
        _, stored = links.shorten([f"http://a.example/{number}"])
        tokens.append(stored[0][0])
        life.submit(content=made, bulk_id="b", tracked=Tracked("URL", "", "", stored))
    await life.until(lambda: len(life.stored_ids) == 100 and life.acknowledged == 100)
    for number in (*range(40), *range(20)):
        link = await links.find(tokens[number])
        assert link is not None
        assert link.url == f"http://a.example/{number}"
        links.opened(link, "ANDROID", False)
    await life.drain()
    account_id = life.rows.accounts[0].id
    assert await links.rates(account_id, Which(), 10) == [Rate("b", "URL", "", "", 100, 100, 40, 60, 0)]
    told = await links.clicks(account_id, Which(bulk_ids=["b"]), 1000)
    assert sum(click.first for click in told) == 40
    due = await Pushes(life.engine).due(
        lane_of(account_id, "http://client.example/"), core.clock.seconds(), 100
    )
    clicks = [push.item for push in due if isinstance(push.item, Click)]
    assert sorted(clicks, key=lambda click: -click.id) == told
    assert len(told) == 60
