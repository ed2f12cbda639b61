"""What the fields of requests and answers mean, and a value that each may have.

A name means the same in the whole API, so it is explained once. Where a structure means something more
particular, the entry is ``Structure.field``; what a structure itself says of a field, below it or as
``Meta(description=...)``, goes before both.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET

from smsd.http_api.translation import ERROR_ANSWERS, STATUS_ANSWERS
from smsd.services.statuses import DELIVERED_TO_HANDSET, MESSAGE_ACCEPTED, PENDING_ENROUTE

NO_ERROR = 0


class Term(NamedTuple):
    """What a field means."""

    meaning: str
    example: Any = UNSET
    """A value of it, as JSON has it; ``None`` if examples go without it, unset if its type makes one."""


def term(structure: str, field: str) -> Term | None:
    """Return what is known of a structure's field."""
    return TERMS.get(f"{structure}.{field}") or TERMS.get(field)


TERMS = {
    # Messages as they are handed in.
    "from": Term(
        "The sender: 3 to 14 digits (a leading `+` is dropped), or 3 to 11 letters, digits, blanks and ASCII"
        " punctuation. May be left out.",
        "InfoSMS",
    ),
    "to": Term(
        "An E.164 number in international format: 5 to 15 digits, with or without a leading `+`.",
        "385911234567",
    ),
    "Text.to": Term("The destinations: one number, or a list of at most 1000.", "385911234567"),
    "Data.to": Term("The destinations: one number, or a list of at most 1000.", "385911234567"),
    "text": Term("What is sent: any Unicode text.", "Hello"),
    "messages": Term("The messages, in their order."),
    "destinations": Term("The destinations of the message; at most 1000 in the whole request."),
    "flash": Term("Whether it is a flash message: shown at once, and not kept.", False),
    "transliteration": Term("Converts the text's script before it is sent.", "TURKISH"),
    "language": Term("The national tables that the text may use."),
    "languageCode": Term("The language: Turkish, Spanish or Portuguese.", "TR"),
    "singleShift": Term("Whether the single shift table may be used.", True),
    "lockingShift": Term("Whether the locking shift table may be used; Spanish has none.", False),
    "callbackData": Term("Comes back in the report, as it is.", "campaign 5"),
    "validityPeriod": Term(
        "Minutes after which no delivery is tried any more; at most 48 hours, and a longer one is cut. For a"
        " scheduled message it counts from its time.",
        720,
    ),
    "sendAt": Term(
        "When it is to be sent; at once if that has passed.",
        "2030-05-17T09:30:00.000+0200",
    ),
    "notifyUrl": Term(
        "An `http` or `https` URL to which the message's report is sent, by `POST`. While that fails it may"
        " be fetched instead.",
        "https://client.example/reports",
    ),
    "notifyContentType": Term("What is sent there.", "application/json"),
    "intermediateReport": Term(
        "Whether errors that may pass are sent there too, each when it occurs.", False
    ),
    "binary": Term("The octets, and what SMPP needs to know of them."),
    "hex": Term("Pairs of hexadecimal digits; blanks don't count.", "48 65 6C 6C 6F"),
    "dataCoding": Term("SMPP's `data_coding`.", 4),
    "esmClass": Term("SMPP's `esm_class`; with 64 a user data header begins the octets.", 0),
    "messageId": Term(
        "The message's id: the client's own if it gave one, else smsd's.",
        "912467008199589889",
    ),
    "Destination.messageId": Term(
        "The client's own id of this message, without a comma: the answer and the report have it in place of"
        " smsd's. One that the account has used before is refused.",
        "order-17",
    ),
    "bulkId": Term("The id of all messages of one request.", "912467008199589888"),
    "FullTexts.bulkId": Term("The client's own id of the request; without one smsd gives it.", "spring"),
    "FullDatas.bulkId": Term("The client's own id of the request; without one smsd gives it.", "spring"),
    "Sent.bulkId": Term(
        "The id of all messages of the request; there if it has more than one destination.", None
    ),
    # What became of them.
    "Status.groupId": Term("0 accepted, 1 pending, 2 undeliverable, 3 delivered, 4 expired, 5 rejected."),
    "Error.groupId": Term("0 no error, 1 of the handset, 2 of the user, 3 of the operator."),
    "groupName": Term("The group's name."),
    "id": Term("The status, or the GSM error, as a number."),
    "name": Term("Its name."),
    "description": Term("What it means."),
    "action": Term("What to do about it, where there is something to do."),
    "permanent": Term("Whether a new attempt would end alike."),
    "status": Term("What became of the message.", msgspec.to_builtins(STATUS_ANSWERS[MESSAGE_ACCEPTED])),
    "Report.status": Term(
        "What became of the message.", msgspec.to_builtins(STATUS_ANSWERS[DELIVERED_TO_HANDSET])
    ),
    "error": Term("The GSM error that it ended with.", msgspec.to_builtins(ERROR_ANSWERS[NO_ERROR])),
    "smsCount": Term("How many segments the message takes.", 1),
    "SentMessage.smsCount": Term(
        "How many segments the message takes. A scheduled message, and one that is refused for its"
        " destination, has none.",
        1,
    ),
    "SentMessage.messageId": Term(
        "The message's id: the client's own if it gave one, else smsd's. A message that is refused for its"
        " destination has none.",
        "912467008199589889",
    ),
    "SentMessage.to": Term(
        "The destination: its digits alone, or what the request said if that is no number.",
        "385911234567",
    ),
    # Reports and received messages.
    "results": Term("What was found; empty if there is nothing."),
    "sentAt": Term(
        "When the operator had taken the message; if none did, when smsd did.",
        "2026-11-22T22:18:08.560+0000",
    ),
    "doneAt": Term("When the message became final.", "2026-11-22T22:18:09.576+0000"),
    "price": Term("What it has cost."),
    "pricePerMessage": Term(
        "What each segment has cost, an exact decimal: 0 if it was refused, or that was given back.", 0.01
    ),
    "currency": Term("The account's currency.", "EUR"),
    "receivedAt": Term("When it came.", "2026-11-22T22:18:08.560+0000"),
    "InboxMessage.from": Term("The subscriber's number.", "385911234567"),
    "InboxMessage.to": Term("The account's number.", "385916242493"),
    "InboxMessage.text": Term("The whole text.", "JOIN the club"),
    "cleanText": Term("The text without the keyword.", "the club"),
    "keyword": Term(
        "The word that the number is set up to recognise; empty if it is set up for any text.", "JOIN"
    ),
    "mccmnc": Term("The destination's network, by its prefix; empty if that is not known.", "21910"),
    "LogEntry.status": Term(
        "What became of the message, or where it is.",
        msgspec.to_builtins(STATUS_ANSWERS[DELIVERED_TO_HANDSET]),
    ),
    "LogEntry.sentAt": Term(
        "When the message was to be sent: when smsd took it, or the time it was scheduled for.",
        "2026-11-22T22:18:08.560+0000",
    ),
    "LogEntry.doneAt": Term(
        "When the message became final; until then it equals `sentAt`.", "2026-11-22T22:18:09.576+0000"
    ),
    "LogEntry.text": Term("What was sent; of binary data its hexadecimal digits.", "Hello"),
    "ReceivedEntry.from": Term("The subscriber's number.", "385911234567"),
    "ReceivedEntry.to": Term("The account's number.", "385916242493"),
    "ReceivedEntry.text": Term("The text.", "JOIN the club"),
    "ReceivedEntry.keyword": Term(
        "The word that the number is set up to recognise, if there is one.", "JOIN"
    ),
    # Tracking.
    "tracking": Term("What is to be counted of the messages of the request.", None),
    "track": Term(
        "What is counted: `URL` the clicks on short links, `SMS` the conversions that you tell.", "URL"
    ),
    "processKey": Term("The client's key of the process that the message is a step of.", "sign-up"),
    "type": Term("The client's own word for the kind of message.", "SOCIAL_INVITES"),
    "countryPrefix": Term("The country's prefix in the destination.", "385"),
    "networkPrefix": Term("What follows in it and leads to its network.", "91"),
    "osType": Term("The operating system of whoever opened the link.", "ANDROID"),
    "visit": Term("Who opened it.", "FIRST"),
    "url": Term("The original URL.", "https://www.example.com/spring"),
    "clickedAt": Term("When it was opened.", "2026-11-22T22:19:08.560+0000"),
    "Rate.messages": Term("Tracked messages that were accepted.", 2),
    "delivered": Term("Of them, those that the operator has reported as delivered.", 2),
    "clicked": Term("Of them, those of which a person has opened a link.", 1),
    "clicks": Term("Clicks of persons.", 3),
    "converted": Term("Of them, those whose conversion was told.", 1),
    # Bulks and balances.
    "Bulk.sendAt": Term(
        "The earliest time of what waits, or when it was due.", "2030-05-17T07:30:00.000+0000"
    ),
    "ListedBulk.sendAt": Term(
        "The earliest time of what waits, or when it was due.", "2030-05-17T07:30:00.000+0000"
    ),
    "BulkTime.sendAt": Term("The new time, which has not passed.", "2030-05-17T09:30:00.000+0200"),
    "BulkStatus.status": Term("Where the bulk is.", "PAUSED"),
    "ListedBulk.status": Term("Where the bulk is.", "PENDING"),
    "BulkChange.status": Term(
        "`PAUSED` pauses the bulk, `PENDING` resumes it, `CANCELED` cancels it.", "PAUSED"
    ),
    "bulks": Term("The bulks that are not finished."),
    "balance": Term("What may still be spent, an exact decimal.", 99.98),
    # Previews.
    "PreviewRequest.text": Term("The text to preview.", "Çok güzel"),
    "PreviewRequest.languageCode": Term("Previews it also with this language's tables.", "TR"),
    "PreviewRequest.transliteration": Term("Previews it also converted.", None),
    "originalText": Term("The text of the request.", "Çok güzel"),
    "previews": Term("The text as it is, and as each combination of what the request names makes it."),
    "textPreview": Term("The text that goes out.", "Çok güzel"),
    "messageCount": Term("How many segments it takes.", 1),
    "charactersRemaining": Term("What the last segment still holds, in septets or UTF-16 units.", 146),
    "configuration": Term("What this preview was made with; empty for the text as it is."),
    "Configuration.transliteration": Term("The transliteration, if one was used.", None),
    "ConfiguredLanguage.lockingShift": Term("Whether the locking shift table was used.", True),
    # Number lookup.
    "NumberQuery.to": Term("The numbers: one, or a list of at most 1000.", ["385911234567"]),
    "NumberNotify.to": Term("The numbers: one, or a list of at most 1000.", ["385911234567"]),
    "NumberNotify.notifyUrl": Term(
        "An `http` or `https` URL to which what is found is sent, by `POST`.",
        "https://client.example/lookups",
    ),
    "NumberContexts.bulkId": Term("The id of the request; there if it has more than one number.", None),
    "PushedContexts.bulkId": Term("The id of the request; there if it had more than one number.", None),
    "AskedNumbers.bulkId": Term("The id of the request; there if it has more than one number.", None),
    "LoggedContext.bulkId": Term("The id of the request; there if it had more than one number.", None),
    "NumberContexts.results": Term("What was found of each number, in the order of the request."),
    "AskedNumbers.results": Term("What becomes of each number, in the order of the request."),
    "NumberContext.to": Term(
        "The number's digits, or what the request said if that is none.", "385911234567"
    ),
    "PushedContext.to": Term("The number's digits.", "385911234567"),
    "LoggedContext.to": Term("The number's digits.", "385911234567"),
    "AskedNumber.to": Term("The number's digits, or what the request said if that is none.", "385911234567"),
    "LoggedContext.messageId": Term("The lookup's id.", "912467008199589889"),
    "AskedNumber.messageId": Term(
        "The lookup's id, which comes with what is found. What is not looked up has none.",
        "912467008199589889",
    ),
    "mccMnc": Term("MCC and MNC of the network that has the number.", "21910"),
    "imsi": Term("The IMSI of its subscription.", "219101100935850"),
    "originalNetwork": Term("The network that the number was given out by."),
    "ported": Term("Whether another network has the number now.", False),
    "portedNetwork": Term("The network that has it, if it was ported.", None),
    "roaming": Term("Whether its phone is abroad.", False),
    "roamingNetwork": Term("The network on which its phone is, if that is abroad.", None),
    "servingMSC": Term("The address of the MSC that serves it.", "38591016"),
    "numberType": Term("What kind of number it is, by its country's number plan.", "MOBILE"),
    "networkName": Term("What people call the network.", "A1"),
    "countryName": Term("Its country.", "Croatia"),
    "NumberNetwork.countryPrefix": Term("The country's calling code.", "385"),
    "NumberNetwork.networkPrefix": Term("What follows in its numbers.", "91"),
    "NumberContext.status": Term(
        "Whether the number can be reached.", msgspec.to_builtins(STATUS_ANSWERS[DELIVERED_TO_HANDSET])
    ),
    "PushedContext.status": Term(
        "Whether the number can be reached.", msgspec.to_builtins(STATUS_ANSWERS[DELIVERED_TO_HANDSET])
    ),
    "LoggedContext.status": Term(
        "Whether the number can be reached.", msgspec.to_builtins(STATUS_ANSWERS[DELIVERED_TO_HANDSET])
    ),
    "AskedNumber.status": Term(
        "What becomes of the question.", msgspec.to_builtins(STATUS_ANSWERS[PENDING_ENROUTE])
    ),
    "NumberContext.error": Term(
        "The GSM error that says why not.", msgspec.to_builtins(ERROR_ANSWERS[NO_ERROR])
    ),
    "PushedContext.error": Term(
        "The GSM error that says why not.", msgspec.to_builtins(ERROR_ANSWERS[NO_ERROR])
    ),
    "LoggedContext.error": Term(
        "The GSM error that says why not.", msgspec.to_builtins(ERROR_ANSWERS[NO_ERROR])
    ),
    "LoggedContext.sentAt": Term("When it was asked.", "2026-11-22T22:18:08.560+0000"),
    "LoggedContext.doneAt": Term("When it was answered.", "2026-11-22T22:18:08.576+0000"),
    "pricePerLookup": Term("The price of the lookup, an exact decimal.", 0.01),
    # Errors.
    "requestError": Term("Stands around every error."),
    "serviceException": Term("What is wrong."),
    "ServiceException.messageId": Term("The kind of error, one word for each HTTP status.", "BAD_REQUEST"),
    "ServiceException.text": Term(
        "A sentence. Of a bad request it names the field: `[field : what is wrong]`.",
        "[to : Number of destinations is limited to 1000.]",
    ),
}
