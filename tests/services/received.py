"""Received messages as a channel brings them, and numbers that accounts have."""

from __future__ import annotations

from typing import Any

from smsd.sms.coding import encode
from smsd.sms.udh import Concatenation, concatenation, split_udh, with_length
from smsd.store.received import Original
from smsd.store.settings import Number, Rows
from tests.services.rig import Node, account, channel
from tests.stores import result

NUMBER = "385911234567"
UDHI = 0x40


def original(text: str = "Hello", **fields: Any) -> Original:
    """Return a message that is whole."""
    encoded = encode(text)
    values: dict[str, Any] = {
        "service_type": "CMT",
        "source_ton": 1,
        "source_npi": 1,
        "source": "+41793026727",
        "destination_ton": 1,
        "destination_npi": 1,
        "destination": NUMBER,
        "esm_class": 0,
        "protocol_id": 0,
        "priority": 0,
        "registered_delivery": 0,
        "data_coding": encoded.data_coding,
        "short_message": encoded.body,
    }
    return Original(**(values | fields))


def segments(*texts: str, reference: int = 7, wide: bool = False, **fields: Any) -> list[Original]:
    """Return the segments of a long message, one of each text."""
    made = []
    for number, text in enumerate(texts, 1):
        place = Concatenation(reference, len(texts), number, wide)
        encoded = encode(text)
        octets = with_length(place.element()) + encoded.body
        assert concatenation(split_udh(octets)[0]) == place
        made.append(original(text, esm_class=UDHI, short_message=octets, place=place, **fields))
    return made


def own(node: Node, *numbers: tuple[str, str, int, str]) -> None:
    """Give numbers to accounts: number, keyword, account and delivery of each."""
    rows = tuple(Number(id, *one) for id, one in enumerate(numbers, 1))
    node.core.inbox.apply(Rows((account(),), (channel(),), (), rows))


class Operator:
    """A channel: it brings messages, and hears which of them are on disk."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.answers: list[bool] = []

    def bring(self, *originals: Original, channel_id: int = 1) -> None:
        """Bring messages and let them be stored."""
        for one in originals:
            self.node.core.inbox.take(channel_id, one, self.answers.append)
        self.node.turn()


def fetched(node: Node, account_id: int = 1, limit: int = 1000) -> list[str]:
    """Fetch an account's inbox, and return the texts."""
    return [one.text for one in result(node.core.inbox.fetch(account_id, limit))]
