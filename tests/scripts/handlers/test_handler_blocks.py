"""`req`, `pb`, `rq` and `sn`: every name of Httpdapy's objects, through a real socket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from site_files import write

from twistedsite.testing import serving
from twistedsite.testing.site import Response


async def asked(root: Path, lines: str, path: str = "/x", **request: Any) -> Response:
    """The answer of a handler whose Content is `lines`."""
    body = "".join(f"        {line}\n" for line in lines.splitlines())
    head = "from twistedsite import RequestHandler as Base\nclass RequestHandler(Base):\n    def Content(self):\n"
    write(root, "x.py", head + body)
    async with serving(root) as site:
        return await site.get(path, **request)


async def shown(root: Path, expression: str, path: str = "/x", **request: Any) -> str:
    answer = await asked(root, f"return str({expression})", path, **request)
    assert answer.status == 200, answer.text
    return answer.text


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_pb_has_the_options_of_the_folder_and_of_those_above(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "debug = true\n[options]\nschool = 'Oakwood'\nsize = 3")
    write(tmp_path, "sub/_folder.toml", "autoreload = false\n[options]\nsize = 4")
    write(
        tmp_path,
        "sub/x.py",
        "from twistedsite import RequestHandler as Base\nclass RequestHandler(Base):\n    def Content(self):\n"
        "        return str([self.pb[n] for n in ('school', 'size', 'debug', 'autoreload')])",
    )
    async with serving(tmp_path) as site:
        assert (await site.get("/sub/x")).text == "['Oakwood', 4, True, False]"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("pb['word']", 'a "b" c'),
        ("pb.findval('word') + str(pb.findval('none'))", 'a "b" cNone'),
        ("pb.nvinsert('n', 5), pb['n']", "(None, 5)"),
        ("pb.pblock_remove('word'), pb.pblock_remove('word'), pb.has_key('word')", "('a \"b\" c', None, False)"),
        ("pb.has_key('word'), 'word' in pb, 'word' in pb.keys()", "(True, True, True)"),
        ("pb.pblock2str().split(' interpreter')[1]", '="" word="a \\"b\\" c"'),
        ("[pb[n] for n in ('rootpkg', 'handler', 'pythonpath', 'interpreter')]", "['', '', [], '']"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_pb_is_a_parameter_block(tmp_path: Path, expression: str, text: str) -> None:
    write(tmp_path, "_folder.toml", "[options]\nword = 'a \"b\" c'")
    assert await shown(tmp_path, f"(lambda pb: ({expression}))(self.pb)") == text


@pytest_twisted.ensureDeferred
async def test_a_missing_name_of_a_block_is_a_key_error(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", "debug = true")
    answer = await asked(tmp_path, "return self.pb['none']")
    assert (answer.status, "KeyError" in answer.text) == (500, True)


@pytest_twisted.ensureDeferred
async def test_reqpb_has_the_request_line(tmp_path: Path) -> None:
    text = await shown(tmp_path, "dict(self.rq.reqpb)", "/x/a%20b?q=%41")
    assert text == str(
        {
            "method": "GET",
            "uri": "/x/a b",
            "query": "q=%41",
            "protocol": "HTTP/1.1",
            "clf-request": "GET /x/a%20b?q=%41 HTTP/1.1",
        }
    )


@pytest_twisted.ensureDeferred
async def test_headers_and_request_header_give_the_fields_that_came(tmp_path: Path) -> None:
    text = await shown(
        tmp_path,
        "(self.rq.headers['x-one'], self.rq.headers.findval('x-two'), self.rq.request_header('X-ONE', self.sn), "
        "self.rq.request_header('x-two', self.sn))",
        headers={"X-One": "1"},
    )
    assert text == "('1', None, '1', None)"


@pytest_twisted.ensureDeferred
async def test_srvhdrs_are_the_fields_of_the_answer_until_it_starts(tmp_path: Path) -> None:
    answer = await asked(
        tmp_path,
        "self.rq.srvhdrs['X-Own'] = 'mine'\nself.rq.srvhdrs.nvinsert('Set-Cookie', ['a=1', 'b=2'])\n"
        "self.rq.start_response(self.sn)\nself.rq.srvhdrs['X-Late'] = 'late'\nreturn 'a'",
    )
    assert (answer.headers["x-own"], answer.headers["set-cookie"]) == ("mine", "a=1, b=2")
    assert "x-late" not in answer.headers


@pytest_twisted.ensureDeferred
async def test_a_field_that_would_break_the_head_is_refused(tmp_path: Path) -> None:
    answer = await asked(tmp_path, "self.rq.srvhdrs['X'] = 'a\\r\\nSet-Cookie: b=1'\nreturn 'a'")
    assert answer.status == 500
    assert "set-cookie" not in answer.headers


@pytest_twisted.ensureDeferred
async def test_protocol_status_sets_the_status(tmp_path: Path) -> None:
    answer = await asked(tmp_path, "self.rq.protocol_status(self.sn, 201)\nreturn 'made'")
    assert (answer.status, answer.text) == (201, "made")
    assert (await asked(tmp_path, "self.rq.protocol_status(self.sn, 99)")).status == 500


@pytest_twisted.ensureDeferred
async def test_vars_have_the_paths(tmp_path: Path) -> None:
    text = await shown(tmp_path, "[self.rq.vars[name] for name in ('path-info', 'path', 'path-translated')]", "/x/a")
    assert text == str(["/a", str(tmp_path / "x.py"), str(tmp_path / "a")])
    known = "[self.rq.vars.findval(name) for name in ('auth-user', 'auth-type')]"
    assert await shown(tmp_path, known) == "[None, None]"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_sn_client_gives_address_and_name(tmp_path: Path) -> None:
    text = await shown(tmp_path, "(lambda c: (c['ip'], c.findval('dns'), c.findval('no'), *c))(self.sn.client())")
    assert text == "('127.0.0.1', '127.0.0.1', None, '127.0.0.1', '127.0.0.1')"


@pytest_twisted.ensureDeferred
async def test_session_dns_gives_the_name_or_the_address(tmp_path: Path) -> None:
    name, again = (await shown(tmp_path, "self.sn.session_dns() + ' ' + self.sn.client().dns")).split()
    assert name == again
    assert name


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_net_read_and_form_data_take_the_body_piece_by_piece(tmp_path: Path) -> None:
    text = await shown(
        tmp_path,
        "(self.sn.net_read(2), self.sn.form_data(3), self.sn.net_read(100), self.sn.net_read(1))",
        method="POST",
        headers={"Content-Type": "text/plain"},
        body=b"abcdefg",
    )
    assert text == "(b'ab', 'cde', b'fg', b'')"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_net_write_sends_text_and_bytes(tmp_path: Path) -> None:
    answer = await asked(tmp_path, "n = self.sn.net_write('ü')\nself.sn.net_write(b'b')\nreturn f' {n}'")
    assert answer.text == "üb 2"


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("req.method, req.uri, req.args, req.protocol, req.path_info", "('POST', '/x/a b', 'q=1', 'HTTP/1.1', '/a b')"),
        ("req.unparsed_uri", "/x/a%20b?q=1"),
        ("req.hostname, req.client, req.user", "('127.0.0.1', '127.0.0.1', '')"),
        ("req.headers_in['X-ONE'], req.cookies", "('1', {'c': '2'})"),
        ("req.form['q'], req.form['p'], list(req.files)", "('1', '3', [])"),
        ("req.options, req.environ['PATH_INFO']", "({'o': 1}, '/a b')"),
        ("req.filename.rpartition('/')[2]", "x.py"),
        ("req.read(), req.status, req.content_type", "(b'p=3', 200, '')"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_req_tells_of_the_request(tmp_path: Path, expression: str, text: str) -> None:
    write(tmp_path, "_folder.toml", "[options]\no = 1")
    headers = {"X-One": "1", "Cookie": "c=2", "Content-Type": "application/x-www-form-urlencoded"}
    expression = f"(lambda req: ({expression}))(self.req)"
    assert await shown(tmp_path, expression, "/x/a%20b?q=1", method="POST", headers=headers, body=b"p=3") == text


@pytest_twisted.ensureDeferred
async def test_req_makes_the_answer(tmp_path: Path) -> None:
    answer = await asked(
        tmp_path,
        "self.req.status = 202\nself.req.headers_out['X-A'] = 'b'\nself.req.write('one ')\n"
        "self.req.session.n = 1\nreturn 'two'",
    )
    assert (answer.status, answer.headers["x-a"], answer.text) == (202, "b", "one two")
    assert answer.headers["set-cookie"].startswith("sessionId=")
    answer = await asked(tmp_path, "self.req.write('dropped')\nself.req.redirect('/y', 303)")
    assert (answer.status, answer.headers["location"], answer.text) == (303, "/y", "")
