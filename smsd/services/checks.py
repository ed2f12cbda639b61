"""What a message is held against before a route is sought for it: lists, and what its account is held to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from smsd.services.entries import Numbers, Senders, Texts
from smsd.services.lists import (
    ALLOWED_SENDERS,
    APPROVAL_TEXTS,
    BLOCKED_DESTINATIONS,
    BLOCKED_SENDERS,
    BLOCKED_TEXTS,
    DND,
    REGISTERED_DESTINATIONS,
    Lists,
)
from smsd.services.statuses import (
    DESTINATION_BLACKLISTED,
    MESSAGE_ACCEPTED,
    NO_ERROR,
    PENDING_APPROVAL,
    REJECTED_BY_DESTINATION,
    REJECTED_DESTINATION_NOT_REGISTERED,
    REJECTED_DND,
    REJECTED_NOT_SENT,
    REJECTED_SENDER,
    REJECTED_SOURCE,
    TEXT_BLACKLISTED,
)
from smsd.sms.coding import decode, is_text
from smsd.sms.phrases import words
from smsd.store.messages import Content
from smsd.store.settings import Account, Rows

ANY, LISTED = "any", "listed"
WHICH = (ANY, LISTED)
"""Which senders an account may use, and which destinations: any, or those of its list."""
EVERYTHING, TEXTS = "everything", "texts"

_approval = re.compile(r"(?:bulks:([1-9][0-9]{0,8})|everything|texts)", re.ASCII).fullmatch


class Finding(NamedTuple):
    """What is found: what status a message gets, and what GSM error."""

    status: int = MESSAGE_ACCEPTED
    error: int = NO_ERROR


NOTHING = Finding()
"""There is nothing against the message."""
IN_APPROVAL = Finding(PENDING_APPROVAL)


class Approval(NamedTuple):
    """What of an account's messages waits for approval."""

    everything: bool = False
    texts: bool = False
    """Those with a phrase of a list."""
    bulk: int = 0
    """Those of requests with more messages; 0: of none."""


class InvalidApproval(ValueError):
    """What is given doesn't say what is to be approved."""


def approval(given: str) -> Approval:
    """Return what an account's setting says, such as ``texts bulks:1000``.

    Raises:
        InvalidApproval: if it says nothing that is known.
    """
    bulk = 0
    for word in given.split():
        match = _approval(word)
        if match is None:
            raise InvalidApproval(
                f"What waits for approval is everything, texts or bulks:NUMBER: not {word!r}"
            )
        bulk = int(match[1] or bulk)
    return Approval(EVERYTHING in given.split(), TEXTS in given.split(), bulk)


class _Rules(NamedTuple):
    """What the messages of one account are held against."""

    dnd: Sequence[Numbers]
    blocked_senders: Sequence[Senders]
    allowed_senders: Sequence[Senders] | None
    blocked_destinations: Sequence[Numbers]
    registered: Sequence[Numbers] | None
    blocked_texts: Sequence[Texts]
    approval_texts: Sequence[Texts]
    approval: Approval

    @property
    def idle(self) -> bool:
        """Whether there is nothing that any message could be held against."""
        limited = self.allowed_senders is not None or self.registered is not None
        listed = (*self.dnd, *self.blocked_senders, *self.blocked_destinations, *self.blocked_texts)
        return not (limited or listed or self.approval_texts or any(self.approval))


class Checks:
    """Looks at messages that are handed in.

    What an account's messages are held against is gathered when its first one comes, and anew when lists or
    accounts have changed. For most accounts that is nothing.
    """

    def __init__(self, lists: Lists) -> None:
        self._lists = lists
        self._accounts: dict[int, Account] = {}
        self._rules: dict[int, _Rules] = {}
        self.unchecked: set[int] = set()
        """The accounts of which it is known that nothing is to be looked at."""
        lists.changed = self._forget

    def apply(self, rows: Rows) -> None:
        """Take over changed accounts."""
        self._accounts = {account.id: account for account in rows.accounts}
        self._forget()

    def look(
        self, account_id: int, number: str, source: str, content: Content | None, together: int = 1
    ) -> Finding:
        """Return what is against a message to a number, E.164 digits, from a sender.

        It is one of so many that come ``together``. Without its content it is a part of one.
        """
        rules = self._rules_of(account_id)
        found = _of_addresses(rules, number, source)
        return found if content is None or found is not NOTHING else _of_text(rules, content, together)

    def look_at_text(self, account_id: int, content: Content) -> Finding:
        """Return what is against the text of a message that has come in parts."""
        return _of_text(self._rules_of(account_id), content, 1)

    def _forget(self) -> None:
        self._rules.clear()
        self.unchecked.clear()

    def _rules_of(self, account_id: int) -> _Rules:
        rules = self._rules.get(account_id)
        if rules is None:
            rules = self._rules[account_id] = self._gather(account_id)
            if rules.idle:
                self.unchecked.add(account_id)
        return rules

    def _gather(self, account_id: int) -> _Rules:
        account = self._accounts.get(account_id)
        waiting = approval(account.approval) if account is not None else Approval()
        return _Rules(
            self._lists.of(DND, account_id),
            self._lists.of(BLOCKED_SENDERS, account_id),
            self._lists.of(ALLOWED_SENDERS, account_id)
            if account is not None and account.senders == LISTED
            else None,
            self._lists.of(BLOCKED_DESTINATIONS, account_id),
            self._lists.of(REGISTERED_DESTINATIONS, account_id)
            if account is not None and account.destinations == LISTED
            else None,
            self._lists.of(BLOCKED_TEXTS, account_id),
            self._lists.of(APPROVAL_TEXTS, account_id) if waiting.texts else (),
            waiting,
        )


def _of_addresses(rules: _Rules, number: str, source: str) -> Finding:
    if any(number in one for one in rules.dnd):
        return Finding(REJECTED_DND, DESTINATION_BLACKLISTED)
    if any(source in one for one in rules.blocked_senders):
        return Finding(REJECTED_SENDER)
    allowed, registered = rules.allowed_senders, rules.registered
    if allowed is not None and not any(source in one for one in allowed):
        return Finding(REJECTED_SOURCE)
    if any(number in one for one in rules.blocked_destinations):
        return Finding(REJECTED_BY_DESTINATION)
    if registered is not None and not any(number in one for one in registered):
        return Finding(REJECTED_DESTINATION_NOT_REGISTERED)
    return NOTHING


def _of_text(rules: _Rules, content: Content, together: int) -> Finding:
    in_approval = rules.approval.everything or 0 < rules.approval.bulk < together
    if (rules.blocked_texts or rules.approval_texts) and is_text(content.data_coding):
        there = words(decode(content.body, content.data_coding, content.udh))
        if any(one.found(there) for one in rules.blocked_texts):
            return Finding(REJECTED_NOT_SENT, TEXT_BLACKLISTED)
        in_approval = in_approval or any(one.found(there) for one in rules.approval_texts)
    return IN_APPROVAL if in_approval else NOTHING
