"""Values that are not JSON: the memory store keeps them, the SQLite store names them."""

from __future__ import annotations

import enum
import threading
from collections import defaultdict
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.sessions.interface import SessionError
from twistedsite.sessions.memory import MemoryStore
from twistedsite.sessions.sqlite import SqliteStore
from twistedsite.sessions.values import freeze, freeze_json, thaw, thaw_json
from twistedsite.settings.server import SessionSettings
from twistedsite.settings.units import Size


class Colour(enum.IntEnum):
    RED = 1


class Basket:
    """A script's own class."""

    def __init__(self) -> None:
        self.things: list[object] = []


class Text(str):
    """Like a template engine's escaped text."""


CIRCLE: list[object] = []
CIRCLE.append(CIRCLE)

NOT_JSON = [
    (1, 2),
    {1, 2},
    b"bytes",
    {1: 2},
    Decimal("1.5"),
    float("nan"),
    float("-inf"),
    Colour.RED,
    Text("x"),
    defaultdict(list),
    "\ud800",
    CIRCLE,
    [[(1,)]],
    {"x": {2: 3}},
]


@pytest.mark.parametrize("value", NOT_JSON, ids=lambda value: type(value).__name__)
def test_a_value_that_is_not_json_is_named_by_the_sqlite_store(value: object, tmp_path: Path) -> None:
    store = SqliteStore(f"{tmp_path}/s.db", SessionSettings(), lambda: 0.0)
    kind = type(value).__name__
    with pytest.raises(SessionError, match=rf"session attribute 'odd' \({kind}\) cannot be kept: .* JSON"):
        store.save("a", {"fine": 1, "odd": value})
    assert store.load("a") is None
    store.close()


@pytest.mark.parametrize("value", NOT_JSON[:-3], ids=lambda value: type(value).__name__)
def test_a_value_that_is_not_json_stays_itself_in_memory(value: object) -> None:
    store = MemoryStore(SessionSettings(), lambda: 0.0)
    store.save("a", {"fine": [1], "odd": value})
    loaded = store.load("a")
    assert loaded is not None
    assert loaded["fine"] == [1]
    assert repr(loaded["odd"]) == repr(value)
    assert type(loaded["odd"]) is type(value)


def test_a_circle_stays_one_in_memory() -> None:
    odd = thaw(freeze({"odd": CIRCLE}))["odd"]
    assert odd[0] is odd


def test_an_object_in_memory_is_a_copy_each_time() -> None:
    store = MemoryStore(SessionSettings(), lambda: 0.0)
    basket = Basket()
    store.save("a", {"basket": basket, "same": basket})
    basket.things.append("later")
    loaded = store.load("a")
    assert loaded is not None
    assert loaded["basket"].things == []
    assert loaded["basket"] is loaded["same"]
    loaded["basket"].things.append("unsaved")
    again = store.load("a")
    assert again is not None
    assert again["basket"].things == []


def test_a_value_that_cannot_be_copied_is_named() -> None:
    store = MemoryStore(SessionSettings(), lambda: 0.0)
    with pytest.raises(SessionError, match=r"session attribute 'odd' \(lock\) cannot be kept: it cannot be copied"):
        store.save("a", {"fine": 1, "odd": threading.Lock()})


def test_values_that_are_json_count_beside_others() -> None:
    store = MemoryStore(SessionSettings(size=Size(50)), lambda: 0.0)
    store.save("a", {"big": b"x" * 1000})
    with pytest.raises(SessionError, match="too large"):
        store.save("a", {"big": b"x", "json": "x" * 50})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values))
def test_json_comes_back_as_it_was(data: dict[str, object]) -> None:
    assert repr(thaw_json(freeze_json(data))) == repr(data)
    assert repr(thaw(freeze(data))) == repr(data)
