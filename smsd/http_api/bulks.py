"""The requests that look at bulks and change them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from smsd.http_api.answers import Bulk, BulkStatus, ListedBulk
from smsd.http_api.dates import write_date
from smsd.http_api.endpoints import LIMIT, Endpoint, Parameter, Path, Paths, gives
from smsd.http_api.errors import bad_request, conflict, unknown
from smsd.http_api.queries import Query
from smsd.http_api.requests import BulkChange, BulkTime
from smsd.services.bulks import MOST_OPEN, TooLate, TooManyOpen, Unchangeable, UnknownBulk
from smsd.services.core import Core
from smsd.store.bulks import Bulk as BulkOf
from smsd.store.settings import Account

BULK_ID = Parameter("bulkId", "text", "The bulk.", required=True)
NAMED = Parameter("bulkId", "text", "The bulk; without it all are listed that are not finished.")

_could_be = re.compile(r"[^\x00-\x1f,]{1,100}").fullmatch
"""Matches what may be a bulk's id: see :data:`smsd.http_api.requests.Id`."""


class BulkRequests:
    """Tells accounts about their bulks, and changes them."""

    def __init__(self, core: Core) -> None:
        self._bulks = core.bulks

    def paths(self) -> Paths:
        """Return what is served here."""
        time = gives(
            "Tells when a bulk is sent; or lists those not finished.",
            self.time,
            Bulk,
            NAMED,
            LIMIT,
            errors=(404,),
        )
        status = gives("Tells where a bulk is.", self.status, BulkStatus, BULK_ID, errors=(404,))
        return {
            "/sms/1/bulks": Path(
                {
                    **time.endpoints,
                    b"PUT": Endpoint(
                        "Brings what waits of a bulk to another time.",
                        self.reschedule,
                        Bulk,
                        BulkTime,
                        (BULK_ID,),
                        errors=(404, 409),
                    ),
                }
            ),
            "/sms/1/bulks/status": Path(
                {
                    **status.endpoints,
                    b"PUT": Endpoint(
                        "Pauses, resumes or cancels a bulk.",
                        self.change,
                        BulkStatus,
                        BulkChange,
                        (BULK_ID,),
                        errors=(404, 409),
                    ),
                }
            ),
        }

    async def time(self, account: Account, query: Query, body: None) -> Bulk:
        """Tell when a bulk is sent, or list those that are not finished."""
        if not query.text("bulkId"):
            return await self._list(account, query.limit())
        with _told():
            found = await self._bulks.describe(_named(account, query))
        return Bulk(found.bulk_id, write_date(found.send_at))

    async def reschedule(self, account: Account, query: Query, body: BulkTime) -> Bulk:
        """Bring what waits of a bulk to another time."""
        bulk = _named(account, query)
        with _told():
            return Bulk(bulk.bulk_id, write_date(await self._bulks.reschedule(bulk, body.sendAt.seconds)))

    async def status(self, account: Account, query: Query, body: None) -> BulkStatus:
        """Tell where a bulk is."""
        with _told():
            found = await self._bulks.describe(_named(account, query))
        return BulkStatus(found.bulk_id, found.status.value)

    async def change(self, account: Account, query: Query, body: BulkChange) -> BulkStatus:
        """Pause, resume or cancel a bulk."""
        bulk = _named(account, query)
        changes = {
            "PAUSED": self._bulks.pause,
            "PENDING": self._bulks.resume,
            "CANCELED": self._bulks.cancel,
        }
        with _told():
            status = await changes[body.status](bulk)
        return BulkStatus(bulk.bulk_id, status.value)

    async def _list(self, account: Account, limit: int) -> Bulk:
        found = await self._bulks.unfinished(account.id, limit)
        return Bulk(
            bulks=[ListedBulk(one.bulk_id, write_date(one.send_at), one.status.value) for one in found]
        )


def _named(account: Account, query: Query) -> BulkOf:
    """Return the bulk that a query names.

    Raises:
        ApiError: if it names none, or one that can't be.
    """
    bulk_id = query.text("bulkId")
    if not bulk_id:
        raise bad_request("[bulkId : This parameter is required.]")
    if not _could_be(bulk_id):
        raise unknown(f"bulk {bulk_id[:100]}")
    return BulkOf(account.id, bulk_id)


@contextmanager
def _told() -> Iterator[None]:
    """Say as the API does what can't be done with a bulk."""
    try:
        yield
    except UnknownBulk as problem:
        raise unknown(f"bulk {problem}") from problem
    except Unchangeable as problem:
        raise conflict(str(problem)) from problem
    except TooLate as problem:
        raise bad_request("[sendAt : Expected a time that has not passed.]") from problem
    except TooManyOpen as problem:
        raise conflict(
            f"{MOST_OPEN} bulks of the account are paused or being changed, and no more may be."
        ) from problem
