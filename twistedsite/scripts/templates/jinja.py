"""Jinja2 templates of a site. Values are escaped; other templates are found within the site only.

A template that another one extends, includes or imports is looked for in the folder of the page, in its `_templates/`,
and in the `_templates/` of the site. A name that begins with `/` is a path from the site's root.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
from collections.abc import Callable
from typing import Any, Final

import jinja2
import msgspec
from jinja2.runtime import Context
from jinja2.utils import missing

from twistedsite.http.message.forms import FormError
from twistedsite.scripts.code.cache import file_version
from twistedsite.scripts.code.failures import report_exception
from twistedsite.scripts.exchange.exchange import Exchange
from twistedsite.scripts.messages.failure import FrameReport
from twistedsite.scripts.messages.request import ScriptRequest, joined
from twistedsite.scripts.templates.fault import TemplateFault

FOLDERS: Final = 256
"""Most folders whose compiled templates are kept; the least recently used one is dropped first."""
TEMPLATES: Final = 128
"""Most compiled templates kept of one folder."""

_EXCHANGE: Final = "(exchange)"
"""The key of the exchange in the context: no name that a template can use."""


def render(exchange: Exchange, names: list[str], values: dict[str, Any] | None = None) -> str:
    """Render the first template of `names` that exists, with `values` and the names of GIVEN.

    Raises TemplateFault for any error in a template, jinja2.TemplatesNotFound where none of `names` exists, and
    FileNotFoundError where the page itself does not.
    """
    request = exchange.request
    environment = _environment(request.root, request.folder, request.autoreload)
    try:
        template = environment.select_template(names)
        return template.render({**(values or {}), _EXCHANGE: exchange})
    except (FormError, TemplateFault):
        raise
    except Exception as error:
        if isinstance(error, jinja2.TemplatesNotFound) and error.templates == names:
            if names == [os.path.basename(request.filename)]:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), request.filename) from None
            raise
        raise _fault(error, request, environment) from error


class RequestView(msgspec.Struct, frozen=True):
    """`request` in a template."""

    method: str
    scheme: str
    host: str
    path: str
    """The URL's path, decoded."""
    path_info: str
    query: str
    client: str
    """The visitor's address."""
    headers: dict[str, str]
    """By name in lower case."""


def _request_view(exchange: Exchange) -> RequestView:
    request = exchange.request
    return RequestView(
        method=request.method,
        scheme=request.scheme,
        host=request.host,
        path=request.script_name + request.path_info,
        path_info=request.path_info,
        query=request.query,
        client=request.client,
        headers=joined(request.headers),
    )


GIVEN: Final[dict[str, Callable[[Exchange], Any]]] = {
    "request": _request_view,
    "form": lambda exchange: exchange.form,
    "session": lambda exchange: exchange.session(),
    "cookies": lambda exchange: exchange.cookies,
    "options": lambda exchange: exchange.request.options,
    "environ": lambda exchange: exchange.environ,
}
"""The names that every template is given, made at look-up: a page without `session` waits for no session."""


class _SiteContext(Context):
    def resolve_or_missing(self, key: str) -> Any:
        value = super().resolve_or_missing(key)
        if value is missing and key in GIVEN and (exchange := self.parent.get(_EXCHANGE)) is not None:
            return GIVEN[key](exchange)
        return value


class _SiteEnvironment(jinja2.Environment):
    context_class = _SiteContext


class TemplateLoader(jinja2.BaseLoader):
    """Finds templates for the pages of `folder` in the site at `root`, edited and new ones at once."""

    def __init__(self, root: str, folder: str) -> None:
        self._inside = os.path.realpath(root).rstrip(os.sep) + os.sep
        self._root = root
        self._folders = (folder, os.path.join(folder, "_templates"), os.path.join(root, "_templates"))

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        """Return text, file name and a function for whether they are up to date. Raises TemplateNotFound."""
        found = self._find(template)
        if found is None:
            raise jinja2.TemplateNotFound(
                template, f"there is no template {template!r} in this folder, its _templates/ or the site's _templates/"
            )
        filename, _ = found
        try:
            with open(filename, encoding="utf-8-sig") as file:
                source = file.read()
        except UnicodeDecodeError as error:
            raise jinja2.TemplateSyntaxError(f"not UTF-8: {error.reason}", 1, template, filename) from None
        except OSError:
            raise jinja2.TemplateNotFound(template) from None
        return source, filename, lambda: self._find(template) == found

    def _find(self, name: str) -> tuple[str, str] | None:
        segments = name.removeprefix("/").split("/")
        if any(segment.startswith(".") or not segment or "\0" in segment for segment in segments):
            raise jinja2.TemplateNotFound(name, f"{name!r} is no name of a template of this site")
        for folder in (self._root,) if name.startswith("/") else self._folders:
            filename = os.path.join(folder, *segments)
            if os.path.realpath(filename).startswith(self._inside) and os.path.isfile(filename):
                with contextlib.suppress(FileNotFoundError):
                    return filename, file_version(filename)
        return None


@functools.lru_cache(FOLDERS)
def _environment(root: str, folder: str, autoreload: bool) -> jinja2.Environment:
    return _SiteEnvironment(
        loader=TemplateLoader(root, folder), autoescape=True, auto_reload=autoreload, cache_size=TEMPLATES
    )


def _fault(error: Exception, request: ScriptRequest, environment: jinja2.Environment) -> TemplateFault:
    """The fault for `error`. Jinja2 has put a frame with the template's variables into the traceback for each line."""
    report = report_exception(error, request.root)
    while report.frames and not report.frames[-1].in_site:
        report.frames.pop()
    if not report.frames:
        report.frames.append(FrameReport("/".join(request.script), 1, "(template)", True))
    hidden = {*environment.globals, *GIVEN, _EXCHANGE}
    for frame in report.frames:
        frame.locals = [(name, value) for name, value in frame.locals if name not in hidden]
    return TemplateFault(report)
