"""Session data put away: as JSON where its values are JSON's own, as deep copies otherwise.

What comes out never shares a mutable object with what went in, so that nothing unsaved passes from one request to
another. The stores keep it; the script's side compares with it.
"""

from __future__ import annotations

import copy
import hashlib
import math
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from twistedsite.sessions.interface import SessionData, SessionError

_PLAIN: Final = frozenset((str, int, bool, type(None)))
_NAMES: Final = frozenset((str,))


class Frozen(msgspec.Struct, frozen=True):
    """The data of one session, put away."""

    text: bytes
    """JSON object of the attributes whose values are JSON's own."""
    others: SessionData
    """Deep copies of the other attributes."""


def stored_name(id: str) -> bytes:
    """What the session `id` is kept under: who reads a store learns no id."""
    return hashlib.sha256(id.encode()).digest()


def outline(data: object) -> bytes | None:
    """JSON of `data` as far as it goes: fast, and enough to see that the JSON values in it have changed."""
    try:
        return msgspec.json.encode(data)
    except Exception:  # whatever a script's own object raises: it is not JSON
        return None


def freeze(data: SessionData) -> Frozen:
    """Put `data` away; raises SessionError for a value that cannot be copied."""
    text = _encode(data)
    if text is not None:
        return Frozen(text, {})
    encoded = {name: _encode(value) for name, value in data.items()}
    text = msgspec.json.encode({name: msgspec.Raw(text) for name, text in encoded.items() if text is not None})
    return Frozen(text, _copied({name: data[name] for name, text in encoded.items() if text is None}))


def freeze_json(data: SessionData) -> bytes:
    """`data` as a JSON object; raises SessionError naming the first attribute that is not JSON."""
    text = _encode(data)
    if text is None:
        name = next((name for name, value in data.items() if _encode(value) is None), "")
        kind = type(data.get(name)).__name__
        raise SessionError(
            f"session attribute {name!r} ({kind}) cannot be kept: this server's sessions hold JSON values only "
            "(str, int, finite float, bool, None, and lists and str-keyed dicts of these)"
        )
    return text


def thaw(frozen: Frozen) -> SessionData:
    """New data, equal to what was put away."""
    data = thaw_json(frozen.text)
    if frozen.others:
        data.update(copy.deepcopy(frozen.others))
    return data


def thaw_json(text: bytes) -> SessionData:
    """New data from what `freeze_json` has made; raises SessionError where it is damaged."""
    try:
        return msgspec.json.decode(text, type=SessionData)
    except msgspec.DecodeError:
        raise SessionError("a stored session is damaged") from None


def _encode(value: object) -> bytes | None:
    """`value` as JSON, or None where it would come back as something else."""
    text = outline(value)
    # The encoder has also bounded what is walked here: it refuses circles.
    return text if text is not None and _is_json(value) else None


def _is_json(value: Any) -> bool:
    waiting: list[Iterable[Any]] = [[value]]
    while waiting:
        for value in waiting.pop():
            kind = type(value)
            if kind in _PLAIN:
                continue
            if kind is dict:
                if not _NAMES.issuperset(map(type, value)):
                    return False
                waiting.append(value.values())
            elif kind is list:
                waiting.append(value)
            elif kind is not float or not math.isfinite(value):
                return False
    return True


def _copied(data: SessionData) -> SessionData:
    name = ""
    memo: dict[int, Any] = {}
    copies: SessionData = {}
    try:
        for name, value in data.items():
            copies[name] = copy.deepcopy(value, memo)
    except Exception as error:
        raise SessionError(
            f"session attribute {name!r} ({type(data[name]).__name__}) cannot be kept: it cannot be copied ({error})"
        ) from error
    return copies


def check_size(text: bytes, limit: int) -> None:
    """Raise SessionError where a session's JSON, `text`, is longer than `limit` bytes."""
    if len(text) > limit:
        raise SessionError(f"the session is too large: {len(text)} bytes of JSON, at most {limit} are kept")
