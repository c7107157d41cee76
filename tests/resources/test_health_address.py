"""Which addresses are this machine's own."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from twistedsite.resources.kinds.health import is_local


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.0.2.1", False),
        ("192.0.2.1", False),
        ("", False),
    ],
)
def test_addresses_of_either_family_are_told_apart(address: str, local: bool) -> None:
    request: Any = SimpleNamespace(getClientAddress=lambda: SimpleNamespace(host=address))
    assert is_local(request) is local
