"""Sites written for the older programs, in Python 2, run after a mechanical conversion and nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import pytest_twisted
from python2_sites import DRAPACHE, HTTPDAPY, SCRIPTSERVER, convert
from site_files import logged

from twistedsite.testing import serving

AGENT = {"User-Agent": "Lynx"}


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_portal_of_scriptserver_runs(tmp_path: Path) -> None:
    convert(SCRIPTSERVER, tmp_path)
    visitor: dict[str, str] = {}
    async with serving(tmp_path, debug=True) as site:
        assert 'href="login.html"' in (await site.get("/home.py", jar=visitor)).text
        assert "<form" in (await site.get("/login.html", jar=visitor)).text
        for sent, target in (({"user": ""}, "login.html"), ({"user": "<Ann>"}, "home.py")):
            answer = await site.get("/login.py", method="POST", body=sent, jar=visitor)
            assert (answer.status, answer.headers["location"]) == (302, target)
        assert list(visitor) == ["sessionId"]
        assert "<p>Hello, &lt;Ann>\n" in (await site.get("/home.py", jar=visitor)).text
        assert "Hello" not in (await site.get("/home.py")).text
        for _ in range(2):
            assert (await site.get("/logout.py", jar=visitor)).headers["location"] == "home.py"
        assert 'href="login.html"' in (await site.get("/home.py", jar=visitor)).text
        for visit in ("1", "2"):
            answer = await site.get("/counter.py?a=x&b=1&b=2", headers=AGENT, jar=visitor)
            assert answer.headers["content-type"].startswith("text/plain")
            assert answer.text.split() == [visit, "GET", "a=x&b=1&b=2", "Lynx", "b", "1,", "2"]
        assert (await site.get("/letter.tpl?name=Ann&hour=five")).text == "Dear Ann, come at five."
        page = await site.get("/fail.py", headers={"Accept": "text/html"})
    assert page.status == 500
    for expected in ("ValueError", "as expected", "fail.py", "raise ValueError("):
        assert expected in page.text


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_blog_of_drapache_runs(tmp_path: Path) -> None:
    convert(DRAPACHE, tmp_path)
    author: dict[str, str] = {}
    first = {"title": "Tea & cake", "text": "Some *Markdown*.", "published": "on"}
    async with serving(tmp_path) as site:
        assert (await site.get("/blog/")).text.strip() == "<title>Blog</title>"
        assert (await site.get("/blog/edit?name=a")).headers["location"] == "login"
        wrong = await site.get("/blog/login", method="POST", body={"password": "x"}, jar=author)
        assert (wrong.status, wrong.text.strip()) == (403, "Wrong password")
        assert (await site.get("/blog/login", method="POST", body={"password": "tea"}, jar=author)).status == 302
        assert '<form method="post">a<input' in (await site.get("/blog/edit?name=a", jar=author)).text
        answer = await site.get("/blog/edit?name=a", method="POST", body=first, jar=author)
        assert (answer.status, answer.headers["location"]) == (302, "post?name=a")
        hidden = {"title": "Later", "text": "Not yet."}
        assert (await site.get("/blog/edit?name=b", method="POST", body=hidden, jar=author)).status == 302
        assert json.loads((tmp_path / "_data/posts.json").read_text())["b"]["published"] is False
        assert (tmp_path / "_data/log.txt").read_text() == "saved a\nsaved b\n"
        home = (await site.get("/blog/")).text
        assert '<a href="post?name=a">Tea &amp; cake</a>' in home
        assert "Later" not in home
        assert "log out" not in home
        assert "log out" in (await site.get("/blog/", jar=author)).text
        assert "<em>Markdown</em>" in (await site.get("/blog/post?name=a")).text
        assert (await site.get("/blog/post?name=none")).status == 404
        assert (await site.get("/_data/posts.json")).status == 403
        assert (await site.get("/blog/delete?name=a", jar=author)).status == 302
        assert list(json.loads((tmp_path / "_data/posts.json").read_text())) == ["b"]
        assert (await site.get("/static/")).text == "/static/: style.css"
        assert (await site.get("/blog/logout", jar=author)).status == 302
        assert (await site.get("/blog/delete?name=b", jar=author)).headers["location"] == "login"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_handlers_of_httpdapy_run(tmp_path: Path) -> None:
    convert(HTTPDAPY, tmp_path)
    ann = {"Authorization": "Basic " + base64.b64encode(b"ann:tea").decode()}
    bob = {"Authorization": "Basic " + base64.b64encode(b"bob:tea").decode()}
    async with serving(tmp_path) as site:
        for path in ("/hello", "/hello.py", "/hello.html"):
            assert (await site.get(path)).text == "Hello, World!"
        answer = await site.get("/inside/a%20b?q=1", headers={"X-Colour": "red"})
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-visit"] == "1"
        assert answer.text.splitlines() == [
            "method GET",
            "uri /inside/a b",
            "query q=1",
            "protocol HTTP/1.1",
            "path-info /a%20b",
            "127.0.0.1 red GET ['World']",
        ]
        answer = await site.get("/inside?home")
        assert (answer.status, answer.headers["location"], answer.headers["x-visit"]) == (302, "hello", "2")
        assert answer.body == b""
        answer = await site.get("/form?a=1", method="POST", body={"a": "2", "status": "404"})
        assert (answer.status, answer.text) == (404, "a=1,2;status=404;")
        with logged() as log:
            assert (await site.get("/shared")).status == 404
        assert "Traceback" not in log()
        answer = await site.get("/members/who")
        assert (answer.status, answer.headers["www-authenticate"].split(",")[0]) == (401, 'Basic realm="My Realm"')
        assert (await site.get("/members/who", headers=bob)).status == 401
        assert (await site.get("/members/who", headers=ann)).text == "ann by Basic"
