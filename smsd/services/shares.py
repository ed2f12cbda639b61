"""Places that accounts share, so that one account's flood leaves the others theirs."""

from __future__ import annotations


class Shares:
    """So many places; an account may take half of those that the others leave.

    One account alone has at most half of them all, two a third each, and there is always one for the next.
    """

    def __init__(self, places: int) -> None:
        self._places = places
        self._of: dict[int, int] = {}
        self.taken = 0
        """How many places are taken."""

    def has_room(self, account_id: int, count: int = 1) -> bool:
        """Tell whether an account may take another place, or so many."""
        return self.taken + self._of.get(account_id, 0) + count <= self._places

    def take(self, account_id: int, count: int = 1) -> None:
        """Take a place for an account, or so many."""
        self.taken += count
        self._of[account_id] = self._of.get(account_id, 0) + count

    def leave(self, account_id: int, count: int = 1) -> None:
        """Give a place of an account's back, or so many."""
        self.taken -= count
        self._of[account_id] -= count
        if not self._of[account_id]:
            del self._of[account_id]
