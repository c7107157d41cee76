"""Who may enter: asks for a password where a folder's `[auth]` says so, before anything is made of what stands there.

`FolderTree` calls `admit` once the settings of the place are known. It lets in, or raises the HttpProblem that is the
answer; whatever fails, nobody is let in. Ready answers (`resources.cache.answers`) never come from a guarded place.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import Any, Final, cast

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.web.server import Request

from twistedsite.http.message.basic import Credentials, challenge, parse_basic
from twistedsite.http.request import Request as OwnRequest
from twistedsite.origins.interface import Entry, GoneError, Kind, await_if_deferred
from twistedsite.origins.lookups import Lookups
from twistedsite.resources.auth.guesses import GuessCount
from twistedsite.resources.auth.passwords import TooManyWaitError
from twistedsite.resources.auth.users import FILE_LIMIT, PasswordFile, UsersError
from twistedsite.resources.kinds.script import ScriptResource, problem_of
from twistedsite.resources.site.context import SiteContext
from twistedsite.resources.site.error import HttpProblem
from twistedsite.scripts.dialects import guard as module_dialect
from twistedsite.scripts.messages.response import ResponseHead
from twistedsite.scripts.runners.interface import ScriptError, ScriptGoneError, ScriptRefusedError
from twistedsite.settings.auth import Auth
from twistedsite.settings.folder import FolderSettings

_MOST_FILES: Final = 256
_RETRY_AFTER: Final = b"5"
_BROKEN: Final = "Nobody can be let in here at the moment; the server's log says why."


class Guard:
    """The guard of one site."""

    _log = Logger()

    def __init__(self, site: SiteContext) -> None:
        self._site = site
        self._passwords = site.services.passwords
        self._remember = site.settings.auth.remember
        # Of this site alone: who is let in by another site, his own perhaps, does not start anew here.
        self._guesses = GuessCount(site.settings.auth, site.services.now)
        self._users: OrderedDict[tuple[str, ...], tuple[str, PasswordFile | UsersError]] = OrderedDict()
        """Path of a file of users -> its version, and what stands in it."""

    async def admit(self, request: Request, folder: FolderSettings) -> None:
        """Let `request` into the place where `folder` holds, and note who comes; raises HttpProblem instead."""
        auth = folder.auth
        if auth is None or not auth.asks(request.method.decode("latin-1")):
            return
        fields = request.requestHeaders.getRawHeaders(b"authorization") or []
        credentials = parse_basic(fields[0]) if len(fields) == 1 else None
        if credentials is None:
            raise _asking(auth)
        if auth.said.file:
            await self._by_file(request, auth, credentials)
        else:
            await self._by_module(request, auth, folder, credentials)
        if auth.said.users and credentials.user not in auth.said.users:
            raise HttpProblem(403)
        # A request that another server's Site has made takes the attribute as well.
        cast(OwnRequest, request).authenticated = credentials.user

    async def _by_file(self, request: Request, auth: Auth, credentials: Credentials) -> None:
        path = (*auth.folder, *auth.said.file.split("/"))
        version, users = await self._users_of(path)
        passwords, address = self._passwords, _address(request)
        place = (self._site.name, "/".join(path), version)
        digest = passwords.digest(*place, credentials.user, credentials.password)
        if passwords.is_remembered(digest):
            return
        self._check_guesses(address, digest)
        if self._guesses.was_wrong(address, digest):
            raise _asking(auth)
        self._guesses.begins(address, digest)
        try:
            right = await passwords.verify(users, credentials.user, credentials.password, digest, self._remember)
        except TooManyWaitError:
            self._guesses.undecided(address, digest)
            raise HttpProblem(503, headers={b"retry-after": _RETRY_AFTER}) from None
        except BaseException:
            self._guesses.undecided(address, digest)
            raise
        self._judge(right, auth, address, digest)

    async def _by_module(self, request: Request, auth: Auth, folder: FolderSettings, credentials: Credentials) -> None:
        entry = await self._module_of(auth)
        passwords, address = self._passwords, _address(request)
        place = (self._site.name, "/".join(entry.path), entry.version)
        digest = passwords.digest(*place, credentials.user, credentials.password)
        # The module decides each time, for it sees the request. But who was let in a moment ago is no guesser.
        if not passwords.is_remembered(digest):
            self._check_guesses(address, digest)
            self._guesses.begins(address, digest)
        try:
            status = await self._decision(request, entry, folder)
        except BaseException:
            self._guesses.undecided(address, digest)
            raise
        if status not in (module_dialect.ALLOWED, module_dialect.UNKNOWN, module_dialect.FORBIDDEN):
            self._guesses.undecided(address, digest)
            raise HttpProblem(500, _BROKEN)
        self._judge(status != module_dialect.UNKNOWN, auth, address, digest)
        passwords.remember(digest, self._remember)
        if status == module_dialect.FORBIDDEN:
            raise HttpProblem(403)

    def _check_guesses(self, address: str, digest: bytes) -> None:
        if seconds := self._guesses.locked_for(address, digest):
            detail = "Too many wrong passwords have come from your address."
            raise HttpProblem(429, detail, headers={b"retry-after": b"%d" % seconds})

    def _judge(self, right: bool, auth: Auth, address: str, digest: bytes) -> None:
        if not right:
            self._guesses.wrong(address, digest)
            raise _asking(auth)
        self._guesses.right(address)

    async def _users_of(self, path: tuple[str, ...]) -> tuple[str, PasswordFile]:
        entry = await Lookups(self._site.origin).one(path)
        if entry is None or entry.kind is not Kind.FILE or entry.size > FILE_LIMIT:
            raise self._broken(path, f"the file of users is no plain file of at most {FILE_LIMIT} bytes")
        version, users = self._users.get(path, ("", None))
        if users is None or version != entry.version:
            version, users = entry.version, await self._read_users(entry)
            if entry.settled:
                self._users[path] = (version, users)
                if len(self._users) > _MOST_FILES:
                    self._users.popitem(last=False)
        if isinstance(users, UsersError):
            raise self._broken(path, str(users))
        return version, users

    async def _read_users(self, entry: Entry) -> PasswordFile | UsersError:
        try:
            content = await await_if_deferred(self._site.origin.read(entry, FILE_LIMIT))
            return await self._site.services.background.call(PasswordFile.parse, content)
        except UsersError as error:
            return error
        except GoneError:
            raise self._broken(entry.path, "the file of users cannot be read") from None

    async def _module_of(self, auth: Auth) -> Entry:
        if not auth.scripts:
            raise self._broken(auth.folder, "scripts are off here, so its authentication module is not run")
        *way, stem = auth.said.module.removesuffix(".py").split("/")
        named, hidden = [(*auth.folder, *way, f"{prefix}{stem}.py") for prefix in ("", "_")]
        entry = await Lookups(self._site.origin).first_file((named, hidden))
        if entry is None:
            raise self._broken(named, "there is no such authentication module")
        return entry

    async def _decision(self, request: Request, entry: Entry, folder: FolderSettings) -> int:
        """The status that the module answers; raises HttpProblem where it comes to none."""
        script_request = ScriptResource(self._site, entry, folder, "guard", entry.path).script_request(request)
        verdict = _Verdict()
        try:
            await self._site.runner.run(script_request, io.BytesIO(), verdict)
        except (ScriptGoneError, ScriptRefusedError) as error:
            raise self._broken(entry.path, str(error)) from None
        except ScriptError as error:
            problem = problem_of(error, entry, self._log)
            # Not for the browser, even in debug mode: it is nobody's yet, and the variables have passwords.
            problem.report = None
            raise problem from None
        return verdict.status

    def _broken(self, path: tuple[str, ...], why: str) -> HttpProblem:
        problem = HttpProblem(500, _BROKEN)
        self._log.error(
            "{path}: {why}; nobody is let in (reference {reference})",
            path="/".join(path),
            why=why,
            reference=problem.reference,
        )
        return problem


class _Verdict:
    """See `ResponseSink`: keeps the status of an answer that came whole, and no more."""

    def __init__(self) -> None:
        self.status = 500

    def begin(self, head: ResponseHead) -> None:
        """An answer in pieces is none of the dialect's."""

    def write(self, data: bytes) -> None:
        """Nothing is kept of it."""

    def end(self, head: ResponseHead | None, body: bytes) -> None:
        if head is not None:
            self.status = head.status

    def when_writable(self) -> Deferred[None] | None:
        return None


def _asking(auth: Auth) -> HttpProblem:
    return HttpProblem(401, headers={b"www-authenticate": challenge(auth.said.realm)})


def _address(request: Request) -> str:
    address: Any = request.getClientAddress()
    return getattr(address, "host", None) or ""
