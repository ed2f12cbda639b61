"""The optional parameters of a submit_sm: what is looked at, what goes along, and what is wrong."""

from __future__ import annotations

from smsd.smpp import status, tlv
from smsd.smpp.tlv import Tlvs
from smsd.smpp_server.refusals import Unacceptable
from smsd.sms.udh import Concatenation

LENGTHS = {
    tlv.DEST_ADDR_SUBUNIT: (1, 1),
    tlv.DEST_NETWORK_TYPE: (1, 1),
    tlv.DEST_BEARER_TYPE: (1, 1),
    tlv.DEST_TELEMATICS_ID: (2, 2),
    tlv.SOURCE_ADDR_SUBUNIT: (1, 1),
    tlv.SOURCE_NETWORK_TYPE: (1, 1),
    tlv.SOURCE_BEARER_TYPE: (1, 1),
    tlv.SOURCE_TELEMATICS_ID: (1, 2),
    tlv.QOS_TIME_TO_LIVE: (4, 4),
    tlv.PAYLOAD_TYPE: (1, 1),
    tlv.MS_MSG_WAIT_FACILITIES: (1, 1),
    tlv.PRIVACY_INDICATOR: (1, 1),
    tlv.SOURCE_SUBADDRESS: (2, 23),
    tlv.DEST_SUBADDRESS: (2, 23),
    tlv.USER_MESSAGE_REFERENCE: (2, 2),
    tlv.USER_RESPONSE_CODE: (1, 1),
    tlv.SOURCE_PORT: (2, 2),
    tlv.DESTINATION_PORT: (2, 2),
    tlv.SAR_MSG_REF_NUM: (1, 4),
    tlv.LANGUAGE_INDICATOR: (1, 1),
    tlv.SAR_TOTAL_SEGMENTS: (1, 4),
    tlv.SAR_SEGMENT_SEQNUM: (1, 4),
    tlv.CALLBACK_NUM_PRES_IND: (1, 1),
    tlv.CALLBACK_NUM_ATAG: (1, 65),
    tlv.NUMBER_OF_MESSAGES: (1, 1),
    tlv.CALLBACK_NUM: (4, 19),
    tlv.MORE_MESSAGES_TO_SEND: (0, 1),
    tlv.USSD_SERVICE_OP: (1, 1),
    tlv.DISPLAY_TIME: (1, 1),
    tlv.SMS_SIGNAL: (2, 2),
    tlv.MS_VALIDITY: (1, 1),
    tlv.ALERT_ON_MESSAGE_DELIVERY: (0, 1),
    tlv.ITS_REPLY_TYPE: (1, 1),
    tlv.ITS_SESSION_INFO: (2, 2),
}
"""How long the optional parameters of a submit_sm are, at least and at most (5.3.2)."""
NOT_SUBMITTED = frozenset(
    {
        tlv.ADDITIONAL_STATUS_INFO_TEXT,
        tlv.RECEIPTED_MESSAGE_ID,
        tlv.SC_INTERFACE_VERSION,
        tlv.DPF_RESULT,
        tlv.MS_AVAILABILITY_STATUS,
        tlv.NETWORK_ERROR_CODE,
        tlv.DELIVERY_FAILURE_REASON,
        tlv.MESSAGE_STATE,
    }
)
"""Parameters that belong to other PDUs: they say nothing here, and go nowhere."""

_TAKEN_OUT = NOT_SUBMITTED | {
    tlv.MESSAGE_PAYLOAD,
    tlv.SAR_MSG_REF_NUM,
    tlv.SAR_TOTAL_SEGMENTS,
    tlv.SAR_SEGMENT_SEQNUM,
}
_ANY_LENGTH = (0, 0xFFFF)


def sorted_out(body: bytes, tlvs: Tlvs) -> tuple[bytes, Tlvs, Concatenation | None]:
    """Take the text and the numbering of parts out of the optional parameters; the others go along.

    Raises:
        Unacceptable: with the command_status to answer.
    """
    for tag, value in tlvs:
        least, most = LENGTHS.get(tag, _ANY_LENGTH)
        if not least <= len(value) <= most:
            raise Unacceptable(status.ESME_RINVPARLEN)
    payload = tlv.find(tlvs, tlv.MESSAGE_PAYLOAD)
    if payload is not None:
        if body:
            raise Unacceptable(status.ESME_ROPTPARNOTALLWD)
        body = payload
    numbers = [
        tlv.integer(tlvs, tag)
        for tag in (tlv.SAR_MSG_REF_NUM, tlv.SAR_TOTAL_SEGMENTS, tlv.SAR_SEGMENT_SEQNUM)
    ]
    place = None
    match numbers:
        case [int(reference), int(total), int(number)]:
            if not 1 <= number <= total:
                raise Unacceptable(status.ESME_RINVOPTPARAMVAL)
            place = Concatenation(reference, total, number, wide=True)
        case [None, None, None]:
            pass
        case _:
            raise Unacceptable(status.ESME_RMISSINGOPTPARAM)
    others = tuple(one for one in tlvs if one[0] not in _TAKEN_OUT)
    return body, others, place
