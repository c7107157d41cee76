"""What was looked up for one request: nothing is asked for twice, and the answer knows what it depends on."""

from __future__ import annotations

from collections.abc import Iterable

from twistedsite.origins.interface import Entry, Kind, Origin, Path, Validity, await_if_deferred


class Lookups:
    """The look-ups of one request in `origin`. All methods may raise OriginError."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self._known: dict[Path, Entry | None] = {}
        self._used: dict[Path, Entry | None] = {}
        self._failed = False

    async def many(self, paths: Iterable[Path]) -> list[Entry | None]:
        """What stands at each of `paths`, by one call to the origin."""
        asked = list(paths)
        await self._look_up(asked)
        return [self._use(path) for path in asked]

    async def one(self, path: Path) -> Entry | None:
        """What stands at `path`."""
        if path not in self._known:
            await self._look_up([path])
        return self._use(path)

    async def first_file(self, paths: Iterable[Path]) -> Entry | None:
        """The first of `paths` at which there is a file, by one call to the origin. What comes after it is not used."""
        asked = list(paths)
        await self._look_up(asked)
        for path in asked:
            entry = self._use(path)
            if entry is not None and entry.kind is Kind.FILE:
                return entry
        return None

    async def prepare(self, paths: Iterable[Path]) -> None:
        """Ask for `paths` by one call to the origin: methods that use them later need none."""
        await self._look_up(list(paths))

    def validity(self) -> Validity | None:
        """What tells later whether everything that was used would be found again as it was; see `Origin.validity`."""
        return None if self._failed else self.origin.validity(self._used)

    def fail(self) -> None:
        """The answer depends on something that could not be found out: it has no validity."""
        self._failed = True

    def _use(self, path: Path) -> Entry | None:
        entry = self._used[path] = self._known[path]
        return entry

    async def _look_up(self, paths: list[Path]) -> None:
        new = [path for path in dict.fromkeys(paths) if path not in self._known]
        if new:
            try:
                found = await await_if_deferred(self.origin.lookup_many(new))
            except BaseException:
                self.fail()
                raise
            self._known.update(zip(new, found, strict=True))
