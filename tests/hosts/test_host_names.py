"""The one spelling of a host, as it comes in a request and as it stands in the settings."""

from __future__ import annotations

import pytest

from twistedsite.settings.hosts import host_name, host_pattern

SENT = {
    "example.org": "example.org",
    "EXAMPLE.Org": "example.org",
    "example.org.": "example.org",
    "example.org:8080": "example.org",
    "example.org.:80": "example.org",
    "example.org:": "example.org",
    "192.0.2.1:80": "192.0.2.1",
    "[::1]": "[::1]",
    "[::1]:8080": "[::1]",
    "[0:0:0:0:0:0:0:1]": "[::1]",
    "[2001:DB8::00A]:443": "[2001:db8::a]",
    "": "",
    "[::1": "",
    "[::1]x": "",
    "[1::2::3]": "",
    "[fe80::1%eth0]": "",
    "[v1.x]": "",
    "a" * 254: "",
}


@pytest.mark.parametrize("sent", SENT)
def test_a_host_field_has_one_meaning(sent: str) -> None:
    assert host_name(sent) == SENT[sent]


@pytest.mark.parametrize("text", ["example.org", "*.Example.org.", "xn--bcher-kva.example", "my_host", "[::0001]"])
def test_what_the_settings_name_is_what_a_request_can_send(text: str) -> None:
    name = host_pattern(text).removeprefix("*.")
    assert name
    assert host_name(name) == name


@pytest.mark.parametrize(
    "text", ["", "*", "*.", "a..b", ".a", "a.*.b", "a:80", "-a", "a-", "a b", "a/b", "[::g]", "::1", "a" * 254]
)
def test_what_can_be_no_host_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a host without a port, such as"):
        host_pattern(text)


def test_a_name_in_other_letters_is_to_be_written_as_it_is_sent() -> None:
    with pytest.raises(ValueError, match="in ASCII: xn--"):
        host_pattern("bücher.example")
