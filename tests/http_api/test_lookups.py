"""Questions about numbers over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from lxml import etree
from twisted.internet.defer import Deferred

from smsd.http_api.push_client import PushClient
from smsd.numbering.context import Context
from smsd.services.charging_administration import ChargingAdministration
from smsd.services.core import Bounds, Core
from smsd.services.lookup import NoAnswer
from smsd.services.lookup_administration import LookupAdministration
from smsd.services.push_requests import Pace
from tests.http_api.client import Answer, Client, octets
from tests.http_api.receiver import Receiver
from tests.peers import Stack, result

VIPNET, TELEMACH = "385915369421", "385955369421"
IN_ZURICH = "41790000001"


class Operator:
    """A back end that knows what it is told; of others it knows nothing."""

    def __init__(self, contexts: dict[str, Context | Exception | None]) -> None:
        self.contexts = contexts
        self.asked: list[str] = []

    async def ask(self, number: str) -> Context:
        self.asked.append(number)
        found = self.contexts.get(number, Context())
        if found is None:
            await Deferred()
        if isinstance(found, Exception):
            raise found
        assert found is not None
        return found


@pytest.fixture
def operator(stack: Stack) -> Operator:
    """Who is asked about all numbers, on a node that knows two networks."""
    result(stack.administration.add_network("38591", "21910", "VipNet"))
    result(stack.administration.add_network("38595", "21902", "Telemach"))
    result(stack.administration.add_network("4179", "22801", "Swisscom"))
    administration = LookupAdministration(stack.engine, stack.network)
    result(administration.add_back_end("hlr", "test", "{}", timeout=1000))
    result(administration.add_rule(["hlr"]))
    back_end = Operator(
        {
            VIPNET: Context(0, imsi="219100000000001", serving_msc="38591016"),
            TELEMACH: Context(0, imsi="219100000000002", serving_msc=IN_ZURICH),
            "385911111111": Context(1),
            "385912222222": Context(27, imsi="219100000000003"),
            "385913333333": NoAnswer("It is out of order"),
            "385914444444": None,
        }
    )
    stack.core.back_ends.put(result(administration.back_end("hlr")), back_end)
    stack.wait(1)
    return back_end


def query(client: Client, *numbers: str, path: str = "/number/1/query") -> list[Any]:
    answer = client.request("POST", path, {"to": list(numbers)})
    assert answer.code == 200, answer.body
    return list(answer.json["results"])


def test_what_is_known_of_a_number_is_told(client: Client, operator: Operator) -> None:
    answer = client.request("POST", "/number/1/query", {"to": [VIPNET]})
    assert answer.json == {
        "results": [
            {
                "to": VIPNET,
                "mccMnc": "21910",
                "imsi": "219100000000001",
                "originalNetwork": {
                    "networkName": "VipNet",
                    "networkPrefix": "91",
                    "countryName": "Croatia",
                    "countryPrefix": "385",
                },
                "ported": False,
                "roaming": False,
                "servingMSC": "38591016",
                "numberType": "MOBILE",
                "status": {
                    "groupId": 3,
                    "groupName": "DELIVERED",
                    "id": 5,
                    "name": "DELIVERED_TO_HANDSET",
                    "description": "Message delivered to handset",
                },
                "error": {
                    "groupId": 0,
                    "groupName": "OK",
                    "id": 0,
                    "name": "NO_ERROR",
                    "description": "No Error",
                    "permanent": False,
                },
            }
        ]
    }


def test_a_number_that_was_ported_and_roams(client: Client, operator: Operator) -> None:
    (found,) = query(client, TELEMACH)
    assert (found["mccMnc"], found["ported"], found["roaming"]) == ("21910", True, True)
    assert found["originalNetwork"]["networkName"] == "Telemach"
    assert found["portedNetwork"] == {
        "networkName": "VipNet",
        "networkPrefix": "91",
        "countryName": "Croatia",
        "countryPrefix": "385",
    }
    assert found["roamingNetwork"] == {
        "networkName": "Swisscom",
        "networkPrefix": "79",
        "countryName": "Switzerland",
        "countryPrefix": "41",
    }


def test_one_number_that_fails_does_not_fail_the_others_and_all_come_in_their_order(
    client: Client, operator: Operator
) -> None:
    numbers = [
        "385911111111",
        "nonsense",
        VIPNET,
        "",
        "385913333333",
        f"+{TELEMACH}",
        "385912222222",
        "12345",
    ]
    answer = client.request("POST", "/number/1/query", {"to": numbers})
    found = answer.json["results"]
    assert answer.json["bulkId"].isdecimal()
    assert [(one["to"], one["status"]["id"], one["error"]["id"]) for one in found] == [
        ("385911111111", 9, 1),
        ("nonsense", 52, 0),
        (VIPNET, 5, 0),
        ("", 51, 0),
        ("385913333333", 9, 502),
        (TELEMACH, 5, 0),
        ("385912222222", 9, 27),
        ("12345", 9, 1),
    ]
    assert set(found[1]) == {"to", "status", "error"}


def test_whoever_does_not_answer_costs_his_time_out(stack: Stack, client: Client, operator: Operator) -> None:
    result(stack.administration.change_account("acme", lookup_price="0.5"))
    result(ChargingAdministration(stack.engine, stack.network).add("acme", "2"))
    stack.wait(0.3)
    wire = client.connect()
    wire.transport.write(
        octets("POST", "/number/1/query", b'{"to": ["385914444444", "%s"]}' % VIPNET.encode())
    )
    stack.settle()
    (other,) = query(client, "385912222222")
    assert other["error"]["id"] == 27
    assert not wire.said
    stack.wait(1.1)
    found = Answer(wire.said).json["results"]
    assert [one["error"]["id"] for one in found] == [502, 0]
    assert stack.rows("SELECT micros FROM credit") == [(1_000_000,)]
    assert stack.rows("SELECT price FROM lookup ORDER BY id") == [("0",), ("0.5",), ("0.5",)]


@pytest.mark.parametrize(
    ("package", "fields"),
    [
        ("cleaning", {"to", "numberType", "status", "error"}),
        ("portability", {"to", "mccMnc", "originalNetwork", "ported", "numberType", "status", "error"}),
    ],
)
def test_a_package_has_its_fields(
    stack: Stack, client: Client, operator: Operator, package: str, fields: set[str]
) -> None:
    result(stack.administration.change_account("acme", lookups=package))
    stack.wait(0.3)
    (found,) = query(client, VIPNET)
    assert set(found) == fields


def test_an_account_without_a_package_is_refused(stack: Stack, client: Client) -> None:
    result(stack.administration.change_account("acme", lookups="none"))
    stack.wait(0.3)
    error = client.request("POST", "/number/1/query", {"to": [VIPNET]}).error
    assert error == (403, "FORBIDDEN", "The account has no package of number lookups.")


def test_credit_that_does_not_cover_all_numbers_covers_the_first(
    stack: Stack, client: Client, operator: Operator
) -> None:
    result(stack.administration.change_account("acme", lookup_price="0.4"))
    result(ChargingAdministration(stack.engine, stack.network).add("acme", "1"))
    stack.wait(0.3)
    found = query(client, VIPNET, TELEMACH, "385912222222")
    assert [one["status"]["id"] for one in found] == [5, 5, 12]
    assert stack.rows("SELECT micros FROM credit") == [(200_000,)]


def test_what_was_said_lately_is_not_asked_again_unless_it_is_to_be(
    stack: Stack, client: Client, operator: Operator
) -> None:
    query(client, VIPNET)
    query(client, VIPNET)
    assert operator.asked == [VIPNET]
    query(client, VIPNET, path="/number/1/query?refresh=true")
    assert operator.asked == [VIPNET] * 2
    stack.wait(301, 10)
    query(client, VIPNET)  # Where a phone is, is known for minutes, whose it is for a day.
    assert operator.asked == [VIPNET] * 3


def test_too_many_numbers_are_refused(client: Client) -> None:
    body = {"to": ["1234567"] * 1001}
    assert client.request("POST", "/number/1/query", body).code in (400, 413)


def test_requests_and_answers_may_be_xml(client: Client, operator: Operator) -> None:
    headers: dict[str, str | None] = {"Content-Type": "application/xml", "Accept": "application/xml"}
    one = client.request("POST", "/number/1/query", b"<request><to>385915369421</to></request>", headers)
    assert one.body.startswith(
        b"<NCResponse><results><result><to>385915369421</to><mccMnc>21910</mccMnc><imsi>219100000000001</imsi>"
        b"<originalNetwork><networkName>VipNet</networkName>"
    )
    body = f"<request><to><to>{VIPNET}</to><to>385911111111</to></to></request>".encode()
    several = etree.fromstring(client.request("POST", "/number/1/query", body, headers).body)
    assert several.xpath("results/result/to/text()") == [VIPNET, "385911111111"]
    assert several.xpath("results/result/error/id/text()") == ["0", "1"]


def test_lookups_are_in_the_log(stack: Stack, client: Client, operator: Operator) -> None:
    result(stack.administration.change_account("acme", lookup_price="0.01"))
    stack.wait(0.3)
    query(client, VIPNET, "385911111111")
    stack.wait(2)
    query(client, TELEMACH)

    def found(filters: str) -> list[str]:
        answer = client.request("GET", f"/number/1/logs{filters}")
        assert answer.code == 200, answer.body
        return [one["to"] for one in answer.json["results"]]

    (newest, *_) = client.request("GET", "/number/1/logs").json["results"]
    assert newest["price"] == {"pricePerLookup": 0.01, "currency": "EUR"}
    assert found("") == [TELEMACH, "385911111111", VIPNET]
    assert found(f"?to=%2B{VIPNET}") == [VIPNET]
    assert found(f"?messageId={newest['messageId']}") == [TELEMACH]
    assert found("?generalStatus=UNDELIVERABLE") == ["385911111111"]
    assert found("?limit=1") == [TELEMACH]
    assert found(f"?sentUntil={newest['sentAt'].replace('+0000', 'Z')}") == [TELEMACH, "385911111111", VIPNET]
    assert found(f"?sentSince={newest['sentAt'].replace('+0000', 'Z')}") == [TELEMACH]
    assert found("?mcc=219&mnc=10") == [TELEMACH, "385911111111", VIPNET]
    assert found("?mnc=99") == []
    assert found("?bulkId=1") == []
    bulk_id = client.request("GET", "/number/1/logs").json["results"][1]["bulkId"]
    assert found(f"?bulkId={bulk_id}") == ["385911111111", VIPNET]


# Answers that are pushed.


@pytest.fixture
def web(stack: Stack) -> Receiver:
    return Receiver(stack.network)


def notify(client: Client, web: Receiver, *numbers: str, **fields: str) -> Any:
    body = {"to": list(numbers), "notifyUrl": web.url("/lookups")} | fields
    answer = client.request("POST", "/number/1/notify", body)
    assert answer.code == 200, answer.body
    return answer.json


def test_what_is_found_is_pushed_later(
    stack: Stack, client: Client, web: Receiver, operator: Operator
) -> None:
    asked = notify(client, web, VIPNET, "nonsense", "385911111111")
    assert [(one["to"], one["status"]["name"], "messageId" in one) for one in asked["results"]] == [
        (VIPNET, "PENDING_ENROUTE", True),
        ("nonsense", "REJECTED_DESTINATION", False),
        ("385911111111", "PENDING_ENROUTE", True),
    ]
    stack.wait(1)
    (got,) = web.got
    pushed = json.loads(got.body)
    assert pushed["bulkId"] == asked["bulkId"]
    (found,) = query(client, VIPNET)
    assert pushed["results"][0] == found | {"messageId": asked["results"][0]["messageId"]}
    assert [one["error"]["id"] for one in pushed["results"]] == [0, 1]
    stack.wait(100)
    assert len(web.got) == 1


def test_it_is_pushed_in_xml_if_that_is_asked_for_and_again_until_it_is_taken(
    stack: Stack, client: Client, web: Receiver, operator: Operator
) -> None:
    web.answers["/lookups"] = 500
    notify(client, web, VIPNET, notifyContentType="application/xml")
    stack.wait(30)
    web.answers["/lookups"] = 200
    stack.wait(60)
    first, second = web.got
    assert first.body == second.body
    assert second.body.startswith(b"<NCResponse><results><result><to>385915369421</to><mccMnc>21910</mccMnc>")


def test_a_request_without_a_url_is_refused(client: Client) -> None:
    error = client.request("POST", "/number/1/notify", {"to": [VIPNET]}).error
    assert error == (400, "BAD_REQUEST", "[notifyUrl : This field is required.]")


def test_what_was_not_answered_when_the_node_stopped_is_answered_by_the_next(
    stack: Stack, client: Client, web: Receiver, operator: Operator
) -> None:
    operator.contexts[VIPNET] = None
    notify(client, web, VIPNET)
    assert stack.rows("SELECT state FROM lookup") == [(0,)]
    operator.contexts[VIPNET] = Context(27)
    core = Core(stack.engine, stack.network, stack.hashing.run, Bounds(1000, 100, 100))
    administration = LookupAdministration(stack.engine, stack.network)
    core.back_ends.put(result(administration.back_end("hlr")), operator)
    core.pushing.use(PushClient(core.accounts, stack.network, 20.0, 16, True), Pace())
    result(core.resume())
    result(core.settings.load())
    core.pushing.startService()
    core.enquiries.startService()
    stack.wait(0.5)
    (got,) = web.got
    assert json.loads(got.body)["results"][0]["error"]["id"] == 27
