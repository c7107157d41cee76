"""Helpers of the tests of the dialect dbpy."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from site_files import write

from twistedsite.testing import ServedSite

FORM = {"Content-Type": "application/x-www-form-urlencoded"}

Serving = Callable[..., contextlib.AbstractAsyncContextManager[ServedSite]]


@contextlib.asynccontextmanager
async def serving_script(serving: Serving, root: Path, script: str, **settings: Any) -> AsyncIterator[ServedSite]:
    """A site over `root` in which `script` is `/blog/x.dbpy`."""
    write(root, "blog/x.dbpy", script)
    async with serving(root, **settings) as site:
        yield site


async def shown(serving: Serving, root: Path, script: str, path: str = "/blog/x.dbpy", **request: Any) -> str:
    """What the page of `script`, which is `/blog/x.dbpy`, shows, without its last line break."""
    async with serving_script(serving, root, script) as site:
        answer = await site.get(path, **request)
    assert answer.status == 200, answer.text
    return answer.text.removesuffix("\n")
