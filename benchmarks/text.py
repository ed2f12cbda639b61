"""What the text of a message costs: encoding, segmenting, and the way back.

`python -m benchmarks.text` prints microseconds for each call, the best of several rounds: the others tell
of the machine's other work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from timeit import Timer

from smsd.sms.coding import Language, decode, encode
from smsd.sms.preview import preview
from smsd.sms.reassembly import Reassembly
from smsd.sms.segments import count, split
from smsd.sms.septets import pack, unpack
from smsd.sms.transliteration import Transliteration, transliterate
from smsd.sms.udh import Concatenation

ROUNDS = 7
SECONDS = 0.05  # A round at least; the number of calls is made to fit.

PLAIN = ("Your parcel 4711 comes tomorrow between 10 and 12. To change: www.example.com/t " * 2)[:160]
EXTENDED = ("Only 10€ [today] for {you} with code 42, valid until the end of this month in all shops " * 2)[
    :160
]
TURKISH = ("Değerli müşterimiz, şifreniz hazır. İyi günler, sağlıcakla kalın. Ağustos çekilişi " * 2)[:160]
RUSSIAN = ("Ваш заказ готов и ждёт вас в пункте выдачи до конца недели. Приходите к нам " * 3)[:160]
EMOJI = ("Happy birthday 🎂🎉 from all of us! " * 5)[:160]


def segmented(text: str, language: Language | None = None) -> list[bytes]:
    """Encode a text and cut it."""
    encoded = encode(text, single_shift=language, locking_shift=language)
    return split(encoded.body, encoded.data_coding, encoded.udh, 42)


def reassembled(parts: Sequence[bytes], reassembly: Reassembly[str, bytes]) -> None:
    """Collect the parts of a message, the last one first."""
    for number in range(len(parts), 0, -1):
        reassembly.add("key", Concatenation(7, len(parts), number), parts[number - 1], 0.0)
    reassembly.expire(float("inf"))


def cases() -> dict[str, Callable[[], object]]:
    """Return what is measured, by the name that the table gives it."""
    plain, extended, russian = encode(PLAIN), encode(EXTENDED), encode(RUSSIAN)
    packed = pack(plain.body)
    reassembly: Reassembly[str, bytes] = Reassembly()
    return {
        "encode, split: 160 characters, plain GSM": lambda: segmented(PLAIN),
        "encode, split: 160 characters, GSM with extension": lambda: segmented(EXTENDED),
        "encode, split: 160 characters, Turkish tables": lambda: segmented(TURKISH, Language.TR),
        "encode, split: 160 characters, UCS-2": lambda: segmented(RUSSIAN),
        "encode, split: 160 characters, UCS-2 with emoji": lambda: segmented(EMOJI),
        "count: plain GSM": lambda: count(plain.body, 0),
        "count: GSM with extension": lambda: count(extended.body, 0),
        "decode: plain GSM": lambda: decode(plain.body, 0),
        "decode: GSM with extension": lambda: decode(extended.body, 0),
        "decode: UCS-2": lambda: decode(russian.body, 8),
        "transliterate: plain GSM": lambda: transliterate(PLAIN, Transliteration.NON_UNICODE),
        "transliterate: Russian, CYRILLIC": lambda: transliterate(RUSSIAN, Transliteration.CYRILLIC),
        "transliterate: Russian, NON_UNICODE": lambda: transliterate(RUSSIAN, Transliteration.NON_UNICODE),
        "reassemble: three parts": lambda: reassembled((b"1", b"2", b"3"), reassembly),
        "pack: 160 septets": lambda: pack(plain.body),
        "unpack: 160 septets": lambda: unpack(packed, 160),
        "preview: UCS-2": lambda: preview(RUSSIAN),
    }


def microseconds(call: Callable[[], object]) -> float:
    """Return the time of a call, in the best round."""
    timer = Timer(call)
    calls, seconds = timer.autorange()
    calls = max(1, int(calls * SECONDS / seconds))
    return min(timer.repeat(ROUNDS, calls)) / calls * 1e6


def main() -> int:
    """Print the table."""
    print(f"Python {sys.version.split()[0]}, microseconds a call, the best of {ROUNDS} rounds")
    for name, call in cases().items():
        print(f"{name:<52}{microseconds(call):>8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
