"""The PDUs of SMPP 3.4: each class is its table in chapter 4 of the standard.

A field is declared once, with its kind: how it stands on the wire, how long it may be and which
command_status refuses it. `smsd.smpp.codec` reads the kinds and nothing else. C-octet strings are
`bytes`, without their NUL.
"""

from typing import Annotated, ClassVar, Final

import msgspec

from smsd.smpp.status import (
    ESME_RINVDSTADR,
    ESME_RINVEXPIRY,
    ESME_RINVMSGID,
    ESME_RINVMSGLEN,
    ESME_RINVPARLEN,
    ESME_RINVPASWD,
    ESME_RINVSCHED,
    ESME_RINVSERTYP,
    ESME_RINVSRCADR,
    ESME_RINVSYSID,
    ESME_RINVSYSTYP,
)
from smsd.smpp.tlv import Tlvs

RESPONSE: Final = 0x80000000
"""The bit of a command_id that makes it the response to the request without it (5.1.2.1)."""

INTERFACE_VERSION: Final = 0x34
"""SMPP 3.4 in interface_version and sc_interface_version (5.2.4)."""


class OneOctet(msgspec.Struct, frozen=True):
    """An integer of one octet (3.1)."""


class CString(msgspec.Struct, frozen=True):
    """A C-octet string of at most `size` octets, its NUL counted (3.1)."""

    size: int
    status: int
    nul_may_lack: bool = False  # Some SMSCs leave it out at the end of a response.


class CountedOctets(msgspec.Struct, frozen=True):
    """Up to `most` octets after one octet that counts them (sm_length, short_message: 5.2.21, 5.2.22)."""

    most: int
    status: int


class TlvTail(msgspec.Struct, frozen=True):
    """The optional parameters, to the end of the PDU (5.3)."""


Octet = Annotated[int, OneOctet()]
ServiceType = Annotated[bytes, CString(6, ESME_RINVSERTYP)]
SystemId = Annotated[bytes, CString(16, ESME_RINVSYSID)]
Password = Annotated[bytes, CString(9, ESME_RINVPASWD)]
SystemType = Annotated[bytes, CString(13, ESME_RINVSYSTYP)]
AddressRange = Annotated[bytes, CString(41, ESME_RINVPARLEN)]  # It has no status of its own.
SourceAddress = Annotated[bytes, CString(21, ESME_RINVSRCADR)]
DestinationAddress = Annotated[bytes, CString(21, ESME_RINVDSTADR)]
LongSourceAddress = Annotated[bytes, CString(65, ESME_RINVSRCADR)]
LongDestinationAddress = Annotated[bytes, CString(65, ESME_RINVDSTADR)]
ScheduleTime = Annotated[bytes, CString(17, ESME_RINVSCHED)]
ValidityPeriod = Annotated[bytes, CString(17, ESME_RINVEXPIRY)]
ShortMessage = Annotated[bytes, CountedOctets(254, ESME_RINVMSGLEN)]
PeerSystemId = Annotated[bytes, CString(16, ESME_RINVSYSID, nul_may_lack=True)]
MessageId = Annotated[bytes, CString(65, ESME_RINVMSGID, nul_may_lack=True)]
OptionalParameters = Annotated[Tlvs, TlvTail()]


class Pdu(msgspec.Struct, gc=False):
    """What every PDU carries in its header (3.2).

    Whatever it holds is octets, numbers and tuples of them: there are no cycles to collect.
    """

    command_id: ClassVar[int]

    sequence_number: int = 0
    command_status: int = 0

    def __repr__(self) -> str:
        """Show every field but a password."""
        fields = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name != "password")
        return f"{type(self).__name__}({', '.join(fields)})"


class Bind(Pdu, gc=False):
    """What the three bind requests have in common (4.1)."""

    system_id: SystemId = b""
    password: Password = b""
    system_type: SystemType = b""
    interface_version: Octet = INTERFACE_VERSION
    addr_ton: Octet = 0
    addr_npi: Octet = 0
    address_range: AddressRange = b""


class BindResponse(Pdu, gc=False):
    """What the three bind responses have in common (4.1)."""

    system_id: PeerSystemId = b""
    tlvs: OptionalParameters = ()


class BindTransmitter(Bind, gc=False):
    """An ESME asks for a session on which it only sends (4.1.1)."""

    command_id = 0x00000002


class BindTransmitterResp(BindResponse, gc=False):
    """The SMSC answers bind_transmitter (4.1.2)."""

    command_id = 0x80000002


class BindReceiver(Bind, gc=False):
    """An ESME asks for a session on which it only receives (4.1.3)."""

    command_id = 0x00000001


class BindReceiverResp(BindResponse, gc=False):
    """The SMSC answers bind_receiver (4.1.4)."""

    command_id = 0x80000001


class BindTransceiver(Bind, gc=False):
    """An ESME asks for a session on which it sends and receives (4.1.5)."""

    command_id = 0x00000009


class BindTransceiverResp(BindResponse, gc=False):
    """The SMSC answers bind_transceiver (4.1.6)."""

    command_id = 0x80000009


class Outbind(Pdu, gc=False):
    """An SMSC asks an ESME to bind as a receiver (4.1.7). It has no response."""

    command_id = 0x0000000B

    system_id: SystemId = b""
    password: Password = b""


class Unbind(Pdu, gc=False):
    """Either side asks to end the session (4.2.1)."""

    command_id = 0x00000006


class UnbindResp(Pdu, gc=False):
    """The other side agrees to end the session (4.2.2)."""

    command_id = 0x80000006


class GenericNack(Pdu, gc=False):
    """A PDU could not be understood well enough for a response of its own (4.3.1)."""

    command_id = 0x80000000


class SubmitSm(Pdu, gc=False):
    """An ESME hands over a short message (4.4.1)."""

    command_id = 0x00000004

    service_type: ServiceType = b""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: SourceAddress = b""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: DestinationAddress = b""
    esm_class: Octet = 0
    protocol_id: Octet = 0
    priority_flag: Octet = 0
    schedule_delivery_time: ScheduleTime = b""
    validity_period: ValidityPeriod = b""
    registered_delivery: Octet = 0
    replace_if_present_flag: Octet = 0
    data_coding: Octet = 0
    sm_default_msg_id: Octet = 0
    short_message: ShortMessage = b""
    tlvs: OptionalParameters = ()


class SubmitSmResp(Pdu, gc=False):
    """The SMSC took a short message under this id, or refuses it (4.4.2)."""

    command_id = 0x80000004

    message_id: MessageId = b""


class DeliverSm(Pdu, gc=False):
    """The SMSC delivers a short message or a receipt to an ESME (4.6.1)."""

    command_id = 0x00000005

    service_type: ServiceType = b""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: SourceAddress = b""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: DestinationAddress = b""
    esm_class: Octet = 0
    protocol_id: Octet = 0
    priority_flag: Octet = 0
    schedule_delivery_time: ScheduleTime = b""
    validity_period: ValidityPeriod = b""
    registered_delivery: Octet = 0
    replace_if_present_flag: Octet = 0
    data_coding: Octet = 0
    sm_default_msg_id: Octet = 0
    short_message: ShortMessage = b""
    tlvs: OptionalParameters = ()


class DeliverSmResp(Pdu, gc=False):
    """The ESME took what was delivered; its message_id is unused (4.6.2)."""

    command_id = 0x80000005

    message_id: MessageId = b""


class DataSm(Pdu, gc=False):
    """Either side sends a message that stands in message_payload (4.7.1)."""

    command_id = 0x00000103

    service_type: ServiceType = b""
    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: LongSourceAddress = b""
    dest_addr_ton: Octet = 0
    dest_addr_npi: Octet = 0
    destination_addr: LongDestinationAddress = b""
    esm_class: Octet = 0
    registered_delivery: Octet = 0
    data_coding: Octet = 0
    tlvs: OptionalParameters = ()


class DataSmResp(Pdu, gc=False):
    """The other side took a data_sm under this id, or refuses it (4.7.2)."""

    command_id = 0x80000103

    message_id: MessageId = b""
    tlvs: OptionalParameters = ()


class EnquireLink(Pdu, gc=False):
    """Either side asks whether the other is there (4.11.1)."""

    command_id = 0x00000015


class EnquireLinkResp(Pdu, gc=False):
    """The other side is there (4.11.2)."""

    command_id = 0x80000015


class AlertNotification(Pdu, gc=False):
    """The SMSC tells that a subscriber can be reached again (4.12.1). It has no response."""

    command_id = 0x00000102

    source_addr_ton: Octet = 0
    source_addr_npi: Octet = 0
    source_addr: LongSourceAddress = b""
    esme_addr_ton: Octet = 0
    esme_addr_npi: Octet = 0
    esme_addr: LongDestinationAddress = b""
    tlvs: OptionalParameters = ()


BY_COMMAND: Final[dict[int, type[Pdu]]] = {
    pdu.command_id: pdu
    for pdu in (
        BindTransmitter,
        BindTransmitterResp,
        BindReceiver,
        BindReceiverResp,
        BindTransceiver,
        BindTransceiverResp,
        Outbind,
        Unbind,
        UnbindResp,
        GenericNack,
        SubmitSm,
        SubmitSmResp,
        DeliverSm,
        DeliverSmResp,
        DataSm,
        DataSmResp,
        EnquireLink,
        EnquireLinkResp,
        AlertNotification,
    )
}
"""Every PDU that has a class. query_sm, cancel_sm, replace_sm and submit_multi have none: they are answered
with ESME_RINVCMDID, as any command_id that is not here."""


def response(command_id: int, sequence_number: int, status: int) -> Pdu:
    """Make the bare response to a request: its own one, or generic_nack where it has none (4.3)."""
    return BY_COMMAND.get(command_id | RESPONSE, GenericNack)(sequence_number, status)
