"""`dbpy.session`: kept over requests, a dict, gone after `destroy()`."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from dbpy_pages import serving_script
from site_files import write

from twistedsite.testing import serving

COUNT = "dbpy.session.start()\ndbpy.session['n'] = dbpy.session.get('n', 0) + 1\nprint(dbpy.session)"


@pytest.fixture(params=["memory", "sqlite"])
def sessions(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return "memory" if request.param == "memory" else f"sqlite:{tmp_path / 'sessions'}"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_session_is_kept_for_each_visitor(tmp_path: Path, sessions: str) -> None:
    async with serving_script(serving, tmp_path / "site", COUNT, sessions=sessions) as site:
        ann: dict[str, str] = {}
        bob: dict[str, str] = {}
        assert [(await site.get("/blog/x", jar=ann)).text for _ in range(3)] == [
            "{'n': 1}\n",
            "{'n': 2}\n",
            "{'n': 3}\n",
        ]
        assert (await site.get("/blog/x", jar=bob)).text == "{'n': 1}\n"


@pytest_twisted.ensureDeferred
async def test_a_session_is_a_dict_with_all_that_a_dict_has(tmp_path: Path) -> None:
    script = (
        "s = dbpy.session\ns.update(a=1, b=[2])\ns.setdefault('c', 3)\ndel s['a']\ns['b'].append(4)\nimport json\n"
        "print(isinstance(s, dict), json.dumps(s), s is dbpy.session, s.pop('c'), sorted(s.items()), 'a' in s)"
    )
    async with serving_script(serving, tmp_path, script) as site:
        jar: dict[str, str] = {}
        assert (
            await site.get("/blog/x", jar=jar)
        ).text == 'True {"b": [2, 4], "c": 3} True 3 [(\'b\', [2, 4])] False\n'
        write(tmp_path, "blog/x.dbpy", "print(dbpy.session)")
        assert (await site.get("/blog/x", jar=jar)).text == "{'b': [2, 4]}\n"


@pytest_twisted.ensureDeferred
async def test_after_destroy_the_session_is_empty_and_stays_so(tmp_path: Path, sessions: str) -> None:
    write(
        tmp_path / "site",
        "out.dbpy",
        "dbpy.session.start()\ndbpy.session.destroy()\nprint(dbpy.session, len(dbpy.session))",
    )
    async with serving_script(serving, tmp_path / "site", COUNT, sessions=sessions) as site:
        jar: dict[str, str] = {}
        await site.get("/blog/x", jar=jar)
        stolen = dict(jar)
        assert (await site.get("/out", jar=jar)).text == "{} 0\n"
        assert jar == {}
        assert (await site.get("/blog/x", jar=stolen)).text == "{'n': 1}\n"


@pytest.mark.isolation("threads", "workers")
@pytest.mark.parametrize(
    ("change", "kept"), [("dbpy.session.destroy()", "{'n': 1}\n"), ("dbpy.session['n'] = 100", "{'n': 2}\n")]
)
@pytest_twisted.ensureDeferred
async def test_of_a_script_that_fails_destroy_holds_and_no_other_change(tmp_path: Path, change: str, kept: str) -> None:
    write(tmp_path, "bad.dbpy", f"{change}\n1 / 0")
    async with serving_script(serving, tmp_path, COUNT) as site:
        jar: dict[str, str] = {}
        await site.get("/blog/x", jar=jar)
        assert (await site.get("/bad", jar=jar)).status == 500
        assert (await site.get("/blog/x", jar=jar)).text == kept


@pytest_twisted.ensureDeferred
async def test_a_new_session_after_the_destroyed_one_has_another_id(tmp_path: Path) -> None:
    write(tmp_path, "again.dbpy", "dbpy.session.destroy()\ndbpy.session['n'] = 7")
    async with serving_script(serving, tmp_path, COUNT) as site:
        jar: dict[str, str] = {}
        await site.get("/blog/x", jar=jar)
        first = dict(jar)
        await site.get("/again", jar=jar)
        assert jar != first
        assert (await site.get("/blog/x", jar=jar)).text == "{'n': 8}\n"


@pytest_twisted.ensureDeferred
async def test_print_scripts_and_dbpy_scripts_share_a_visitors_session(tmp_path: Path) -> None:
    write(tmp_path, "p.py", "Session().n += 1\nprint(vars(Session()))")
    async with serving_script(serving, tmp_path, COUNT) as site:
        jar: dict[str, str] = {}
        await site.get("/blog/x", jar=jar)
        assert (await site.get("/p", jar=jar)).text == "{'n': 2}\n"
        assert (await site.get("/blog/x", jar=jar)).text == "{'n': 3}\n"


@pytest_twisted.ensureDeferred
async def test_a_page_that_does_not_look_at_the_session_sets_no_cookie(tmp_path: Path) -> None:
    async with serving_script(serving, tmp_path, "print(1)") as site:
        assert "set-cookie" not in (await site.get("/blog/x")).headers
        write(tmp_path, "blog/x.dbpy", "print(dbpy.session)")
        assert "set-cookie" not in (await site.get("/blog/x")).headers
