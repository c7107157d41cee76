"""The arguments of a published function: form fields by the names of its parameters, converted by its annotations."""

from __future__ import annotations

import inspect
import math
import re
import types
import typing
import weakref
from collections.abc import Callable
from types import FunctionType, MethodType
from typing import Any, Final

import msgspec

from twistedsite.http.message.forms import Form, Upload
from twistedsite.scripts.handlers.request import HandlerRequest
from twistedsite.scripts.messages.outcome import RefusedError

REQUEST_NAMES: Final = frozenset({"req", "request", "REQUEST"})
"""Parameters of these names get the request."""
_TRUE: Final = frozenset({"1", "true", "on", "yes"})
_FALSE: Final = frozenset({"", "0", "false", "off", "no"})
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,4000}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def _whole(text: str) -> int:
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError("a whole number")
    return int(text)


def _number(text: str) -> float:
    number = float(text) if len(text) < 400 and _NUMBER.fullmatch(text.strip()) else math.nan
    if not math.isfinite(number):
        raise ValueError("a number")
    return number


def _truth(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("true or false")
    return word in _TRUE


_CONVERTERS: Final[dict[Any, Callable[[str], Any]]] = {str: str, int: _whole, float: _number, bool: _truth, Any: str}


class _Parameter(msgspec.Struct):
    """How one parameter is filled."""

    name: str
    by_position: bool
    """It can only be passed by position."""
    required: bool
    convert: Callable[[str], Any] = str
    is_request: bool = False
    is_rest: bool = False
    """`**name`: all other fields."""
    is_file: bool = False
    is_list: bool = False
    is_optional: bool = False
    """None where the field is absent or blank."""
    is_free: bool = False
    """Without an annotation: the text of a field, or a file."""


_known: Final[weakref.WeakKeyDictionary[FunctionType, list[_Parameter]]] = weakref.WeakKeyDictionary()


def arguments(published: FunctionType | MethodType, req: HandlerRequest) -> tuple[list[Any], dict[str, Any]]:
    """The arguments for `published`, from `req`: those by position and those by name.

    Raises RefusedError (400), which names a missing or wrong parameter, and TypeError for one that no form can fill.
    """
    function = published.__func__ if isinstance(published, MethodType) else published
    assert isinstance(function, FunctionType)
    parameters = _known.get(function)
    if parameters is None:
        parameters = _known[function] = _parameters(published, function)
    by_position: list[Any] = []
    by_name: dict[str, Any] = {}
    for parameter in parameters:
        if parameter.is_rest:
            named = {other.name for other in parameters}
            by_name.update((name, _plain(req.form, name)) for name in req.form if name not in named)
            continue
        found, value = _value(parameter, req)
        if found and parameter.by_position:
            by_position.append(value)
        elif found:
            by_name[parameter.name] = value
        elif parameter.required:
            raise RefusedError(400, f"The parameter {parameter.name!r} is missing.")
    return by_position, by_name


def _value(parameter: _Parameter, req: HandlerRequest) -> tuple[bool, Any]:
    """Whether the request has a value for `parameter`, and the value."""
    name = parameter.name
    if parameter.is_request:
        return True, req
    if parameter.is_file or (parameter.is_free and name not in req.form):
        upload = req.files.get(name)
        # Browsers send an empty file field without file name and content.
        if upload is not None and (upload.filename or upload.size):
            return True, upload
    elif name in req.form and not (parameter.is_optional and not parameter.is_list and not req.form[name].strip()):
        try:
            if parameter.is_list:
                return True, [parameter.convert(text) for text in req.form.getlist(name)]
            return True, parameter.convert(req.form[name])
        except ValueError as error:
            raise RefusedError(400, f"The parameter {name!r} must be {error}.") from None
    return (True, None) if parameter.is_optional and parameter.required else (False, None)


def _plain(form: Form, name: str) -> str | list[str]:
    values = form.getlist(name)
    return values if len(values) > 1 else values[0]


def _parameters(published: FunctionType | MethodType, function: FunctionType) -> list[_Parameter]:
    hints = typing.get_type_hints(function)
    signature = inspect.signature(published)
    kinds = inspect.Parameter
    return [
        _parameter(parameter, hints.get(parameter.name))
        for parameter in signature.parameters.values()
        if parameter.kind is not kinds.VAR_POSITIONAL
    ]


def _parameter(parameter: inspect.Parameter, hint: Any) -> _Parameter:
    required = parameter.default is inspect.Parameter.empty
    made = _Parameter(parameter.name, parameter.kind is inspect.Parameter.POSITIONAL_ONLY, required)
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        made.is_rest = True
        return made
    if (parameter.name in REQUEST_NAMES and hint is None) or hint is HandlerRequest:
        made.is_request = True
        return made
    if hint is None:
        made.is_free = True
        return made
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        choices = [choice for choice in typing.get_args(hint) if choice is not type(None)]
        made.is_optional = len(choices) < len(typing.get_args(hint))
        hint = choices[0] if len(choices) == 1 else hint
    if hint is list or typing.get_origin(hint) is list:
        made.is_list = True
        hint = (typing.get_args(hint) or (str,))[0]
    made.is_file = hint is Upload and not made.is_list
    if not made.is_file:
        if hint not in _CONVERTERS:
            raise TypeError(f"no form can fill the parameter {parameter.name!r}: its annotation is {hint!r}")
        made.convert = _CONVERTERS[hint]
    return made
