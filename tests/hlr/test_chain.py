"""One smsd asks another, over SMPP and over HTTP: what the one says the other understands."""

from __future__ import annotations

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.endpoints import clientFromString
from twisted.internet.protocol import Protocol

from smsd.hlr.http_peer import HttpPeer
from smsd.hlr.options import HttpOptions, SimulatorOptions, SmppOptions
from smsd.hlr.simulated import ABROAD, HOME, OTHER, SimulatedHlr
from smsd.hlr.smpp_peer import SmppPeer
from smsd.http_api.site import Limits, site
from smsd.numbering.context import Context
from smsd.services.lookup_administration import LookupAdministration
from tests.hlr.asking import NUMBER, Question
from tests.peers import PASSWORD, Stack, result

SMPP, HTTP = 8888, 8080
ADDRESS = IPv4Address("TCP", "192.0.2.1", 4711)


class Peers:
    """A platform whose numbers do as they say, and back ends that ask it."""

    def __init__(self, stack: Stack) -> None:
        self.network = stack.network
        administration = LookupAdministration(stack.engine, stack.network)
        result(administration.add_back_end("simulated", "simulator", "{}"))
        result(administration.add_rule(["simulated"]))
        simulated = SimulatedHlr("simulated", SimulatorOptions(), stack.network)
        stack.core.back_ends.put(result(administration.back_end("simulated")), simulated)
        stack.wait(1)
        web = site(stack.api, Limits(100_000), stack.network)
        stack.network.ports |= {SMPP: lambda: built(stack.listener), HTTP: lambda: built(web)}
        at = f"tcp:127.0.0.1:{SMPP}"
        self.smpp = SmppPeer(
            "smpp",
            SmppOptions(at, "acme", PASSWORD),
            stack.network,
            clientFromString(stack.network, at),
        )
        self.http = HttpPeer("http", HttpOptions(f"http://127.0.0.1:{HTTP}", "acme", PASSWORD), stack.network)
        self.smpp.startService()
        self.http.startService()
        self.network.wait(1)

    def said(self, by: str, number: str) -> Context:
        question = Question(getattr(self, by), number)
        self.network.wait(1)
        return question.context


def built(factory: object) -> Protocol:
    protocol = factory.buildProtocol(ADDRESS)  # type: ignore[attr-defined]
    assert isinstance(protocol, Protocol)
    return protocol


@pytest.fixture
def peers(stack: Stack) -> Peers:
    result(stack.administration.change_account("acme", lookups="roaming"))
    return Peers(stack)


@pytest.mark.parametrize("by", ["smpp", "http"])
def test_a_number_that_can_be_reached_at_home_is_told_of(peers: Peers, by: str) -> None:
    context = peers.said(by, NUMBER)
    assert (context.error, context.ported, context.roaming) == (0, False, False)
    assert context.imsi == "999015915369421"
    assert context.serving_msc == "99901000001"
    assert context.original is not None
    assert (context.original.name, context.original.mccmnc) == (HOME.name, HOME.mccmnc)


@pytest.mark.parametrize("by", ["smpp", "http"])
def test_a_number_that_was_ported_and_roams_is_told_of(peers: Peers, by: str) -> None:
    context = peers.said(by, "38591001110000")
    assert (context.error, context.ported, context.roaming) == (0, True, True)
    assert context.ported_network is not None
    assert (context.ported_network.name, context.ported_network.mccmnc) == (OTHER.name, OTHER.mccmnc)
    assert context.roaming_network is not None
    assert context.roaming_network.country_prefix == ABROAD.country_prefix


@pytest.mark.parametrize("by", ["smpp", "http"])
@pytest.mark.parametrize("error", [1, 13, 27])
def test_a_number_that_can_not_be_reached_is_told_of(peers: Peers, by: str, error: int) -> None:
    assert peers.said(by, f"38591000{0:02}{error:04}").error == error


@pytest.mark.parametrize("by", ["smpp", "http"])
def test_a_number_of_which_the_peer_hears_nothing_has_no_answer(peers: Peers, by: str) -> None:
    question = Question(getattr(peers, by), "38591004000000")
    peers.network.wait(1)
    assert question.reason == "The peer has no answer itself."
