"""Random PDUs of every class, drawn from what the declarations in `smsd.smpp.pdu` allow."""

from typing import Any, get_type_hints

from hypothesis import strategies as st

from smsd.smpp.pdu import BY_COMMAND, CountedOctets, CString, OneOctet, Pdu

TLVS = st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=40)), max_size=4).map(tuple)


def _value(kind: object) -> st.SearchStrategy[Any]:
    match kind:
        case OneOctet():
            return st.integers(0, 255)
        case CString():
            return st.binary(max_size=kind.size - 1).map(lambda value: value.replace(b"\0", b"0"))
        case CountedOctets():
            return st.binary(max_size=kind.most)
        case _:
            return TLVS


def pdus_of(kind: type[Pdu]) -> st.SearchStrategy[Pdu]:
    """Draw a PDU of one class."""
    hints = get_type_hints(kind, include_extras=True)
    fields = {field: _value(hints[field].__metadata__[0]) for field in kind.__struct_fields__[2:]}
    number = st.integers(0, 0xFFFFFFFF)
    return st.builds(kind, sequence_number=number, command_status=st.sampled_from([0, 8, 0x4A1]), **fields)


PDUS = st.sampled_from(list(BY_COMMAND.values())).flatmap(pdus_of)
