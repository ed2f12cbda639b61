"""What can become of a message: the statuses and GSM error codes of the API, with their ids and words."""

from __future__ import annotations

import msgspec


class Status(msgspec.Struct, frozen=True):
    """A message status; ``action`` tells the client what to do about it, empty if nothing."""

    id: int
    group_id: int
    group_name: str
    name: str
    description: str
    action: str = ""


class GsmError(msgspec.Struct, frozen=True):
    """A GSM error code; the HTTP API and SMPP disagree on whether a few are permanent."""

    id: int
    group_id: int
    group_name: str
    name: str
    description: str
    permanent: bool
    smpp_permanent: bool


MESSAGE_ACCEPTED = 0
DELIVERED_TO_OPERATOR = 2
PENDING_WAITING_DELIVERY = 3
UNDELIVERABLE_REJECTED_OPERATOR = 4
DELIVERED_TO_HANDSET = 5
PENDING_ENROUTE = 7
REJECTED_PREFIX_MISSING = 8
UNDELIVERABLE_NOT_DELIVERED = 9
REJECTED_SOURCE = 11
REJECTED_NOT_ENOUGH_CREDITS = 12
EXPIRED_EXPIRED = 15
REJECTED_PREPAID_PACKAGE_EXPIRED = 17
REJECTED_ROUTE_NOT_AVAILABLE = 19
EXPIRED_UNKNOWN = 22
REJECTED_SYSTEM_ERROR = 21
REJECTED_DUPLICATE_MESSAGE_ID = 23
REJECTED_INVALID_UDH = 24
REJECTED_MESSAGE_TOO_LONG = 25
PENDING_ACCEPTED = 26
REJECTED_NOT_SENT = 28
EXPIRED_DLR_UNKNOWN = 29
UNDELIVERABLE_NOT_SENT = 31
MISSING_TO = 51
REJECTED_DESTINATION = 52

ACCEPTED_GROUP, PENDING_GROUP, UNDELIVERABLE_GROUP, DELIVERED_GROUP, EXPIRED_GROUP, REJECTED_GROUP = range(6)

STATUSES = {
    status.id: status
    for status in (
        Status(0, 0, "ACCEPTED", "MESSAGE_ACCEPTED", "Message accepted"),
        Status(1, 1, "PENDING", "PENDING_TIME_VIOLATION", "Time window violation"),
        Status(2, 3, "DELIVERED", "DELIVERED_TO_OPERATOR", "Message delivered to operator"),
        Status(3, 1, "PENDING", "PENDING_WAITING_DELIVERY", "Message sent, waiting for delivery report"),
        Status(4, 2, "UNDELIVERABLE", "UNDELIVERABLE_REJECTED_OPERATOR", "Message rejected by operator"),
        Status(5, 3, "DELIVERED", "DELIVERED_TO_HANDSET", "Message delivered to handset"),
        Status(6, 5, "REJECTED", "REJECTED_NETWORK", "Network is forbidden", "Contact account manager"),
        Status(7, 1, "PENDING", "PENDING_ENROUTE", "Message sent to next instance"),
        Status(8, 5, "REJECTED", "REJECTED_PREFIX_MISSING", "Number prefix missing"),
        Status(9, 2, "UNDELIVERABLE", "UNDELIVERABLE_NOT_DELIVERED", "Message sent not delivered"),
        Status(10, 5, "REJECTED", "REJECTED_DND", "Destination on DND list"),
        Status(11, 5, "REJECTED", "REJECTED_SOURCE", "Invalid Source address"),
        Status(12, 5, "REJECTED", "REJECTED_NOT_ENOUGH_CREDITS", "Not enough credits"),
        Status(13, 5, "REJECTED", "REJECTED_SENDER", "By Sender", "Remove sender from blacklist"),
        Status(
            14, 5, "REJECTED", "REJECTED_DESTINATION", "By Destination", "Remove destination from blacklist"
        ),
        Status(15, 4, "EXPIRED", "EXPIRED_EXPIRED", "Message expired"),
        Status(16, 5, "REJECTED", "REJECTED_NOT_REACHABLE", "Network not reachable"),
        Status(
            17,
            5,
            "REJECTED",
            "REJECTED_PREPAID_PACKAGE_EXPIRED",
            "Prepaid package expired",
            "Top-up your account to extend the validity period",
        ),
        Status(18, 5, "REJECTED", "REJECTED_DESTINATION_NOT_REGISTERED", "Destination not registered"),
        Status(
            19,
            5,
            "REJECTED",
            "REJECTED_ROUTE_NOT_AVAILABLE",
            "Route not available",
            "Contact account manager",
        ),
        Status(20, 5, "REJECTED", "REJECTED_FLOODING_FILTER", "Rejected flooding", "Stop spamming"),
        Status(21, 5, "REJECTED", "REJECTED_SYSTEM_ERROR", "System error", "Please try again"),
        Status(22, 4, "EXPIRED", "EXPIRED_UNKNOWN", "Unknown Reason"),
        Status(23, 5, "REJECTED", "REJECTED_DUPLICATE_MESSAGE_ID", "Rejected duplicate message ID"),
        Status(24, 5, "REJECTED", "REJECTED_INVALID_UDH", "Rejected invalid UDH"),
        Status(25, 5, "REJECTED", "REJECTED_MESSAGE_TOO_LONG", "Rejected message too long"),
        Status(26, 1, "PENDING", "PENDING_ACCEPTED", "Pending Accepted"),
        Status(27, 1, "PENDING", "PENDING_APPROVAL", "Pending approval"),
        Status(28, 5, "REJECTED", "REJECTED_NOT_SENT", "Rejected not sent"),
        Status(29, 4, "EXPIRED", "EXPIRED_DLR_UNKNOWN", "Expired DLR unknown"),
        Status(30, 3, "DELIVERED", "DELIVERED", "MO forward action completed"),
        Status(31, 2, "UNDELIVERABLE", "UNDELIVERABLE_NOT_SENT", "Message not sent"),
        Status(51, 5, "REJECTED", "MISSING_TO", "Missing destination.", "Check to parameter."),
        Status(
            52, 5, "REJECTED", "REJECTED_DESTINATION", "Invalid destination address.", "Check to parameter."
        ),
    )
}

GSM_ERRORS = {
    error.id: error
    for error in (
        GsmError(0, 0, "OK", "NO_ERROR", "No Error", False, False),
        GsmError(1, 1, "HANDSET_ERRORS", "EC_UNKNOWN_SUBSCRIBER", "Unknown Subscriber", True, True),
        GsmError(
            5, 1, "HANDSET_ERRORS", "EC_UNIDENTIFIED_SUBSCRIBER", "Unidentified Subscriber", False, False
        ),
        GsmError(6, 1, "HANDSET_ERRORS", "EC_ABSENT_SUBSCRIBER_SM", "Absent Subscriber (SM)", False, False),
        GsmError(9, 1, "HANDSET_ERRORS", "EC_ILLEGAL_SUBSCRIBER", "Illegal Subscriber", True, True),
        GsmError(
            10,
            3,
            "OPERATOR_ERRORS",
            "EC_BEARER_SERVICE_NOT_PROVISIONED",
            "Bearer Service Not Provisioned",
            True,
            False,
        ),
        GsmError(
            11,
            1,
            "HANDSET_ERRORS",
            "EC_TELESERVICE_NOT_PROVISIONED",
            "Teleservice Not Provisioned",
            True,
            True,
        ),
        GsmError(12, 1, "HANDSET_ERRORS", "EC_ILLEGAL_EQUIPMENT", "Illegal Equipment", True, True),
        GsmError(13, 1, "HANDSET_ERRORS", "EC_CALL_BARRED", "Call Barred", False, False),
        GsmError(20, 3, "OPERATOR_ERRORS", "EC_SS_INCOMPATIBILITY", "SS Incompatibility", False, False),
        GsmError(
            21, 1, "HANDSET_ERRORS", "EC_FACILITY_NOT_SUPPORTED", "Facility Not Supported", False, False
        ),
        GsmError(27, 1, "HANDSET_ERRORS", "EC_ABSENT_SUBSCRIBER", "Absent Subscriber", False, False),
        GsmError(
            31,
            1,
            "HANDSET_ERRORS",
            "EC_SUBSCRIBER_BUSY_FOR_MT_SMS",
            "Subscriber Busy for MT SMS",
            False,
            False,
        ),
        GsmError(32, 1, "HANDSET_ERRORS", "EC_SM_DELIVERY_FAILURE", "SM Delivery Failure", False, False),
        GsmError(
            33, 1, "HANDSET_ERRORS", "EC_MESSAGE_WAITING_LIST_FULL", "Message Waiting List Full", False, False
        ),
        GsmError(34, 1, "HANDSET_ERRORS", "EC_SYSTEM_FAILURE", "System Failure", False, False),
        GsmError(35, 1, "HANDSET_ERRORS", "EC_DATA_MISSING", "Data Missing", False, True),
        GsmError(36, 1, "HANDSET_ERRORS", "EC_UNEXPECTED_DATA_VALUE", "Unexpected Data Value", False, True),
        GsmError(51, 3, "OPERATOR_ERRORS", "EC_RESOURCE_LIMITATION", "Resource Limitation", True, False),
        GsmError(71, 3, "OPERATOR_ERRORS", "EC_UNKNOWN_ALPHABET", "Unknown Alphabet", False, True),
        GsmError(72, 1, "HANDSET_ERRORS", "EC_USSD_BUSY", "USSD Busy", True, True),
        GsmError(255, 1, "HANDSET_ERRORS", "EC_UNKNOWN_ERROR", "Unknown Error", False, True),
        GsmError(
            256,
            1,
            "HANDSET_ERRORS",
            "EC_SM_DF_MEMORYCAPACITYEXCEED",
            "SM DF Memory Capacity Exceeded",
            False,
            False,
        ),
        GsmError(
            257,
            1,
            "HANDSET_ERRORS",
            "EC_SM_DF_EQUIPMENTPROTOCOLERR",
            "SM DF Equipment Protocol Error",
            False,
            False,
        ),
        GsmError(
            258,
            1,
            "HANDSET_ERRORS",
            "EC_SM_DF_EQUIPMENTNOTSM_EQUIPP",
            "SM DF Equipment Not SM Equipped",
            False,
            False,
        ),
        GsmError(
            259,
            1,
            "HANDSET_ERRORS",
            "EC_SM_DF_UNKNOWNSERVICECENTRE",
            "SM DF Unknown Service Centre",
            False,
            False,
        ),
        GsmError(260, 1, "HANDSET_ERRORS", "EC_SM_DF_SC_CONGESTION", "SM DF SC Congestion", False, False),
        GsmError(
            261, 1, "HANDSET_ERRORS", "EC_SM_DF_INVALIDSME_ADDRESS", "SM DF Invalid SME Address", False, False
        ),
        GsmError(
            262,
            1,
            "HANDSET_ERRORS",
            "EC_SM_DF_SUBSCRIBERNOTSC_SUBSC",
            "SM DF Subscriber Not SC Subscriber",
            False,
            False,
        ),
        GsmError(
            500, 1, "HANDSET_ERRORS", "EC_PROVIDER_GENERAL_ERROR", "Provider General Error", False, False
        ),
        GsmError(
            501,
            3,
            "OPERATOR_ERRORS",
            "EC_INVALID_RESPONSE_RECEIVED",
            "Invalid Response Received",
            False,
            False,
        ),
        GsmError(502, 1, "HANDSET_ERRORS", "EC_NO_RESPONSE", "No Response", False, False),
        GsmError(
            503,
            1,
            "HANDSET_ERRORS",
            "EC_SERVICE_COMPLETION_FAILURE",
            "Service Completion Failure",
            False,
            False,
        ),
        GsmError(
            504,
            1,
            "HANDSET_ERRORS",
            "EC_UNEXPECTED_RESPONSE_FROM_PE",
            "Unexpected Response From Peer",
            False,
            False,
        ),
        GsmError(507, 1, "HANDSET_ERRORS", "EC_MISTYPED_PARAMETER", "Mistyped Parameter", False, False),
        GsmError(508, 1, "HANDSET_ERRORS", "EC_NOT_SUPPORTED_SERVICE", "Not Supported Service", False, False),
        GsmError(509, 1, "HANDSET_ERRORS", "EC_DUPLICATED_INVOKE_ID", "Duplicated Invoke ID", False, False),
        GsmError(511, 1, "HANDSET_ERRORS", "EC_INITIATING_RELEASE", "Initiating Release", True, False),
        GsmError(
            1024,
            1,
            "HANDSET_ERRORS",
            "EC_OR_APPCONTEXTNOTSUPPORTED",
            "Application Context Not Supported",
            False,
            False,
        ),
        GsmError(
            1025,
            1,
            "HANDSET_ERRORS",
            "EC_OR_INVALIDDESTINATIONREFERENCE",
            "Invalid Destination Reference",
            False,
            False,
        ),
        GsmError(
            1026,
            1,
            "HANDSET_ERRORS",
            "EC_OR_INVALIDORIGINATINGREFERENCE",
            "Invalid Originating Reference",
            False,
            False,
        ),
        GsmError(
            1027,
            1,
            "HANDSET_ERRORS",
            "EC_OR_ENCAPSULATEDAC_NOTSUPPORTED",
            "Encapsulated AC Not Supported",
            False,
            False,
        ),
        GsmError(
            1028,
            1,
            "HANDSET_ERRORS",
            "EC_OR_TRANSPORTPROTECTIONNOTADEQUATE",
            "Transport Protection Not Adequate",
            False,
            False,
        ),
        GsmError(1029, 1, "HANDSET_ERRORS", "EC_OR_NOREASONGIVEN", "No Reason Given", False, False),
        GsmError(
            1030,
            1,
            "HANDSET_ERRORS",
            "EC_OR_POTENTIALVERSIONINCOMPATIBILITY",
            "Potential Version Incompatibility",
            False,
            False,
        ),
        GsmError(
            1031,
            1,
            "HANDSET_ERRORS",
            "EC_OR_REMOTENODENOTREACHABLE",
            "Remote Node Not Reachable",
            False,
            False,
        ),
        GsmError(
            1152,
            1,
            "HANDSET_ERRORS",
            "EC_NNR_NOTTRANSLATIONFORANADDRESSOFSUCHNATURE",
            "No Translation for an Address of Such Nature",
            False,
            False,
        ),
        GsmError(
            1153,
            1,
            "HANDSET_ERRORS",
            "EC_NNR_NOTTRANSLATIONFORTHISPECIFICADDRESS",
            "No Translation for This Specific Address",
            False,
            False,
        ),
        GsmError(
            1154, 1, "HANDSET_ERRORS", "EC_NNR_SUBSYSTEMCONGESTION", "Subsystem Congestion", False, False
        ),
        GsmError(1155, 1, "HANDSET_ERRORS", "EC_NNR_SUBSYSTEMFAILURE", "Subsystem Failure", False, False),
        GsmError(1156, 1, "HANDSET_ERRORS", "EC_NNR_UNEQUIPPEDUSER", "Unequipped User", False, False),
        GsmError(1157, 1, "HANDSET_ERRORS", "EC_NNR_MTPFAILURE", "MTP Failure", False, False),
        GsmError(1158, 1, "HANDSET_ERRORS", "EC_NNR_NETWORKCONGESTION", "Network Congestion", False, False),
        GsmError(1159, 1, "HANDSET_ERRORS", "EC_NNR_UNQUALIFIED", "Unqualified", False, False),
        GsmError(
            1160,
            1,
            "HANDSET_ERRORS",
            "EC_NNR_ERRORINMESSAGETRANSPORTXUDT",
            "Error in Message Transport XUDT",
            False,
            False,
        ),
        GsmError(
            1161,
            1,
            "HANDSET_ERRORS",
            "EC_NNR_ERRORINLOCALPROCESSINGXUDT",
            "Error in Local Processing XUDT",
            False,
            False,
        ),
        GsmError(
            1162,
            1,
            "HANDSET_ERRORS",
            "EC_NNR_DESTINATIONCANNOTPERFORMREASSEMBLYXUDT",
            "Destination Cannot Perform Reassembly XUDT",
            False,
            False,
        ),
        GsmError(1163, 1, "HANDSET_ERRORS", "EC_NNR_SCCPFAILURE", "SCCP Failure", False, False),
        GsmError(
            1164, 1, "HANDSET_ERRORS", "EC_NNR_HOPCOUNTERVIOLATION", "Hop Counter Violation", False, False
        ),
        GsmError(
            1165,
            1,
            "HANDSET_ERRORS",
            "EC_NNR_SEGMENTATIONNOTSUPPORTED",
            "Segmentation Not Supported",
            False,
            False,
        ),
        GsmError(
            1166, 1, "HANDSET_ERRORS", "EC_NNR_SEGMENTATIONFAILURE", "Segmentation Failure", False, False
        ),
        GsmError(1281, 1, "HANDSET_ERRORS", "EC_UA_USERSPECIFICREASON", "User Specific Reason", False, False),
        GsmError(
            1282,
            1,
            "HANDSET_ERRORS",
            "EC_UA_USERRESOURCELIMITATION",
            "User Resource Limitation",
            False,
            False,
        ),
        GsmError(
            1283, 1, "HANDSET_ERRORS", "EC_UA_RESOURCEUNAVAILABLE", "Resource Unavailable", False, False
        ),
        GsmError(
            1284,
            1,
            "HANDSET_ERRORS",
            "EC_UA_APPLICATIONPROCEDURECANCELLATION",
            "Application Procedure Cancellation",
            False,
            False,
        ),
        GsmError(
            1536, 1, "HANDSET_ERRORS", "EC_PA_PROVIDERMALFUNCTION", "Provider Malfunction", False, False
        ),
        GsmError(
            1537,
            1,
            "HANDSET_ERRORS",
            "EC_PA_SUPPORTINGDIALOGORTRANSACTIONRELEASED",
            "Supporting Dialog or Transaction Released",
            False,
            False,
        ),
        GsmError(1538, 1, "HANDSET_ERRORS", "EC_PA_RESSOURCELIMITATION", "Resource Limitation", False, False),
        GsmError(
            1539, 1, "HANDSET_ERRORS", "EC_PA_MAINTENANCEACTIVITY", "Maintenance Activity", False, False
        ),
        GsmError(
            1540, 1, "HANDSET_ERRORS", "EC_PA_VERSIONINCOMPATIBILITY", "Version Incompatibility", False, False
        ),
        GsmError(1541, 1, "HANDSET_ERRORS", "EC_PA_ABNORMALMAPDIALOG", "Abnormal MAP Dialog", False, False),
        GsmError(
            1792,
            1,
            "HANDSET_ERRORS",
            "EC_NC_ABNORMALEVENTDETECTEDBYPEER",
            "Abnormal Event Detected by Peer",
            False,
            False,
        ),
        GsmError(
            1793,
            1,
            "HANDSET_ERRORS",
            "EC_NC_RESPONSEREJECTEDBYPEER",
            "Response Rejected by Peer",
            False,
            False,
        ),
        GsmError(
            1794,
            1,
            "HANDSET_ERRORS",
            "EC_NC_ABNORMALEVENTRECEIVEDFROMPEER",
            "Abnormal Event Received From Peer",
            False,
            False,
        ),
        GsmError(
            1795,
            1,
            "HANDSET_ERRORS",
            "EC_NC_MESSAGECANNOTBEDELIVEREDTOPEER",
            "Message Cannot Be Delivered to Peer",
            False,
            False,
        ),
        GsmError(
            1796, 1, "HANDSET_ERRORS", "EC_NC_PROVIDEROUTOFINVOKE", "Provider Out of Invoke", False, False
        ),
        GsmError(2048, 3, "OPERATOR_ERRORS", "EC_TIME_OUT", "Time Out", False, False),
        GsmError(2049, 2, "USER_ERRORS", "EC_IMSI_BLACKLISTED", "IMSI Blacklisted", True, True),
        GsmError(
            2050,
            3,
            "OPERATOR_ERRORS",
            "EC_DEST_ADDRESS_BLACKLISTED",
            "Destination Address Blacklisted (DND)",
            True,
            True,
        ),
        GsmError(2051, 3, "OPERATOR_ERRORS", "EC_INVALIDMSCADDRESS", "Text Blacklisted", False, False),
        GsmError(4096, 2, "USER_ERRORS", "EC_INVALID_PDU_FORMAT", "Invalid PDU Format", True, True),
        GsmError(4097, 3, "OPERATOR_ERRORS", "EC_NOTSUBMITTEDTOGMSC", "Not Submitted to GMSC", False, True),
        GsmError(4100, 2, "USER_ERRORS", "EC_MESSAGE_CANCELED", "Message Cancelled", True, True),
        GsmError(4101, 2, "USER_ERRORS", "EC_VALIDITYEXPIRED", "Validity Expired", True, True),
        GsmError(
            4102,
            3,
            "OPERATOR_ERRORS",
            "EC_NOTSUBMITTEDTOSMPPCHANNEL",
            "Not Submitted to SMPP Channel",
            True,
            False,
        ),
        GsmError(5000, 0, "OK", "VOICE_ANSWERED", "Call Answered by Human", True, True),
        GsmError(5001, 0, "OK", "VOICE_ANSWERED_MACHINE", "Call Answered by Machine", True, True),
        GsmError(
            5002, 2, "USER_ERRORS", "EC_VOICE_USER_BUSY", "User Was Busy During Call Attempt", True, True
        ),
        GsmError(
            5003,
            2,
            "USER_ERRORS",
            "EC_VOICE_NO_ANSWER",
            "User Was Notified but Did Not Answer the Call",
            True,
            True,
        ),
        GsmError(
            5004,
            2,
            "USER_ERRORS",
            "EC_VOICE_ERROR_DOWNLOADING_FILE",
            "File Provided for the Call Could Not Be Downloaded",
            True,
            True,
        ),
        GsmError(
            5005,
            2,
            "USER_ERRORS",
            "EC_VOICE_ERROR_UNSUPPORTED_AUDIO_FORMAT",
            "Format of the File Provided for the Call Is Not Supported",
            True,
            True,
        ),
    )
}
"""The names are those of the HTTP API; SMPP carries the numbers alone."""

NO_ERROR = 0
UNKNOWN_SUBSCRIBER = 1
SYSTEM_FAILURE = 34
UNKNOWN_ERROR = 255
NO_RESPONSE = 502
MESSAGE_CANCELED = 4100
VALIDITY_EXPIRED = 4101
NOT_SUBMITTED = 4102
