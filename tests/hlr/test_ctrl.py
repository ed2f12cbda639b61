from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from smsd.hlr.ctrl import (
    Answered,
    Broken,
    Complaint,
    Conversation,
    Event,
    Frames,
    Refused,
    Unanswered,
    frame,
)

LONGEST = 0xFFFF + 3


def asked(count: int = 3, patience: float = 5.0) -> Conversation:
    """Return a conversation with requests for ``one``, ``two`` … made a second after another."""
    conversation = Conversation(patience)
    for number, name in enumerate(("one", "two", "three")[:count]):
        conversation.get(name, name.upper(), float(number))
    return conversation


def test_a_request_goes_out_as_a_frame() -> None:
    conversation = asked(1)
    assert conversation.data_to_send() == b"\x00\x0a\xee\x00GET 1 one"
    assert conversation.data_to_send() == b""


def test_answers_are_matched_by_their_number_in_whatever_order() -> None:
    conversation = asked()
    data = frame("GET_REPLY 3 three 3") + frame("GET_REPLY 1 one 1") + frame("ERROR 2 No such thing.")
    assert conversation.receive(data, 3.0) == [
        Answered("THREE", "3"),
        Answered("ONE", "1"),
        Refused("TWO", "No such thing."),
    ]
    assert conversation.outstanding == 0


def test_a_value_may_have_lines_and_blanks_or_be_empty() -> None:
    conversation = asked(2)
    data = frame("GET_REPLY 1 one \na\tb c\nd\te") + frame("GET_REPLY 2 two")
    assert conversation.receive(data, 3.0) == [Answered("ONE", "\na\tb c\nd\te"), Answered("TWO", "")]


def test_an_error_without_a_number_shifts_no_other_answer() -> None:
    conversation = asked(2)
    events = conversation.receive(frame("ERROR err Request malformed") + frame("GET_REPLY 2 two 2"), 3.0)
    assert events == [Complaint("Request malformed"), Answered("TWO", "2")]
    assert conversation.tick(5.0) == [Unanswered("ONE")]


def test_an_answer_that_comes_too_late_or_twice_is_ignored() -> None:
    conversation = asked(2)
    assert conversation.receive(frame("GET_REPLY 2 two 2"), 3.0) == [Answered("TWO", "2")]
    assert conversation.tick(5.0) == [Unanswered("ONE")]
    late = frame("GET_REPLY 1 one 1") + frame("ERROR 1 late") + frame("GET_REPLY 2 two 2")
    assert conversation.receive(late, 6.0) == []


def test_an_answer_for_another_variable_is_none() -> None:
    assert asked(1).receive(frame("GET_REPLY 1 other 1"), 1.0) == [Refused("ONE", "It answered for other.")]


def test_what_the_peer_tells_by_itself_is_ignored() -> None:
    data = frame("TRAP 0 one 1") + frame("SET_REPLY 1 one OK") + frame("") + frame("GET")
    assert asked(1).receive(data, 1.0) == []


def test_half_a_frame_breaks_the_connection_off_once_nothing_came_for_long() -> None:
    conversation = asked()
    assert conversation.receive(frame("GET_REPLY 1 one 1")[:-1], 1.0) == []
    assert conversation.tick(4.9) == []
    assert conversation.tick(5.0) == [Unanswered("ONE"), Broken("Nothing came for 5 seconds.")]
    assert conversation.abandon() == ["TWO", "THREE"]
    assert conversation.abandon() == []


def test_a_peer_that_answers_others_is_not_given_up() -> None:
    conversation = asked()
    conversation.receive(frame("GET_REPLY 2 two 2"), 4.0)
    assert conversation.tick(5.5) == [Unanswered("ONE")]


def test_frames_of_other_streams_are_left_out() -> None:
    others = b"\x00\x01\xfe\x00" + b"\x00\x02\xee\x05x" + b"\x00\x00\xee"
    assert Frames().receive(others + frame("mine")) == ["mine"]


@given(st.lists(st.binary(max_size=100)))
def test_arbitrary_octets_do_no_harm(pieces: list[bytes]) -> None:
    conversation = asked()
    events: list[Event] = []
    for piece in pieces:
        events += conversation.receive(piece, 3.0)
    assert all(isinstance(event, Answered | Refused | Complaint) for event in events)
    assert len(events) <= sum(map(len, pieces)) / 4


@given(
    st.lists(st.text(st.characters(max_codepoint=127), max_size=40)),
    st.lists(st.integers(0, 400), max_size=20),
)
def test_frames_may_be_split_anywhere(texts: list[str], cuts: list[int]) -> None:
    data = b"".join(map(frame, texts))
    frames = Frames()
    ends = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    read = [text for beginning, end in pairwise(ends) for text in frames.receive(data[beginning:end])]
    assert read == texts


def test_what_is_held_of_a_frame_is_bounded() -> None:
    frames = Frames()
    longest = frame("x" * (LONGEST - 4))
    assert frames.receive(longest[:-1]) == []
    assert frames.receive(longest[-1:] + b"\xff\xff\xee") == ["x" * (LONGEST - 4)]
