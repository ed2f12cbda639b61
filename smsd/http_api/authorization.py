"""Who makes a request."""

from __future__ import annotations

from smsd.http_api.errors import banned, forbidden, unauthorized
from smsd.http_api.incoming import Incoming
from smsd.services.accounts import UnknownAccount, WrongPassword
from smsd.services.admission import Admission, NotAdmitted
from smsd.services.guard import Banned
from smsd.store.settings import Account


async def authorized(admission: Admission, request: Incoming, in_query: bool) -> Account:
    """Return the account that a request is authorized for: by HTTP Basic or, where that goes, its query.

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
    if not system_id:
        raise unauthorized()  # Many clients first ask without, to hear that they must.
    try:
        return await admission.admit(system_id, secret, request.channel.peer)
    except Banned as ban:
        raise banned(ban.seconds) from None
    except (UnknownAccount, WrongPassword):
        raise unauthorized() from None
    except NotAdmitted as reason:
        raise forbidden(str(reason)) from None
