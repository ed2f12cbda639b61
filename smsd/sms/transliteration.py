"""Scripts written with the letters of the GSM 7-bit default alphabet, so that UCS-2 is not needed.

No table touches a character that the default alphabet has: Ö, ü, Ç, Ω and their like stay. A text that is
GSM 7-bit already comes back as it is.
"""

import unicodedata
from enum import Enum
from functools import lru_cache

import anyascii

from smsd.sms.alphabet import GSM


class Transliteration(Enum):
    """The scripts that can be transliterated, as the HTTP API names them."""

    TURKISH = "TURKISH"
    GREEK = "GREEK"
    CYRILLIC = "CYRILLIC"
    CENTRAL_EUROPEAN = "CENTRAL_EUROPEAN"
    NON_UNICODE = "NON_UNICODE"


def transliterate(text: str, script: Transliteration) -> str:
    """Write the letters of a script, and typographic punctuation, with GSM 7-bit characters.

    Letters of other scripts stay. NON_UNICODE takes every script, in a latin reading; only characters that
    nobody can read, such as those for private use, stay.
    """
    if GSM.encode(text) is not None:
        return text
    # A letter and its accent, written as two characters, are in no table; as one they are.
    return unicodedata.normalize("NFC", text).translate(_TABLES[script])


def _pairs(*rows: str) -> dict[int, str]:
    """Read a table of words: each is a character and what stands for it, or the character alone."""
    return {ord(word[0]): word[1:] for row in rows for word in row.split()}


# Quotation marks, dashes, spaces and signs that word processors put into a text.
_SPACES = "\t\u00a0\u2002\u2003\u2007\u2009\u200a\u202f"
PUNCTUATION = dict.fromkeys(map(ord, _SPACES), " ") | _pairs(
    "‘' ’' ‚' ‛' ′' `' ´' ʼ' ‹< ›>",
    '“" ”" „" ‟" ″" «" »"',
    "‐- ‑- ‒- –- —- ―- −- •* ·. …...",
    "№No ©(c) ®(R) ™(TM) ×x ÷/ ₺TL ₽RUB ₴UAH µu",
)

# Turkish: ı, İ, ş, ğ, ç, and the circumflex of loan words. Ç, ö and ü are GSM.
TURKISH = _pairs("ŞS şs ĞG ğg İI ıi çc ÂA âa ÎI îi ÛU ûu")

# Greek: capitals that look alike, as on every Greek handset before UCS-2. Γ Δ Θ Λ Ξ Π Σ Φ Ψ Ω are GSM.
GREEK = _pairs(
    "ΑA ΒB ΕE ΖZ ΗH ΙI ΚK ΜM ΝN ΟO ΡP ΤT ΥY ΧX",
    "αA βB γΓ δΔ εE ζZ ηH θΘ ιI κK λΛ μM µM νN ξΞ οO πΠ ρP σΣ ςΣ τT υY φΦ χX ψΨ ωΩ",
    "ΆA ΈE ΉH ΊI ΌO ΎY ΏΩ άA έE ήH ίI όO ύY ώΩ ΪI ΫY ϊI ϋY ΐI ΰY",
)

# Cyrillic: Russian as in passports without their signs, then what other languages have besides.
CYRILLIC = _pairs(
    "АA БB ВV ГG ДD ЕE ЁYo ЖZh ЗZ ИI ЙY КK ЛL МM НN ОO ПP РR",
    "СS ТT УU ФF ХKh ЦTs ЧCh ШSh ЩShch Ъ ЫY Ь ЭE ЮYu ЯYa",
    "аa бb вv гg дd еe ёyo жzh зz иi йy кk лl мm нn оo пp рr",
    "сs тt уu фf хkh цts чch шsh щshch ъ ыy ь эe юyu яya",
    "ЄYe єye ІI іi ЇYi їyi ҐG ґg ЎU ўu",  # Ukrainian, Belarusian
    "ЂDj ђdj ЈJ јj ЉLj љlj ЊNj њnj ЋC ћc ЏDz џdz ЃGj ѓgj ЅDz ѕdz ЌKj ќkj ЀE ѐe ЍI ѝi",  # Serbian, Macedonian
    "ӘA әa ҒG ғg ҚK қk ҢN ңn ӨÖ өö ҰU ұu ҮÜ үü ҺH һh ҖZh җzh",  # Kazakh, Kyrgyz, Tatar, Mongolian
)

# Central European and Baltic languages. Hungarian ő and ű become ö and ü, which GSM has.
CENTRAL_EUROPEAN = _pairs(
    "ÁA áa ÍI íi ÓO óo ÚU úu ÝY ýy ÔO ôo ÂA âa ÎI îi çc ëe ËE",
    "ĄA ąa ĆC ćc ĘE ęe ŁL łl ŃN ńn ŚS śs ŹZ źz ŻZ żz",  # Polish
    "ČC čc ĎD ďd ĚE ěe ŇN ňn ŘR řr ŠS šs ŤT ťt ŮU ůu ŽZ žz ĹL ĺl ĽL ľl ŔR ŕr",  # Czech, Slovak
    "ŐÖ őö ŰÜ űü ĐD đd ĂA ăa ȘS șs ȚT țt ŞS şs ŢT ţt",  # Hungarian, Croatian, Romanian
    "ĀA āa ĒE ēe ĢG ģg ĪI īi ĶK ķk ĻL ļl ŅN ņn ŪU ūu",  # Latvian
    "ĖE ėe ĮI įi ŲU ųu ÕO õo",  # Lithuanian, Estonian
)

# What may be left out if it has no reading: joiners, marks of direction, accents, variation selectors.
_INVISIBLE = {"Cf", "Lm", "Mc", "Me", "Mn"}


class _Anything(dict[int, str]):
    """A table that finds something for almost every character."""

    def __missing__(self, code: int) -> str:
        return _reading(chr(code))


@lru_cache(maxsize=8192)
def _reading(character: str) -> str:
    """Return the GSM characters for a character: itself, without its accents, or as it is read."""
    if character in GSM.characters:
        return character
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    if plain.strip() and GSM.encode(plain) is not None:
        return plain
    read: str = anyascii.anyascii(character).replace("`", "'")
    return read if read or unicodedata.category(character) in _INVISIBLE else character


_TABLES: dict[Transliteration, dict[int, str]] = {
    Transliteration.TURKISH: PUNCTUATION | TURKISH,
    Transliteration.GREEK: PUNCTUATION | GREEK,
    Transliteration.CYRILLIC: PUNCTUATION | CYRILLIC,
    Transliteration.CENTRAL_EUROPEAN: PUNCTUATION | CENTRAL_EUROPEAN,
    Transliteration.NON_UNICODE: _Anything(PUNCTUATION | CENTRAL_EUROPEAN | TURKISH | GREEK | CYRILLIC),
}
