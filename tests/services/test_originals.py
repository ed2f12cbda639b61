"""What received messages say."""

from __future__ import annotations

import pytest

from smsd.services.originals import joined, text, whole_text
from tests.services.received import original, segments


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "Hello"),
        ({"data_coding": 8, "short_message": "ćiri".encode("utf-16-be")}, "ćiri"),
        ({"data_coding": 3, "short_message": b"caf\xe9"}, "café"),
        ({"data_coding": 4, "short_message": b"\1\xff"}, "01FF"),
        ({"short_message": b"", "payload": b"long"}, "long"),
        ({"short_message": b"short", "payload": b"long"}, "short"),
        ({"short_message": b""}, ""),
        # A Turkish single shift table: escape, then s.
        ({"esm_class": 0x40, "short_message": b"\3\x24\1\1\x1bs"}, "ş"),
        ({"esm_class": 0x40, "short_message": b"\x09x"}, "Çx"),
        ({"esm_class": 0x40, "short_message": b"\2\x24\5x"}, "x"),
        ({"data_coding": 3, "short_message": b"a\0b"}, "a\ufffdb"),
    ],
)
def test_a_message_says_what_its_coding_and_header_mean(fields: dict[str, object], said: str) -> None:
    assert text(original(**fields)) == said  # type: ignore[arg-type]


def test_missing_segments_are_marked_once_where_they_are_missing() -> None:
    one, two, three = segments("a", "b", "c")
    assert whole_text([one, two, three]) == "abc"
    assert whole_text([None, two, None]) == "[…]b[…]"
    assert whole_text([one, None, None]) == "a[…]"


def test_joined_segments_are_one_message_without_their_numbers() -> None:
    one, two = segments("a", "b")
    whole = joined([one, two])
    assert (whole.esm_class, whole.short_message, whole.place) == (0, b"ab", None)
    assert (whole.source, whole.data_coding) == (one.source, one.data_coding)


def test_joined_segments_keep_the_rest_of_their_header() -> None:
    plain = segments("a", "b")
    turkish = [
        original(
            esm_class=0x40,
            short_message=bytes((8,)) + one.short_message[1:6] + b"\x24\1\1" + one.short_message[6:],
            place=one.place,
        )
        for one in plain
    ]
    whole = joined(turkish)
    assert (whole.esm_class, whole.short_message) == (0x40, b"\3\x24\1\1ab")
