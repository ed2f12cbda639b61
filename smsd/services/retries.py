"""When a message is tried again that an operator would not have, or could not deliver, for the time being."""

from __future__ import annotations

from smsd.store.messages import Message

FIRST_RETRY, LAST_RETRY = 60.0, 3600.0
"""Seconds until a message is tried again: doubled each time."""


def retry_at(message: Message, now: float) -> float:
    """Return when a message is to be tried again that has just failed."""
    pause: float = min(FIRST_RETRY * 2**message.attempts, LAST_RETRY)
    return now + pause


def put_off(message: Message, error: int, now: float) -> None:
    """Let a message wait for another attempt, at the latest until its validity ends."""
    message.due_at = min(retry_at(message, now), message.expires_at)
    message.attempts += 1
    message.error = error
