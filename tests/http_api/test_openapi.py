"""The API's description: it is valid and complete, and what is served is what it describes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from msgspec import inspect
from openapi_spec_validator import OpenAPIV31SpecValidator

from smsd.http_api.answers import XML_ROOTS, Inbox, Reports
from smsd.http_api.endpoints import Parameter, Paths, gives, sends
from smsd.http_api.formats import FORMATS
from smsd.http_api.openapi import described
from smsd.http_api.requests import FullTexts
from smsd.http_api.schemas import Schemas, example
from smsd.http_api.vocabulary import TERMS, term
from smsd.services.guard import Banned, Guard
from smsd.store.engine import StoreUnavailable
from tests.http_api.client import BODY, Client
from tests.http_api.contract import JSON, XML, Contract, Operation
from tests.peers import Stack, result

NUMBER = "385916242493"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    stack = Stack(tmp_path_factory.mktemp("document"))
    answer = Client(stack).request("GET", "/openapi.json", headers={"Authorization": None})
    stack.close()
    found: dict[str, Any] = answer.json
    return found


@pytest.fixture(scope="module")
def contract(document: dict[str, Any]) -> Contract:
    return Contract(document)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client whose account has reports and received messages to fetch."""
    stack = Stack(tmp_path, kind="simulator", delay=0.5)
    result(stack.administration.add_number(NUMBER, "acme", "JOIN", "inbox"))
    stack.wait(1)
    client = Client(stack)
    for body in ({"to": [NUMBER, "385911234567"], "text": "JOIN the club"}, {"to": NUMBER, "text": "JOIN"}):
        assert client.request("POST", "/sms/1/text/single", body).code == 200
    advanced = {"messages": [{"destinations": [{"to": NUMBER}], "text": "JOIN", "callbackData": "c"}]}
    assert client.request("POST", "/sms/1/text/advanced", advanced).code == 200
    stack.wait(2)
    yield client
    stack.close()


def structures(stack: Stack) -> dict[str, type[msgspec.Struct]]:
    """Return every structure that requests and answers have."""
    kinds: dict[str, type[msgspec.Struct]] = {}

    def find(kind: inspect.Type) -> None:
        match kind:
            case inspect.StructType():
                if kind.cls.__name__ not in kinds:
                    kinds[kind.cls.__name__] = kind.cls
                    for field in kind.fields:
                        find(field.type)
            case inspect.ListType():
                find(kind.item_type)
            case inspect.UnionType():
                for one in kind.types:
                    find(one)

    for path in stack.api.paths.values():
        for endpoint in path.endpoints.values():
            find(inspect.type_info(endpoint.answer))
            if endpoint.body is not None:
                find(inspect.type_info(endpoint.body))
    return kinds


def test_the_description_is_a_valid_openapi_document(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_every_declared_path_and_method_is_described(stack: Stack, document: dict[str, Any]) -> None:
    declared = {
        (path.replace("<", "{").replace(">", "}"), method.decode().lower())
        for path, served in stack.api.paths.items()
        for method in served.endpoints
    }
    assert {(path, method) for path, item in document["paths"].items() for method in item} == declared


def test_every_operation_has_a_name_of_its_own_a_subject_and_a_summary(
    contract: Contract, document: dict[str, Any]
) -> None:
    operations = [one.described for one in contract.operations()]
    names = [one["operationId"] for one in operations]
    assert len(names) == len(set(names))
    subjects = {one["name"] for one in document["tags"]}
    assert all(len(one["tags"]) == 1 and set(one["tags"]) <= subjects for one in operations)
    assert all(one["summary"].endswith(".") for one in operations)
    assert all(one["description"] for one in document["tags"])


def test_every_field_is_described(document: dict[str, Any]) -> None:
    missing = [
        f"{name}.{field}"
        for name, schema in document["components"]["schemas"].items()
        for field, value in schema["properties"].items()
        if not value.get("description")
    ]
    assert missing == [], "smsd/http_api/vocabulary.py says what fields mean."


def test_no_term_is_left_over(stack: Stack) -> None:
    known = []
    for name, kind in structures(stack).items():
        found = inspect.type_info(kind)
        assert isinstance(found, inspect.StructType)
        known += [term(name, field.encode_name) for field in found.fields]
    known.append(term("ErrorAnswer", "requestError"))
    known.append(term("RequestError", "serviceException"))
    known += [term("ServiceException", "messageId"), term("ServiceException", "text")]
    assert [name for name, one in TERMS.items() if one not in known] == []


def test_examples_of_requests_can_be_read_and_those_of_answers_conform(
    stack: Stack, contract: Contract
) -> None:
    for path in stack.api.paths.values():
        for endpoint in path.endpoints.values():
            if endpoint.body is not None:
                FORMATS[JSON].read(json.dumps(example(endpoint.body)).encode(), endpoint.body)
    for operation in contract.operations():
        contents = [one.get("content", {}) for one in operation.described["responses"].values()]
        for content in [*contents, operation.content or {}]:
            if content:
                schema = contract.schema(content[JSON]["schema"])
                Draft202012Validator(schema).validate(content[JSON]["example"])


def test_what_may_be_absent_is_not_required(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Sent"]["required"] == ["messages"]
    assert "bulkId" not in schemas["Report"]["required"]
    assert "required" not in schemas["Text"]
    assert schemas["FullText"]["properties"]["sendAt"]["type"] == "string"
    assert schemas["Price"]["properties"]["pricePerMessage"]["type"] == "number"
    assert schemas["Language"]["properties"]["languageCode"]["enum"] == ["TR", "ES", "PT"]


def test_xml_s_names_are_described(contract: Contract, document: dict[str, Any]) -> None:
    assert document["components"]["schemas"]["Sent"]["properties"]["messages"]["xml"] == {"wrapped": True}
    assert (
        document["components"]["schemas"]["Sent"]["properties"]["messages"]["items"]["xml"]["name"]
        == "message"
    )
    roots = {
        one.described["responses"]["200"]["content"][XML]["schema"]["xml"]["name"]
        for one in contract.operations()
        if one.method != "HEAD"
    }
    assert roots <= set(XML_ROOTS.values())


def test_parameters_are_in_the_path_the_query_or_the_head() -> None:
    async def serve(*_: object) -> Reports:
        """Say nothing."""
        return Reports([])

    serve.__module__ = __name__
    paths: Paths = {
        "/one/<int:id>": gives(
            "Gives one.",
            serve,
            Inbox,
            Parameter("id", "text", "Which."),
            Parameter("since", "date", "From then on."),
            Parameter("Idempotency-Key", "text", "Once.", header=True),
            errors=(404,),
        ),
        "/many": sends("Sends many.", serve, FullTexts, Reports, errors=(404,)),
    }
    found = described(paths)
    assert list(OpenAPIV31SpecValidator(found).iter_errors()) == []
    one = found["paths"]["/one/{id}"]["get"]
    assert [(each["name"], each["in"], each["required"]) for each in one["parameters"]] == [
        ("id", "path", True),
        ("since", "query", False),
        ("Idempotency-Key", "header", False),
    ]
    assert "404" in one["responses"]
    assert "404" in found["paths"]["/many"]["put"]["responses"]


class Base(msgspec.Struct):
    """A structure."""

    first: str
    """What comes ``first``."""
    second: str = msgspec.field(name="from")
    """Something
    longer."""


class Derived(Base):
    """Another."""

    third: int
    messageId: str
    status: Annotated[str, msgspec.Meta(pattern="^(ON|OFF)$")]


def test_fields_are_described_by_what_stands_below_them_or_by_the_vocabulary() -> None:
    fields = Schemas([Derived]).components["Derived"]["properties"]
    assert {name: field.get("description") for name, field in fields.items()} == {
        "first": "What comes `first`.",
        "from": "Something longer.",
        "third": None,
        "messageId": TERMS["messageId"].meaning,
        "status": TERMS["status"].meaning,
    }
    assert fields["status"]["enum"] == ["ON", "OFF"]
    assert example(Derived) == {
        "first": "…",
        "from": "InfoSMS",
        "third": 0,
        "messageId": TERMS["messageId"].example,
        "status": "ON",
    }


def test_a_parameter_of_the_path_needs_no_declaration() -> None:
    async def serve(*_: object) -> Reports:
        """Say nothing."""
        return Reports([])

    serve.__module__ = __name__
    (found,) = described({"/log/<messageId>": gives("Gives.", serve, Reports)})["paths"].items()
    assert found[0] == "/log/{messageId}"
    (parameter,) = found[1]["get"]["parameters"]
    assert (parameter["name"], parameter["in"], parameter["required"]) == ("messageId", "path", True)


def test_what_is_pushed_is_described(document: dict[str, Any]) -> None:
    reports = document["webhooks"]["reports"]["post"]["requestBody"]["content"]
    assert reports[XML]["schema"]["xml"]["name"] == "reportResponse"
    assert reports[JSON]["example"]["results"][0]["status"]["name"] == "DELIVERED_TO_HANDSET"
    received = document["webhooks"]["received"]["post"]["requestBody"]["content"]
    assert received[XML]["schema"]["xml"]["name"] == "MOReportResponse"


def test_two_structures_of_one_name_are_told_apart() -> None:
    def named(field: str) -> type[msgspec.Struct]:
        return msgspec.defstruct("Same", [(field, str)], module=f"of_{field}")

    first, second = named("text"), named("name")
    schemas = Schemas([first, second])
    assert schemas.reference(first) != schemas.reference(second)
    assert len(schemas.components) == 2


def schedule_a_bulk(client: Client) -> None:
    """Send what the examples of bulks are about."""
    message = {"destinations": [{"to": "385911234567"}], "text": "Hi", "sendAt": TERMS["sendAt"].example}
    body = {"bulkId": TERMS["bulkId"].example, "messages": [message]}
    assert client.request("POST", "/sms/1/text/advanced", body).code == 200


@pytest.mark.parametrize("accept", [JSON, XML])
@pytest.mark.parametrize("media_type", [JSON, XML])
def test_good_requests_are_answered_as_described(
    client: Client, contract: Contract, media_type: str, accept: str
) -> None:
    schedule_a_bulk(client)
    for operation in contract.operations():
        answer = operation.request(client, media_type, accept)
        contract.check(operation, answer)
        assert answer.code == 200 or (answer.code == 404 and "{" in operation.path), (
            f"{operation}: {answer.body!r}"
        )


NONSENSE = (
    b"",
    b"{",
    b"[]",
    b"7",
    b"{}",
    b"\xff",
    b'{"messages": [7]}',
    b'{"messages": []}',
    b'{"to": 7, "text": 7, "binary": {"hex": "0"}}',
    b"<request>",
    b"<request/>",
)


def bad_requests(operation: Operation) -> Iterator[tuple[bytes, str, dict[str, str | None]]]:
    """Return bodies, targets and headers that an operation can't be asked with, and some that it can."""
    good, target = operation.body(JSON), operation.target()
    yield good, target, {}
    yield good, target, {"Authorization": None}
    yield good, target, {"Authorization": "Basic !"}
    yield good, target, {"Accept": "text/html"}
    if operation.content is not None:
        for media_type in (JSON, XML, "", "text/plain"):
            for body in NONSENSE:
                yield body, target, {"Content-Type": media_type}
        yield b" " * (BODY + 1), target, {}
    for one in operation.described.get("parameters", ()):
        for value in ("", "x", "0", "-1", "9" * 40, b"\xff", "a,b", "ä" * 100):
            yield good, operation.target(**{one["name"]: value}), {}


@pytest.mark.parametrize("accept", [JSON, XML])
def test_bad_requests_are_answered_as_described(client: Client, contract: Contract, accept: str) -> None:
    schedule_a_bulk(client)
    for operation in contract.operations():
        seen = set()
        for body, target, headers in bad_requests(operation):
            headers.setdefault("Accept", accept)
            answer = client.request(operation.method, target, body, headers)
            contract.check(operation, answer)
            seen.add(answer.code)
        expected = {200, 401, 406} | ({400, 413, 415} if operation.content is not None else set())
        assert expected <= seen, f"{operation} never answered {expected - seen}"


def test_paths_that_are_not_and_methods_that_do_not_serve(client: Client, contract: Contract) -> None:
    for accept in (JSON, XML):
        headers: dict[str, str | None] = {"Accept": accept}
        for operation in contract.operations():
            answer = client.request("DELETE", operation.target(), b"", headers)
            assert answer.code == 405
            contract.check_error(answer)
        answer = client.request("GET", "/sms/1/nowhere", b"", headers)
        assert answer.code == 404
        contract.check_error(answer)


def test_a_busy_store_is_answered_as_described(client: Client, contract: Contract) -> None:
    schedule_a_bulk(client)
    client.stack.writer.failing = StoreUnavailable("gone")
    codes = set()
    for operation in contract.operations():
        answer = operation.request(client)
        contract.check(operation, answer)
        codes.add(answer.code)
    client.stack.writer.failing = None
    assert codes - {404} == {200, 503}  # What stores nothing is served; what is not there is not found.


def test_who_has_to_wait_is_told_so_as_described(
    client: Client, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    def banned(*_: object) -> None:
        raise Banned("192.0.2.1", 7)

    monkeypatch.setattr(Guard, "check", banned)
    for operation in contract.operations():
        answer = operation.request(client)
        contract.check(operation, answer)
        assert (answer.code, answer.headers["retry-after"]) == (429, "7")


def test_a_mistake_of_ours_is_answered_as_described(
    client: Client, contract: Contract, logged_failures: list[type[BaseException]]
) -> None:
    client.stack.core.admission = None  # type: ignore[assignment]
    for operation in contract.operations():
        answer = operation.request(client)
        contract.check(operation, answer)
        assert answer.code == 500
        logged_failures.append(AttributeError)


def test_an_answer_that_is_not_described_is_found(client: Client, contract: Contract) -> None:
    (operation,) = (one for one in contract.operations() if str(one) == "GET /sms/1/reports")
    answer = operation.request(client)
    found = json.loads(answer.body)
    changes: list[dict[str, Any]] = [{"colour": "red"}, {"to": 7}, {"status": {}}]
    for change in changes:
        wrong = json.dumps({"results": [found["results"][0] | change]}).encode()
        changed = operation.request(client)
        changed.body = wrong
        with pytest.raises(Exception, match=r"was unexpected|is not of type|required property"):
            contract.check(operation, changed)
    changed = operation.request(client)
    changed.code = 418
    with pytest.raises(AssertionError, match="not described"):
        contract.check(operation, changed)
