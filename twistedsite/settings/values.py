"""Types of values that the settings of the server, of sites and of folders share."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from twistedsite.settings.users import HIGHEST

OptionValue = str | int | float | bool | list[str]
"""The value of a name in `[options]`."""

Count = Annotated[int, msgspec.Meta(ge=1)]
"""A number of at least one."""

Uid = Annotated[int, msgspec.Meta(ge=1, le=HIGHEST)]
"""A user id, not root's."""

Isolation = Literal["threads", "workers"]
"""Where scripts run."""


def parse_paths(paths: tuple[str, ...], key: str) -> tuple[tuple[str, ...], ...]:
    """The segments of each of `paths`, which begin at the site's root; raises ValueError, which names `key`."""
    found = []
    for path in paths:
        segments = tuple(path.strip("/").split("/")) if path.strip("/") else ()
        if not path or "\0" in path or any(segment in ("", ".", "..") for segment in segments):
            raise ValueError(f"{key}: expected paths from the site's root, such as /data, got {path!r}")
        found.append(segments)
    return tuple(found)
