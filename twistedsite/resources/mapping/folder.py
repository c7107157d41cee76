"""What a path becomes: the whole mapping from URL paths to resources, as two tables in this one file.

`SEGMENT_ROWS` judge the path's segments before anything is looked up; `PLACE_ROWS` judge what stands there. The first
row that applies decides. The documentation shows these rows and is tested against them; no other file may decide.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.web.resource import IResource
from twisted.web.server import Request

from twistedsite.http.message.response import PreparedResponse
from twistedsite.http.request import Request as EngineRequest
from twistedsite.origins.interface import Entry, Kind
from twistedsite.origins.lookups import Lookups
from twistedsite.pages.accept import PageForm
from twistedsite.resources.kinds.guard import Guard
from twistedsite.resources.kinds.health import is_health, send_health
from twistedsite.resources.kinds.listing import Listing
from twistedsite.resources.kinds.redirect import Redirect, SlashRedirect
from twistedsite.resources.kinds.script import ScriptResource
from twistedsite.resources.kinds.static import StaticFile
from twistedsite.resources.mapping.first_line import Directive, FirstLines
from twistedsite.resources.mapping.inheritance import Inheritance
from twistedsite.resources.mapping.place import Finder, Place
from twistedsite.resources.site.base import SiteResource
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.error import HttpProblem, KeepPage, send_problem
from twistedsite.scripts.dialects import SCRIPTS, TEMPLATES
from twistedsite.scripts.messages.storage import MAX_DEPTH
from twistedsite.settings.folder import FolderSettings


@attrs.frozen
class SegmentRow:
    """A rule about the segments of a path."""

    there: str
    becomes: str
    status: int
    applies: Callable[[str], bool]


@attrs.frozen
class PlaceRow:
    """A rule about what stands at a path."""

    there: str
    becomes: str
    applies: Callable[[Place], bool]
    make: Callable[[SiteContext, Place], IResource]


SEGMENT_ROWS = (
    SegmentRow(
        "a segment that is not UTF-8, has NUL or `/` or `\\` encoded, is `.` or `..`",
        "400",
        400,
        lambda segment: segment in (".", "..") or any(sign in segment for sign in "\0/\\"),
    ),
    SegmentRow("a segment that begins with `_`", "403", 403, lambda segment: segment.startswith("_")),
    SegmentRow(
        "a segment that begins with `.`, other than `.well-known`",
        "404",
        404,
        lambda segment: segment.startswith(".") and segment != ".well-known",
    ),
    SegmentRow("an empty segment that is not the last one", "404", 404, lambda segment: segment == ""),
)


def _fails(status: int) -> Callable[[SiteContext, Place], IResource]:
    def make(site: SiteContext, place: Place) -> IResource:
        raise HttpProblem(status)

    return make


def _of_kind(kind: Kind) -> Callable[[Place], bool]:
    return lambda place: place.entry is not None and place.entry.kind is kind


def _is_script(place: Place) -> bool:
    directive = place.directive
    return directive is Directive.EXECUTE or (place.extension in SCRIPTS and directive is not Directive.NOEXECUTE)


def _is_shown(place: Place) -> bool:
    return place.directive is Directive.NOEXECUTE and place.index is None


def _static(site: SiteContext, place: Place) -> IResource:
    assert place.entry is not None
    return StaticFile(site, place.entry, place.settings, place.lookups)


def _source_text(site: SiteContext, place: Place) -> IResource:
    assert place.entry is not None
    return StaticFile(site, place.entry, place.settings, place.lookups, media_type="text/plain")


def _listing(site: SiteContext, place: Place) -> IResource:
    assert place.entry is not None
    return Listing(site, place.entry, place.settings)


def _script(site: SiteContext, place: Place) -> IResource:
    assert place.entry is not None
    handled = place.handled
    return ScriptResource(
        site, place.entry, place.settings, place.dialect, place.script_path, place.path_info, is_handler=handled
    )


def _handler(site: SiteContext, place: Place) -> IResource:
    if place.entry is None or place.entry.kind is not Kind.FILE or not place.dialect or place.is_template:
        raise HttpProblem(500, "The handler that this folder's settings name is no script of this site.")
    return _script(site, place)


def _index(site: SiteContext, place: Place) -> IResource:
    assert place.index is not None
    return resource_for(site, attrs.evolve(place, path=place.index.path, slash=False, entry=place.index, index=None))


def _elsewhere(site: SiteContext, place: Place) -> IResource:
    assert place.redirect is not None
    return Redirect(place.redirect, private=place.settings.auth is not None)


def _with_slash(site: SiteContext, place: Place) -> IResource:
    return SlashRedirect(private=place.settings.auth is not None)


def _is_mapped(place: Place) -> bool:
    return place.extension in place.settings.extensions and place.directive is None


PLACE_ROWS = (
    PlaceRow(
        "a path that `redirects` in the settings of a folder above names",
        "302 to what they say",
        lambda place: place.redirect is not None,
        _elsewhere,
    ),
    PlaceRow(
        "anything below a folder whose settings name a `handler`",
        "that script, the rest is PATH_INFO",
        lambda place: place.handled,
        _handler,
    ),
    PlaceRow(
        'a symlink whose target is outside the site (or any, where `symlinks = "none"`)',
        "403",
        _of_kind(Kind.OUTSIDE),
        _fails(403),
    ),
    PlaceRow("nothing, and the origin knows that it was deleted", "410", _of_kind(Kind.DELETED), _fails(410)),
    PlaceRow("FIFO, socket, device", "404", _of_kind(Kind.SPECIAL), _fails(404)),
    PlaceRow(
        "a `.dbpy` file whose first line starts with `#NOEXECUTE`",
        "its text, never run",
        lambda place: _is_shown(place) and not (place.rest or place.slash),
        _source_text,
    ),
    PlaceRow("the same, with more of the path behind it, or a slash", "404", _is_shown, _fails(404)),
    PlaceRow(
        "nothing, but where `dialect` is `handler` there is `NAME.py` for `NAME.ANY`",
        "that script",
        lambda place: place.entry is not None and not place.rest and place.is_renamed,
        _script,
    ),
    PlaceRow(
        "nothing, but `NAME.*` has exactly one script or template",
        "that (extension-less URL)",
        lambda place: place.entry is not None and not place.rest and place.entry.path != place.path,
        _script,
    ),
    PlaceRow(
        "nothing, but an ancestor is a script",
        "that script, the rest is PATH_INFO",
        lambda place: bool(place.rest),
        _script,
    ),
    PlaceRow("nothing", "404", lambda place: place.entry is None, _fails(404)),
    PlaceRow(
        "folder, no slash",
        "301 to the slash form, query kept, never to another host",
        lambda place: _of_kind(Kind.FOLDER)(place) and not place.slash,
        _with_slash,
    ),
    PlaceRow(
        "folder with an index",
        "the first index that exists: `index.dbpy .py .html .htm .jinja .tpl .md .txt`",
        lambda place: place.index is not None,
        _index,
    ),
    PlaceRow(
        "folder without one",
        "the listing",
        lambda place: _of_kind(Kind.FOLDER)(place) and place.settings.listing,
        _listing,
    ),
    PlaceRow("folder without one, listing off", "403", _of_kind(Kind.FOLDER), _fails(403)),
    PlaceRow(
        "an extension that `extensions` in the settings name a script dialect or an installed handler for",
        "that; where `scripts = false`: static text",
        lambda place: _is_mapped(place) and place.settings.scripts and bool(place.dialect) and not place.is_template,
        _script,
    ),
    PlaceRow(
        "`.py`, `.dbpy`, or a first line that starts with `#DBPYEXECUTE`",
        "script; where `scripts = false`: static text",
        lambda place: _is_script(place) and place.settings.scripts and not _is_mapped(place),
        _script,
    ),
    PlaceRow(
        "a file and a closing slash",
        "404",
        lambda place: place.slash,
        _fails(404),
    ),
    PlaceRow(
        "`.tpl`, `.jinja`, `.j2`, Markdown, and what `extensions` name a template dialect for",
        "template; where `scripts = false`: static text",
        lambda place: place.is_template and place.settings.scripts,
        _script,
    ),
    PlaceRow(
        'a script or template, where `scripts = false`, or `extensions` say `"static"`',
        "static, as text/plain",
        lambda place: bool(place.dialect) or place.extension in (*SCRIPTS, *TEMPLATES),
        _source_text,
    ),
    PlaceRow("any other file", "static", lambda place: True, _static),
)


def resource_for(site: SiteContext, place: Place) -> IResource:
    """The resource that `place` becomes: the first row of the table that applies. Raises HttpProblem."""
    row = next(row for row in PLACE_ROWS if row.applies(place))
    return row.make(site, place)


def checked_path(segments: list[bytes]) -> tuple[tuple[str, ...], bool]:
    """Return the path of the decoded segments of a URL, and whether it ended with a slash. Raises HttpProblem."""
    try:
        path = tuple(segment.decode("utf-8") for segment in segments)
    except UnicodeDecodeError:
        raise HttpProblem(400) from None
    if len(path) > MAX_DEPTH:
        raise HttpProblem(404)
    slash = path[-1:] == ("",)
    path = path[:-1] if slash else path
    for row in SEGMENT_ROWS:
        if any(row.applies(segment) for segment in path):
            raise HttpProblem(row.status)
    return path, slash


class FolderTree(SiteResource):
    """The root of a site: answers every path below it with the resource that the table names."""

    def __init__(self, site: SiteContext) -> None:
        self._inheritance = Inheritance(site.origin, site.settings)
        self._first_lines = FirstLines(site.origin, site.services.background)
        super().__init__(site, Entry((), Kind.FOLDER), FolderSettings.of_server(site.settings))
        self._guard = Guard(site)

    def render(self, request: Request) -> int:
        """Answer `request`: at once by a script whose place is known, else by looking it up."""
        script = self.site.services.answers.script(self.site, request.path)
        return super().render(request) if script is None else script.render(request)

    async def answer(self, request: Request) -> None:
        """Answer `request`; what goes wrong is answered under the settings of the folder in which it went wrong."""
        folder = self.folder
        lookups = Lookups(self.site.origin)
        keep: KeepPage | None = None
        try:
            path, slash = checked_path(request.postpath or [])
            if is_health(self.site.settings, path, request):
                return send_health(self.site.runner, request)
            chain = await self._inheritance.along(path, lookups)
            folder = chain.at(0)
            place = await Finder(path, slash, chain, lookups, self._first_lines).find()
            folder = place.settings
            await self._guard.admit(request, folder)
            if place.entry is None:
                keep = self._keeps_not_found(request, place)
            found = resource_for(self.site, place)
            if isinstance(found, ScriptResource) and folder.auth is None and not place.handled:
                # Of a guarded folder nothing is kept: whoever asks would have to be let in first.
                self.site.services.answers.keep_script(self.site, request.path, found, lookups.validity())
            if isinstance(found, SiteResource):
                await found.answer(request)
            else:
                request.render(found)
        except HttpProblem as problem:
            send_problem(request, problem, self.site, folder, keep if problem.status == 404 else None, lookups)

    def _keeps_not_found(self, request: Request, place: Place) -> KeepPage | None:
        """Return what keeps the 404 page for `place`; None where nobody would ask for it, or not all may see it."""
        if place.settings.auth is not None or request.prepath or request.method not in (b"GET", b"HEAD"):
            return None
        if not isinstance(request, EngineRequest) or not request.asked_before:
            return None
        if request.getHeader(b"authorization") is not None:
            return None

        def keep(form: PageForm, response: PreparedResponse) -> None:
            answers, validity = self.site.services.answers, place.lookups.validity()
            answers.keep_not_found(self.site, request.path, form, response, validity)

        return keep
