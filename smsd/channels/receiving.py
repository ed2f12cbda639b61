"""From an operator's deliver_sm and data_sm to received messages."""

from __future__ import annotations

from contextlib import suppress

from smsd.channels.translation import UDHI
from smsd.smpp.pdu import DataSm, DeliverSm, SubmitSm
from smsd.smpp.status import ESME_RINVDSTADR, ESME_RINVSRCADR
from smsd.smpp.tlv import (
    MESSAGE_PAYLOAD,
    SAR_MSG_REF_NUM,
    SAR_SEGMENT_SEQNUM,
    SAR_TOTAL_SEGMENTS,
    Tlvs,
    find,
    integer,
)
from smsd.sms.udh import Concatenation, InvalidUdh, concatenation, split_udh
from smsd.store.received import Original

ADDRESS = 20
"""Octets of an address that a deliver_sm has room for; those of a data_sm may be longer (5.2.8)."""
MOST_SEGMENTS = 0xFF
"""sar_total_segments has one octet (5.3.2.23)."""


class TooLong(Exception):
    """An address is one that no deliver_sm can carry on; ``status`` is the command_status that says so."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def original(pdu: DeliverSm | DataSm | SubmitSm) -> Original:
    """Return a message as it came; a submit_sm is one that the simulator turns round.

    Raises:
        TooLong: if an address is.
    """
    for address, status in (
        (pdu.source_addr, ESME_RINVSRCADR),
        (pdu.destination_addr, ESME_RINVDSTADR),
    ):
        if len(address) > ADDRESS:
            raise TooLong(status)
    short_message, protocol_id, priority = b"", 0, 0
    if not isinstance(pdu, DataSm):
        short_message, protocol_id, priority = pdu.short_message, pdu.protocol_id, pdu.priority_flag
    payload = find(pdu.tlvs, MESSAGE_PAYLOAD)
    return Original(
        pdu.service_type.decode("latin-1"),
        pdu.source_addr_ton,
        pdu.source_addr_npi,
        pdu.source_addr.decode("latin-1"),
        pdu.dest_addr_ton,
        pdu.dest_addr_npi,
        pdu.destination_addr.decode("latin-1"),
        pdu.esm_class,
        protocol_id,
        priority,
        pdu.registered_delivery,
        pdu.data_coding,
        short_message,
        payload,
        tuple(one for one in pdu.tlvs if one[0] != MESSAGE_PAYLOAD),
        _place(pdu.esm_class, short_message or payload or b"", pdu.tlvs),
    )


def _place(esm_class: int, body: bytes, tlvs: Tlvs) -> Concatenation | None:
    """Return which segment of which message this is: by its header, or by the three SAR TLVs.

    What makes no sense says nothing, and the message stands alone.
    """
    place = None
    if esm_class & UDHI:
        with suppress(InvalidUdh):
            place = concatenation(split_udh(body)[0])
    if place is None and tlvs:
        match [integer(tlvs, tag) for tag in (SAR_MSG_REF_NUM, SAR_TOTAL_SEGMENTS, SAR_SEGMENT_SEQNUM)]:
            case [int(reference), int(total), int(number)] if 1 <= number <= total <= MOST_SEGMENTS:
                place = Concatenation(reference, total, number, wide=True)
    return place if place is not None and place.total > 1 else None
