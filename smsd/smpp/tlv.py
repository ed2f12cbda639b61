"""Optional parameters: tag, length, value (5.3). A PDU keeps them as it found them, in their order."""

import struct
from enum import IntEnum
from typing import Final

from smsd.smpp.status import ESME_RINVOPTPARSTREAM, ESME_RINVPARLEN

DEST_ADDR_SUBUNIT: Final = 0x0005
DEST_NETWORK_TYPE: Final = 0x0006
DEST_BEARER_TYPE: Final = 0x0007
DEST_TELEMATICS_ID: Final = 0x0008
SOURCE_ADDR_SUBUNIT: Final = 0x000D
SOURCE_NETWORK_TYPE: Final = 0x000E
SOURCE_BEARER_TYPE: Final = 0x000F
SOURCE_TELEMATICS_ID: Final = 0x0010
QOS_TIME_TO_LIVE: Final = 0x0017
PAYLOAD_TYPE: Final = 0x0019
ADDITIONAL_STATUS_INFO_TEXT: Final = 0x001D
RECEIPTED_MESSAGE_ID: Final = 0x001E
MS_MSG_WAIT_FACILITIES: Final = 0x0030
PRIVACY_INDICATOR: Final = 0x0201
SOURCE_SUBADDRESS: Final = 0x0202
DEST_SUBADDRESS: Final = 0x0203
USER_MESSAGE_REFERENCE: Final = 0x0204
USER_RESPONSE_CODE: Final = 0x0205
SOURCE_PORT: Final = 0x020A
DESTINATION_PORT: Final = 0x020B
SAR_MSG_REF_NUM: Final = 0x020C
LANGUAGE_INDICATOR: Final = 0x020D
SAR_TOTAL_SEGMENTS: Final = 0x020E
SAR_SEGMENT_SEQNUM: Final = 0x020F
SC_INTERFACE_VERSION: Final = 0x0210
CALLBACK_NUM_PRES_IND: Final = 0x0302
CALLBACK_NUM_ATAG: Final = 0x0303
NUMBER_OF_MESSAGES: Final = 0x0304
CALLBACK_NUM: Final = 0x0381
DPF_RESULT: Final = 0x0420
SET_DPF: Final = 0x0421
MS_AVAILABILITY_STATUS: Final = 0x0422
NETWORK_ERROR_CODE: Final = 0x0423
MESSAGE_PAYLOAD: Final = 0x0424
DELIVERY_FAILURE_REASON: Final = 0x0425
MORE_MESSAGES_TO_SEND: Final = 0x0426
MESSAGE_STATE: Final = 0x0427
USSD_SERVICE_OP: Final = 0x0501
DISPLAY_TIME: Final = 0x1201
SMS_SIGNAL: Final = 0x1203
MS_VALIDITY: Final = 0x1204
ALERT_ON_MESSAGE_DELIVERY: Final = 0x130C
ITS_REPLY_TYPE: Final = 0x1380
ITS_SESSION_INFO: Final = 0x1383

Tlvs = tuple[tuple[int, bytes], ...]

_HEADER: Final = struct.Struct(">HH")


class MessageState(IntEnum):
    """Where a message is, in message_state and in query_sm_resp (5.2.28)."""

    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8


class MalformedTlv(ValueError):
    """Octets that are no sequence of optional parameters, and the command_status that says so."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


def pack(tlvs: Tlvs) -> bytes:
    """Write optional parameters one after the other (3.2.4.1).

    Raises:
        ValueError: a tag or a value does not fit its two octets of tag or of length.
    """
    try:
        return b"".join([_HEADER.pack(tag, len(value)) + value for tag, value in tlvs])
    except struct.error:
        tag = next(tag for tag, value in tlvs if not 0 <= tag <= 0xFFFF or len(value) > 0xFFFF)
        raise ValueError(f"tlvs: tag or length of {tag:#06x} takes more than two octets") from None


def unpack(data: bytes) -> Tlvs:
    """Read optional parameters up to the end of data (3.2.4.1).

    Raises:
        MalformedTlv: less than a tag and a length is left (ESME_RINVOPTPARSTREAM),
            or a length goes beyond the end (ESME_RINVPARLEN).
    """
    tlvs = []
    at, end = 0, len(data)
    while at < end:
        if end - at < 4:
            raise MalformedTlv(ESME_RINVOPTPARSTREAM, f"{end - at} octets after the last optional parameter")
        tag, size = _HEADER.unpack_from(data, at)
        at += 4
        if size > end - at:
            raise MalformedTlv(ESME_RINVPARLEN, f"TLV {tag:#06x} of {size} octets, {end - at} are there")
        tlvs.append((tag, data[at : at + size]))
        at += size
    return tuple(tlvs)


def find(tlvs: Tlvs, tag: int) -> bytes | None:
    """Give the value of the first parameter with this tag."""
    for each, value in tlvs:
        if each == tag:
            return value
    return None


def integer(tlvs: Tlvs, tag: int) -> int | None:
    """Give the first parameter with this tag as a number, of one octet to four (3.1).

    An empty or a longer value is no number, so it is None.
    """
    value = find(tlvs, tag)
    return int.from_bytes(value, "big") if value and len(value) <= 4 else None
