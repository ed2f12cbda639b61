"""PDUs from and to octets (3.2).

The code that reads and writes each PDU is straight-line Python, generated from its declaration when this
module is imported, as dataclasses and attrs generate `__init__`: five times faster than going through the
declaration field by field for every PDU. `print(*codec.SOURCES[SubmitSm], sep="\n\n")` shows it.
"""

import linecache
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, get_type_hints

from smsd.smpp.pdu import BY_COMMAND, RESPONSE, CountedOctets, CString, OneOctet, Pdu, TlvTail
from smsd.smpp.status import ESME_RINVCMDID, ESME_RINVCMDLEN, name
from smsd.smpp.tlv import MalformedTlv, pack, unpack

HEADER: Final = struct.Struct(">IIII")
"""command_length, command_id, command_status, sequence_number (3.2)."""

Kind = OneOctet | CString | CountedOctets | TlvTail


class MalformedPdu(ValueError):
    """Octets that are not the PDU they claim to be, and the command_status that answers them."""

    def __init__(self, command_id: int, sequence_number: int, status: int, reason: str) -> None:
        super().__init__(f"{reason} ({name(status)})")
        self.command_id = command_id
        self.sequence_number = sequence_number
        self.status = status
        self.reason = reason


def decode(data: bytes) -> Pdu:
    """Read exactly one whole PDU.

    Octets behind a PDU that has no optional parameters are left alone. A response that refuses needs no body,
    so an unreadable one is read as none (4.4.2).

    Raises:
        MalformedPdu: for whatever else is wrong with it.
    """
    if len(data) < HEADER.size:
        raise MalformedPdu(0, 0, ESME_RINVCMDLEN, f"{len(data)} octets are no PDU")
    length, command_id, status, sequence_number = HEADER.unpack_from(data)
    if length != len(data):
        reason = f"command_length is {length}, but {len(data)} octets are there"
        raise MalformedPdu(command_id, sequence_number, ESME_RINVCMDLEN, reason)
    read = _DECODERS.get(command_id)
    if read is None:
        reason = f"command_id {command_id:#010x} is not supported"
        raise MalformedPdu(command_id, sequence_number, ESME_RINVCMDID, reason)
    why: _Violation | MalformedTlv
    try:
        return read(data, sequence_number, status)
    except IndexError:
        why = _Violation(ESME_RINVCMDLEN, "the PDU ends within its mandatory part")
    except (_Violation, MalformedTlv) as error:
        why = error
    if status and command_id & RESPONSE:
        return BY_COMMAND[command_id](sequence_number, status)
    raise MalformedPdu(command_id, sequence_number, why.status, why.reason)


def encode(pdu: Pdu) -> bytes:
    """Write a whole PDU. A response that refuses and carries nothing is written without a body (4.4.2).

    Raises:
        ValueError: a field does not fit; the text names it.
    """
    try:
        return _ENCODERS[type(pdu)](pdu)
    except (OverflowError, struct.error):
        raise ValueError(_misfit(pdu)) from None


class _Violation(ValueError):
    """A field breaks its declaration."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def _unterminated(data: bytes, start: int, field: str, kind: CString) -> _Violation:
    """Tell a C-octet string that is too long from one that the end of the PDU cuts off."""
    if len(data) < start + kind.size:
        return _Violation(ESME_RINVCMDLEN, f"the PDU ends within {field}")
    return _Violation(kind.status, f"{field} is longer than {kind.size - 1} octets")


def _without_nul(data: bytes, start: int, field: str, kind: CString) -> int:
    """Find the end of a C-octet string that goes, without its NUL, up to the end of the PDU."""
    if len(data) < start + kind.size:
        return len(data)
    raise _Violation(kind.status, f"{field} is longer than {kind.size - 1} octets")


def _miscounted(size: int, field: str, kind: CountedOctets) -> _Violation:
    return _Violation(
        kind.status, f"the length of {field} is {size}: more than are there, or than {kind.most}"
    )


def _misfit(pdu: Pdu) -> str:
    """Name the field that cannot be written."""
    for field in ("sequence_number", "command_status"):
        if not 0 <= getattr(pdu, field) <= 0xFFFFFFFF:
            return f"{field}: {getattr(pdu, field)} does not fit four octets"
    for field, kind in _layout(type(pdu)).items():
        value = getattr(pdu, field)
        match kind:
            case OneOctet() if not 0 <= value <= 0xFF:
                return f"{field}: {value} does not fit one octet"
            case CString() if len(value) >= kind.size:
                return f"{field}: longer than {kind.size - 1} octets"
            case CString() if 0 in value:
                return f"{field}: holds a NUL"
            case CountedOctets() if len(value) > kind.most:
                return f"{field}: longer than {kind.most} octets"
            case _:
                pass
    return f"{type(pdu).__name__} cannot be written"


def _layout(pdu: type[Pdu]) -> dict[str, Kind]:
    """List the body's fields of a PDU in their order on the wire, each with its kind."""
    hints = get_type_hints(pdu, include_extras=True)
    return {field: hints[field].__metadata__[0] for field in pdu.__struct_fields__[2:]}


def _decoder_source(pdu: type[Pdu]) -> Iterator[str]:
    """Write the function that reads this PDU, line by line.

    `end` is where the last field of variable length ended; what follows stands at a known distance from it.
    """
    layout = _layout(pdu)
    base, offset = "", HEADER.size

    def place(further: int = 0) -> str:
        distance = offset + further
        return f"{base} + {distance}" if base and distance else base or str(distance)

    yield "def decode(data, sequence_number, command_status):"
    if pdu.command_id & RESPONSE and layout:
        yield f"    if len(data) == {HEADER.size}:"
        yield f"        return {pdu.__name__}(sequence_number, command_status)"
    for field, kind in layout.items():
        match kind:
            case OneOctet():
                yield f"    {field} = data[{place()}]"
                offset += 1
            case CString():
                found = f"(data, start, {field!r}, kinds[{field!r}])"
                yield f"    start = {place()}"
                yield f"    end = data.find(0, start, start + {kind.size})"
                yield "    if end < 0:"
                yield (
                    f"        end = without_nul{found}"
                    if kind.nul_may_lack
                    else f"        raise unterminated{found}"
                )
                yield f"    {field} = data[start:end]"
                base, offset = "end", 1
            case CountedOctets():
                yield f"    size = data[{place()}]"
                yield f"    start = {place(1)}"
                yield "    end = start + size"
                yield f"    if size > {kind.most} or end > len(data):"
                yield f"        raise miscounted(size, {field!r}, kinds[{field!r}])"
                yield f"    {field} = data[start:end]"
                base, offset = "end", 0
            case TlvTail():
                yield f"    {field} = unpack(data[{place()}:]) if len(data) > {place()} else ()"
    yield f"    return {pdu.__name__}({', '.join(['sequence_number', 'command_status', *layout])})"


def _encoder_source(pdu: type[Pdu]) -> Iterator[str]:
    """Write the function that writes this PDU, line by line."""
    layout = _layout(pdu)
    template, values, misfits = "", [], []
    yield "def encode(pdu):"
    for field, kind in layout.items():
        yield f"    {field} = pdu.{field}"
        match kind:
            case OneOctet():
                template += "%c"
                values.append(field)
            case CString():
                template += r"%b\0"
                values.append(field)
                misfits.append(f"len({field}) >= {kind.size} or 0 in {field}")
            case CountedOctets():
                template += "%c%b"
                values += [f"len({field})", field]
                misfits.append(f"len({field}) > {kind.most}")
            case TlvTail():
                template += "%b"
                values.append(f"pack({field}) if {field} else b''")
    if misfits:
        yield f"    if {' or '.join(misfits)}:"
        yield "        raise ValueError(misfit(pdu))"
    bare = f"header({HEADER.size}, {pdu.command_id:#010x}, pdu.command_status, pdu.sequence_number)"
    if not layout:
        yield f"    return {bare}"
        return
    if pdu.command_id & RESPONSE:
        yield f"    if pdu.command_status and not ({' or '.join(layout)}):"
        yield f"        return {bare}"
    yield f"    body = b'{template}' % ({', '.join(values)},)"
    yield f"    return {bare.replace(f'{HEADER.size},', f'{HEADER.size} + len(body),', 1)} + body"


def _compiled(pdu: type[Pdu], source: str, function: str) -> Any:
    """Run generated source and give the function it defines; tracebacks show its lines."""
    file = f"<generated {function} of {pdu.__name__}>"
    names: dict[str, object] = {
        pdu.__name__: pdu,
        "kinds": _layout(pdu),
        "header": HEADER.pack,
        "pack": pack,
        "unpack": unpack,
        "unterminated": _unterminated,
        "without_nul": _without_nul,
        "miscounted": _miscounted,
        "misfit": _misfit,
    }
    exec(compile(source, file, "exec"), names)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    return names[function]


SOURCES: Final[dict[type[Pdu], tuple[str, str]]] = {
    pdu: ("\n".join(_decoder_source(pdu)), "\n".join(_encoder_source(pdu))) for pdu in BY_COMMAND.values()
}
"""The generated functions of each PDU: what reads it and what writes it."""

_DECODERS: Final[dict[int, Callable[[bytes, int, int], Pdu]]] = {
    pdu.command_id: _compiled(pdu, source, "decode") for pdu, (source, _) in SOURCES.items()
}
_ENCODERS: Final[dict[type[Pdu], Callable[[Any], bytes]]] = {
    pdu: _compiled(pdu, source, "encode") for pdu, (_, source) in SOURCES.items()
}
