"""Where background requests may go: to addresses of one host that anybody could reach."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock

from twistedsite.scripts.broker.background_client import ForbiddenAddressError, _CheckedEndpoint, is_public
from twistedsite.settings.server import BackgroundSettings


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "64:ff9b::101:101", "::ffff:1.1.1.1"]
)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.0.1",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2002:a00:1::1",
        "2001:0:4136:e378:8000:63bf:80ff:fffe",
        "::127.0.0.1",
        "::ffff:0:127.0.0.1",
        "64:ff9b:1::7f00:1",
        "3fff::1",
        "5f00::1",
        "no address",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


class Names:
    """A resolver whose answers are given, one for each question."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    def resolveHostName(self, receiver: Any, host: str, port: int = 0, **kwargs: Any) -> None:  # noqa: N802  # Twisted's
        receiver.resolutionBegan(None)
        for address in self.answers.pop(0):
            receiver.addressResolved((IPv6Address if ":" in address else IPv4Address)("TCP", address, port))
        receiver.resolutionComplete()


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["::1", "1.1.1.1"], ["fe80::1"]])
async def test_a_name_that_has_an_address_that_is_not_public_is_refused(
    addresses: list[str],
) -> None:
    reactor: Any = MemoryReactorClock()
    reactor.nameResolver = Names(addresses)
    with pytest.raises(ForbiddenAddressError, match="which is no public address"):
        await _CheckedEndpoint("example.com", 80, BackgroundSettings(), reactor).connect(Factory.forProtocol(Protocol))
    assert reactor.tcpClients == []


def test_the_connection_goes_to_the_address_that_was_judged_whatever_the_name_becomes() -> None:
    reactor: Any = MemoryReactorClock()
    reactor.nameResolver = Names(["1.1.1.1"], ["127.0.0.1"])
    connecting = _CheckedEndpoint("rebinding.example", 80, BackgroundSettings(), reactor).connect(
        Factory.forProtocol(Protocol)
    )
    assert [(host, port) for host, port, *_ in reactor.tcpClients] == [("1.1.1.1", 80)]
    assert reactor.nameResolver.answers == [["127.0.0.1"]]
    connecting.addErrback(lambda _: None)
    connecting.cancel()
