"""Requests of one visitor wait for their session without holding a thread or a process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_twisted
from site_files import write

from twistedsite.testing import ServedSite, serving

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
BOTH = pytest.mark.isolation("threads", "workers", sandbox="off")
TWO = {"threads": 2, "workers": {"max_workers": 2}}
GET = b"GET /%b HTTP/1.1\r\nHost: h\r\nCookie: sessionId=%b\r\nConnection: close\r\n\r\n"


async def visitor(site: ServedSite) -> bytes:
    """The session id of a new visitor."""
    answer = await site.get("/count.py")
    return answer.headers["set-cookie"].partition("=")[2].partition(";")[0].encode()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    counting = "session = Session()\nsession.n = getattr(session, 'n', 0) + 1\n"
    write(tmp_path, "count.py", f"{counting}print(session.n)")
    write(tmp_path, "hold.py", f"{counting}print('holds', flush=True)\nopen('go').read()\nprint(session.n)")
    write(tmp_path, "hello.py", "print('hello')")
    os.mkfifo(tmp_path / "go")
    return tmp_path


@BOTH
@pytest_twisted.ensureDeferred
async def test_a_visitor_who_sends_many_requests_holds_one_thread(root: Path) -> None:
    async with serving(root, **TWO) as site:
        ann = await visitor(site)
        holding = await site.connect()
        holding.send(GET % (b"hold.py", ann))
        await holding.until(b"holds\n")
        others = [await site.connect() for _ in range(6)]
        for other in others:
            other.send(GET % (b"count.py", ann))
        # Another visitor, whose request would find no free thread, if those waited in theirs.
        for _ in range(3):
            assert (await site.get("/hello.py")).text == "hello\n"
            assert (await site.get("/count.py")).text == "1\n"
        (root / "go").write_text("")
        assert b"\n2\n" in await holding.everything()
        answers = [(await other.everything()).rpartition(b"\r\n\r\n")[2] for other in others]
    assert sorted(answers) == [b"%d\n" % number for number in range(3, 9)]


@BOTH
@pytest_twisted.ensureDeferred
async def test_more_than_the_setting_allows_are_refused(root: Path) -> None:
    async with serving(root, session={"waiting": 1}, **TWO) as site:
        ann = await visitor(site)
        await site.get("/count.py")
        holding, waiting = await site.connect(), await site.connect()
        holding.send(GET % (b"hold.py", ann))
        await holding.until(b"holds\n")
        waiting.send(GET % (b"count.py", ann))
        while (await site.raw(GET % (b"count.py", ann))).split()[1] != b"503":
            pass
        (root / "go").write_text("")
        await holding.everything()
        assert (await waiting.everything()).startswith(b"HTTP/1.1 200")


@BOTH
@pytest_twisted.ensureDeferred
async def test_one_that_goes_away_loses_its_turn_to_the_next(root: Path) -> None:
    async with serving(root, **TWO) as site:
        ann = await visitor(site)
        holding, gone, waiting = await site.connect(), await site.connect(), await site.connect()
        holding.send(GET % (b"hold.py", ann))
        await holding.until(b"holds\n")
        gone.send(GET % (b"count.py", ann))
        waiting.send(GET % (b"count.py", ann))
        await gone.close()
        (root / "go").write_text("")
        await holding.everything()
        assert (await waiting.everything()).startswith(b"HTTP/1.1 200")
