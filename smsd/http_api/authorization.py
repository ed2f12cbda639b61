"""Who makes a request."""

from __future__ import annotations

from twisted.internet.task import deferLater
from twisted.web.http import Request

from smsd.http_api.errors import banned, unauthorized
from smsd.peer import peer_of
from smsd.services.accounts import UnknownAccount, WrongPassword
from smsd.services.core import Core
from smsd.services.guard import Banned
from smsd.store.settings import Account


async def authorized(core: Core, request: Request, in_query: bool) -> Account:
    """Return the account that a request is authorized for: by HTTP Basic or, where that goes, its query.

    A wrong password counts against the address that it comes from, and its answer waits the longer the
    more there were.

    Raises:
        ApiError: if it is authorized for none, or its address may not try again yet.
    """
    name, password = request.getUser(), request.getPassword()
    if in_query and not name and b"username" in request.args:
        name, password = (request.args.get(key, [b""])[-1] for key in (b"username", b"password"))
    try:
        system_id, secret = name.decode(), password.decode()
    except UnicodeDecodeError:
        raise unauthorized() from None
    assert request.transport is not None
    address = peer_of(request.transport).address
    try:
        core.guard.check(address, system_id)
    except Banned as ban:
        raise banned(ban.seconds) from None
    if not system_id:
        raise unauthorized()  # Many clients first ask without, to hear that they must.
    try:
        account = await core.accounts.authenticate(system_id, secret)
    except (UnknownAccount, WrongPassword):
        await deferLater(core.clock, core.guard.wrong(address, system_id))
        raise unauthorized() from None
    core.guard.right(address, system_id)
    return account
