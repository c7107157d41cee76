"""Kinds of values that settings of the server, of a site and of a folder share."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from twistedsite.settings.users import HIGHEST

OptionValue = str | int | float | bool | list[str]
"""What a name in `[options]` may hold."""

Count = Annotated[int, msgspec.Meta(ge=1)]
"""A number of things of which there must be one at least."""

Uid = Annotated[int, msgspec.Meta(ge=1, le=HIGHEST)]
"""The number of a user of the system, not root."""

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
