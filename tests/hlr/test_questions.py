from __future__ import annotations

from twisted.internet.defer import Deferred

from smsd.hlr.questions import Questions
from smsd.numbering.context import Context
from smsd.services.lookup import NoAnswer
from tests.hlr.asking import Question

FOUND = Context(error=0)


class Asked:
    """A back end that leaves everything to its questions."""

    def __init__(self, most: int = 10) -> None:
        self.questions = Questions(most)

    async def ask(self, number: str) -> Context:
        return await self.questions.put(number)

    def taken(self) -> list[str]:
        return list(iter(self.questions.take, None))


def test_a_number_that_several_ask_about_is_asked_about_once() -> None:
    asked = Asked()
    first, second = Question(asked, "1"), Question(asked, "1")
    assert asked.taken() == ["1"]
    third = Question(asked, "1")
    assert asked.taken() == []
    asked.questions.answer("1", FOUND)
    assert [one.context for one in (first, second, third)] == [FOUND] * 3
    assert len(asked.questions) == 0


def test_numbers_are_asked_about_in_their_order() -> None:
    asked = Asked()
    for number in "312":
        Question(asked, number)
    assert asked.taken() == ["3", "1", "2"]


def test_more_questions_than_may_wait_fail_at_once() -> None:
    asked = Asked(2)
    waiting = [Question(asked, "1"), Question(asked, "1")]
    assert Question(asked, "2").reason == "2 questions wait already."
    waiting[0].cancel()
    assert Question(asked, "2").open


def test_a_number_that_nobody_waits_for_any_more_is_not_asked_about() -> None:
    asked = Asked()
    first, second, other = Question(asked, "1"), Question(asked, "1"), Question(asked, "2")
    first.cancel()
    second.cancel()
    assert asked.taken() == ["2"]
    asked.questions.answer("1", FOUND)
    assert other.open


def test_who_still_waits_is_answered_when_another_does_not() -> None:
    asked = Asked()
    first, second = Question(asked, "1"), Question(asked, "1")
    assert asked.taken() == ["1"]
    first.cancel()
    asked.questions.answer("1", FOUND)
    assert second.context == FOUND


def test_all_who_wait_can_be_told_that_there_is_no_answer() -> None:
    asked = Asked()
    questions = [Question(asked, number) for number in "112"]
    asked.questions.refuse_all("It is night.")
    assert [question.reason for question in questions] == ["It is night."] * 3
    assert asked.taken() == []


def test_who_asks_again_on_being_refused_is_not_lost() -> None:
    questions = Questions(10)
    again: list[Deferred[Context]] = []

    def ask_again(failure: object) -> None:
        again.append(questions.put("2"))

    questions.put("1").addErrback(ask_again)
    questions.refuse("1", "no")
    assert questions.take() == "2"
    questions.refuse_all("no")
    again[0].addErrback(lambda failure: failure.trap(NoAnswer) and None)
