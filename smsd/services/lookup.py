"""Number lookup: asks whoever may know something of a number, and puts together what they say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, runtime_checkable

from msgspec.structs import replace

from smsd.numbering.context import Context, Network
from smsd.numbering.imsi import home_network
from smsd.services.fields import CLEANING, HOME, NAMES, PACKAGES, PORTABILITY, Fields, told
from smsd.services.lookup_memory import LookupMemory
from smsd.services.lookup_rules import LookupRules
from smsd.services.number_plan import NumberPlan, Planned
from smsd.services.statuses import (
    DELIVERED_TO_HANDSET,
    DELIVERED_TO_OPERATOR,
    NO_ERROR,
    NO_RESPONSE,
    UNDELIVERABLE_NOT_DELIVERED,
    UNKNOWN_SUBSCRIBER,
)
from smsd.store.lookup_known import Known
from smsd.store.lookups import Found
from smsd.store.settings import Rows

if TYPE_CHECKING:
    from smsd.services.asking import Asked

SUBSCRIBER = frozenset({Fields.PRESENCE, Fields.SUBSCRIPTION})
"""What of a number is its subscriber's."""
PORTED = frozenset({Fields.PORTABILITY})


class NoAnswer(Exception):
    """A back end can't say anything of a number just now; the text says why."""


class BackEnd(Protocol):
    """Somebody who can be asked about numbers.

    One that can't know everything has an attribute ``knows``, the :class:`smsd.services.fields.Fields` that
    it can answer for.
    """

    async def ask(self, number: str) -> Context:
        """Return what is known of a number, E.164 digits.

        Raises:
            NoAnswer: if nothing can be said, since nobody answered or the question was refused.
        """


@runtime_checkable
class Table(BackEnd, Protocol):
    """A back end that reads this database."""

    async def ask_all(self, numbers: Sequence[str]) -> Mapping[str, Context]:
        """Return what is known of numbers, each of which is in the answer; raises as :meth:`ask`."""


class Question(NamedTuple):
    """What somebody wants to know."""

    account_id: int
    number: str
    """E.164 digits."""
    package: str
    refresh: bool = False
    """Whether what was said before doesn't count."""
    home_only: bool = False
    """Whether it is asked only for the network that has the number, by whatever tells it."""


class Lookup:
    """Finds what is known of numbers.

    The first rule that fits a number says who is asked about it, one after the other, until everything is
    known that the package has. What was said lately counts as if it were said now. The number plan fills in
    what nobody has said.
    """

    def __init__(self, plan: NumberPlan, memory: LookupMemory, back_ends: Mapping[str, Asked]) -> None:
        self._plan = plan
        self._memory = memory
        self._back_ends = back_ends
        self._rules = LookupRules()
        self._rows: object = ()

    def apply(self, rows: Rows) -> None:
        """Take over changed rules."""
        if rows.lookup_rules != self._rows:
            self._rows = rows.lookup_rules
            self._rules = LookupRules(rows.lookup_rules)

    def search(self, question: Question) -> Search:
        """Begin to find out about a number."""
        planned = self._plan.of(question.number)
        names = self._rules.back_ends(question.account_id, question.package, question.number, planned.country)
        asked = [one for name in names if (one := self._back_ends.get(name)) is not None]
        return Search(question, planned, asked)

    async def read(self, searches: Sequence[Search]) -> list[Found]:
        """Return what is found of numbers about which only this database is asked, of many at once."""
        alike: dict[tuple[str, ...], list[Search]] = {}
        for search in searches:
            alike.setdefault(tuple([one.name for one in search.asked]), []).append(search)
        for group in alike.values():
            for table in group[0].asked:
                wanted = [search for search in group if search.wants(table)]
                try:
                    answers = await table.ask_all([search.question.number for search in wanted])
                except NoAnswer:
                    for search in wanted:
                        search.gathered.failed = True
                    continue
                for search in wanted:
                    search.gathered.add(table.name, answers[search.question.number])
        return [self.found(search) for search in searches]

    async def ask(self, search: Search) -> Found:
        """Return what is found of a number, asking one after the other until all is known.

        Whoever doesn't answer has nothing to say.
        """
        question, gathered, wanted = search.question, search.gathered, search.wanted
        remembered = frozenset(one.name for one in search.asked if not one.local)
        if remembered and not question.refresh:
            recalled = await self._memory.recall(question.number, search.recalled, search.suffices)
            for fields, known in recalled.items():
                if known.source in remembered:
                    gathered.recall(fields, known.source, known.context)
        last = ""
        for back_end in search.asked:
            if not search.wants(back_end):
                if question.home_only:
                    wanted -= back_end.knows
                continue
            search.asks |= not back_end.local
            try:
                answer = await back_end.ask(question.account_id, question.number)
            except NoAnswer:
                gathered.failed = True
                continue
            gathered.add(back_end.name, answer)
            if not back_end.local:
                last = back_end.name
        if last:
            self._remember(question.number, wanted, gathered, remembered, last)
        return self.found(search)

    def _remember(
        self,
        number: str,
        wanted: frozenset[Fields],
        gathered: _Gathered,
        sources: frozenset[str],
        last: str,
    ) -> None:
        """Remember what was said just now, and that there was no more to say of what all were asked for.

        That is so only if all have answered.
        """
        for source in sources:
            said = frozenset(fields for fields, by in gathered.news.items() if by == source)
            if said:
                self._memory.remember(number, source, gathered.context, said)
        silent = wanted - gathered.told
        if silent and not gathered.failed:
            self._memory.remember(number, last, Context(), silent)

    def found(self, search: Search) -> Found:
        """Return what is found as far as somebody was asked, and of the number plan what nobody has said."""
        question, planned, gathered = search.question, search.planned, search.gathered
        context, plan = gathered.context, planned.context
        package = question.package
        error = context.error
        unanswered = False
        status = DELIVERED_TO_HANDSET
        if error is None:
            unanswered = gathered.failed and not gathered.sources
            if unanswered:
                error = NO_RESPONSE
            elif plan.correct is False:
                error = UNKNOWN_SUBSCRIBER
            else:
                error, status = NO_ERROR, DELIVERED_TO_OPERATOR
        if error:
            status = UNDELIVERABLE_NOT_DELIVERED
        correct = context.correct
        if correct is None:
            correct = plan.correct or context.error not in (None, UNKNOWN_SUBSCRIBER)
        if package == CLEANING:
            shown = Context(error=error, correct=correct)
        else:
            shown = self._on_networks(question, context, plan, error, correct)
        has = PACKAGES[package]
        sources = {
            fields.name.lower(): source for fields, source in gathered.sources.items() if fields in has
        }
        return Found(shown, planned.type, status, sources, unanswered)

    def _on_networks(
        self, question: Question, context: Context, plan: Context, error: int, correct: bool
    ) -> Context:
        """Return what is known with the networks that follow from it, as far as the package has them."""
        original = self._original(context.original, plan.original)
        ported, has_it = context.ported, context.ported_network
        if ported is None:
            ported, has_it = plan.ported, plan.ported_network
        if ported is None and context.imsi is not None and original is not None and original.mccmnc:
            # The subscription is of the network that has the number now.
            now = home_network(context.imsi)
            if now:
                ported = now != original.mccmnc
                has_it = replace(original, name="", prefix="", mccmnc=now)
        if has_it is not None:
            has_it = self._plan.complete(has_it) if ported else None
        if question.package == PORTABILITY:
            return Context(
                error=error, correct=correct, original=original, ported=ported, ported_network=has_it
            )
        roaming, visited = context.roaming, context.roaming_network
        if roaming is None and context.serving_msc is not None and original is not None:
            at = self._plan.place(context.serving_msc)
            if at is not None:
                roaming = at.country_code != original.country_code
                visited = at
        if visited is not None:
            visited = self._plan.complete(visited) if roaming else None
        return Context(
            error,
            correct,
            context.imsi,
            context.serving_msc,
            context.serving_hlr,
            original,
            ported,
            has_it,
            roaming,
            visited,
        )

    def _original(self, said: Network | None, planned: Network | None) -> Network | None:
        """Return the original network: what was said of it, and of the plan what was not."""
        if said is None or planned is None:
            return self._plan.complete(said) if said is not None else planned
        return self._plan.complete(
            Network(
                *(
                    getattr(said, name) or (getattr(planned, name) if name in _OF_COUNTRY else "")
                    for name in Network.__struct_fields__
                )
            )
        )


_OF_COUNTRY = frozenset({"country_name", "country_prefix", "country_code"})
"""What the plan knows of a network by the number, whoever names it."""


class Search:
    """What is being found out about a number."""

    __slots__ = ("asked", "asks", "gathered", "planned", "question", "wanted")

    def __init__(self, question: Question, planned: Planned, asked: list[Asked]) -> None:
        """Have these asked."""
        self.question = question
        self.planned = planned
        self.asked = asked
        self.asks = False
        """Whether others than this database had to be asked."""
        self.gathered = _Gathered()
        self.wanted = HOME if question.home_only else PACKAGES[question.package]
        if planned.context.ported is not None:  # The operator's own table goes before what others say.
            self.wanted -= PORTED
            self.gathered.settled = PORTED

    @property
    def local(self) -> bool:
        """Whether only this database is asked."""
        return all([one.local for one in self.asked])

    @property
    def recalled(self) -> frozenset[Fields]:
        """The classes of which it is worth while to know what was said before."""
        return self.wanted | HOME if Fields.PORTABILITY in self.wanted else self.wanted

    def suffices(self, known: Mapping[Fields, Known]) -> bool:
        """Tell whether nothing more need be known of what was said before."""
        if self.question.home_only:
            return any(_says_home(one.context) for one in known.values())
        return known.keys() >= self.wanted

    def wants(self, back_end: Asked) -> bool:
        """Tell whether a back end may know something that is not known yet."""
        known = (self.planned.context, self.gathered.context)
        if self.question.home_only and any(map(_says_home, known)):
            return False
        return not (self.wanted - self.gathered.settled).isdisjoint(back_end.knows)


def _says_home(context: Context) -> bool:
    """Tell whether what is said of a number says which network has it, if only by an IMSI."""
    return context.ported is not None or context.imsi is not None


class _Gathered:
    """What was said of a number so far."""

    def __init__(self) -> None:
        self.context = Context()
        self.settled: frozenset[Fields] = frozenset()
        """The classes of which nobody else need be asked."""
        self.told: frozenset[Fields] = frozenset()
        """The classes of which something was said, or was said to be nothing."""
        self.sources: dict[Fields, str] = {}
        self.news: dict[Fields, str] = {}
        """Who has said something just now."""
        self.failed = False
        """Whether somebody had nothing to say who was asked."""

    def recall(self, fields: Fields, source: str, context: Context) -> None:
        """Take in what was said before, if only that there was nothing to say."""
        self._take(source, context, told(context) & {fields})
        self.told |= {fields}
        self.settled |= {fields}

    def add(self, source: str, answer: Context) -> None:
        """Take in an answer: of what is settled already it counts for nothing."""
        says = told(answer)
        news = says - self.settled
        self._take(source, answer, news)
        self.news |= dict.fromkeys(news, source)
        self.told |= says
        if answer.error == UNKNOWN_SUBSCRIBER:
            says -= SUBSCRIBER  # Another one may have him.
        elif answer.error:
            says |= SUBSCRIBER  # Of a phone that can't be reached there is no more to say.
        self.settled |= says

    def _take(self, source: str, context: Context, classes: Iterable[Fields]) -> None:
        for fields in classes:
            said = {name: getattr(context, name) for name in NAMES[fields]}
            self.context = replace(self.context, **said)
            self.sources[fields] = source
