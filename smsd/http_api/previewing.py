"""The request that asks what a text will look like, and cost, before it is sent."""

from __future__ import annotations

from itertools import product

from msgspec import UNSET, UnsetType

from smsd.http_api.answers import Configuration, ConfiguredLanguage, Preview, Previews
from smsd.http_api.content import tables
from smsd.http_api.endpoints import Paths, sends
from smsd.http_api.errors import bad_request
from smsd.http_api.queries import Query
from smsd.http_api.requests import Language, PreviewRequest
from smsd.http_api.shortening import URL, check, sample
from smsd.services.core import Core
from smsd.sms.national import LOCKING_SHIFT
from smsd.sms.national import Language as National
from smsd.sms.preview import preview
from smsd.sms.segments import TooLong
from smsd.sms.transliteration import Transliteration
from smsd.store.settings import Account


class Previewing:
    """Previews texts."""

    def __init__(self, core: Core) -> None:
        self._links = core.links

    def paths(self) -> Paths:
        """Return what is served here."""
        return {
            "/sms/1/preview": sends(
                "Tells how texts go out and what they count as, and sends nothing.",
                self.previews,
                PreviewRequest,
                Previews,
            )
        }

    async def previews(self, account: Account, query: Query, body: PreviewRequest) -> Previews:
        """Tell how a text goes out as it is, and with each combination of what the request names."""
        languages: list[Language | None] = [None]
        if body.languageCode is not None:
            has_locking_shift = National[body.languageCode] in LOCKING_SHIFT
            languages.append(Language(body.languageCode, True, has_locking_shift))
        scripts = [None] if body.transliteration is None else [None, body.transliteration]
        text = body.text
        if body.tracking is not None and body.tracking.track == URL:
            check(text, body.tracking, self._links, "text")
            text = sample(text, self._links)
        try:
            found = [_preview(text, language, script) for script, language in product(scripts, languages)]
        except TooLong as error:
            raise bad_request(f"[text : {error}.]") from error
        return Previews(body.text, found)


def _preview(text: str, language: Language | None, script: str | None) -> Preview:
    single, locking = tables(language)
    made = preview(
        text,
        single_shift=single,
        locking_shift=locking,
        transliteration=Transliteration(script) if script is not None else None,
    )
    configured: ConfiguredLanguage | UnsetType = UNSET
    if language is not None:
        configured = ConfiguredLanguage(language.languageCode, language.singleShift, language.lockingShift)
    return Preview(made.text, len(made.segments), made.remaining, Configuration(configured, script or UNSET))
