"""Several sites on one server, seen by clients: who gets which, and that nothing of one is seen in another."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from certificates import self_signed
from server_process import ANY_PORT, PATIENCE, SERVE, Server, run, running

from twistedsite.tap.check import check

pytestmark = pytest.mark.process

VISITS = "s = Session()\ns.visits = getattr(s, 'visits', 0) + 1\nprint(s.visits)\n"

SETTINGS = """
sessions = "sqlite:sessions.db"
drain = "0s"

[sites.ann]
hosts = ["ann.example.org", "*.ann.example.org", "[::1]"]
root = "ann"
isolation = "ISOLATION"

[sites.bob]
hosts = ["bob.example.org", "127.0.0.1"]
root = "bob"
isolation = "ISOLATION"
debug = true
options = { word = "of bob" }

[sites.eve]
hosts = ["eve.example.org"]
root = "eve"
scripts = false
listing = false
"""


@pytest.fixture(scope="module", params=["threads", "workers"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three sites and the settings of a server for them."""
    folder = tmp_path_factory.mktemp("place")
    (folder / "server.toml").write_text(SETTINGS.replace("ISOLATION", request.param))
    for name in ("ann", "bob", "eve"):
        root = folder / name
        root.mkdir()
        (root / "index.html").write_text(f"<h1>{name}</h1>")
        (root / "only-here.txt").write_text(name)
        (root / "helper.py").write_text(f"name = {name!r}\n")
        (root / "who.py").write_text("import helper\nprint(helper.name, SERVER_NAME, HTTP_HOST)\n")
        (root / "visits.py").write_text(VISITS)
        (root / "fail.py").write_text("1 / 0\n")
        (root / "word.py").write_text("print(options.get('word', 'none'))\n")
    (folder / "bob" / "bobs.txt").write_text("bob's")
    (folder / "eve" / "empty").mkdir()
    return folder


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    """It serves them."""
    with running(*SERVE, "--settings", str(place / "server.toml"), *ANY_PORT, "--access-log", "off") as server:
        yield server


def raw(server: Server, request: bytes) -> str:
    """The whole answer to `request`, which is to ask for the connection to be closed."""
    port = int(server.url.rstrip("/").rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(request)
        return client.makefile("rb").read().decode()


@pytest.mark.parametrize(
    ("host", "site"),
    [
        ("ann.example.org", "ann"),
        ("ANN.Example.ORG", "ann"),
        ("ann.example.org.", "ann"),
        ("ann.example.org:1234", "ann"),
        ("any.name.ann.example.org", "ann"),
        ("[::1]", "ann"),
        ("[0:0::1]:80", "ann"),
        ("bob.example.org", "bob"),
        ("127.0.0.1", "bob"),
        ("127.0.0.1:80", "bob"),
    ],
)
def test_the_host_decides(server: Server, host: str, site: str) -> None:
    assert server.get(Host=host) == (200, f"<h1>{site}</h1>")
    assert server.get("who", Host=host)[1].split()[0] == site


def test_the_hosts_of_one_file_take_turns_on_one_connection(server: Server) -> None:
    ask = "GET /only-here.txt HTTP/1.1\r\nHost: {}.example.org\r\n\r\n"
    names = ["ann", "bob", "eve", "bob", "ann", "ann", "eve"]
    for _ in range(2):
        answers = raw(server, b"".join(ask.format(name).encode() for name in names) + CLOSE)
        assert re.findall(r"^(ann|bob|eve)", answers, re.M) == [*names, "bob"]


CLOSE = b"GET /only-here.txt HTTP/1.1\r\nHost: bob.example.org\r\nConnection: close\r\n\r\n"


def test_the_host_of_an_absolute_uri_wins(server: Server) -> None:
    request = b"GET http://BOB.example.org/only-here.txt HTTP/1.1\r\nHost: ann.example.org\r\nConnection: close\r\n\r\n"
    assert raw(server, request).endswith("\r\n\r\nbob")


@pytest.mark.parametrize("host", ["nobody.example.org", "example.org", "xann.example.org", "[::2]", "ann", "a" * 300])
def test_an_unknown_host_gets_a_page_of_its_own(server: Server, host: str) -> None:
    status, page = server.get("only-here.txt", Host=host, Accept="text/html")
    assert status == 404
    assert "This server has no site of this name." in page
    assert "home page" not in page
    status, document = server.get(Host=host, Accept="application/json")
    assert (status, json.loads(document)["detail"]) == (404, "This server has no site of this name.")
    status, text = server.get(Host=host, Accept="text/plain")
    assert (status, text.splitlines()[2]) == (404, "This server has no site of this name.")


def test_a_request_without_a_host_has_no_site(server: Server) -> None:
    assert raw(server, b"GET / HTTP/1.0\r\n\r\n").startswith("HTTP/1.1 404 ")


@pytest.mark.parametrize("host", ["a b", "a,b/c", "ann.example.org:x", "ann.example.org:99999", "u@ann.example.org"])
def test_a_host_that_is_none_is_a_bad_request(server: Server, host: str) -> None:
    request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    assert raw(server, request.encode()).startswith("HTTP/1.1 400 ")


def test_a_site_has_the_files_of_its_own_folder_only(server: Server) -> None:
    for _ in range(2):
        assert server.get("bobs.txt", Host="bob.example.org") == (200, "bob's")
        assert server.get("bobs.txt", Host="ann.example.org")[0] == 404


def test_scripts_import_their_own_neighbours(server: Server) -> None:
    assert server.get("who", Host="ann.example.org")[1] == "ann ann.example.org ann.example.org\n"
    assert server.get("who", Host="bob.example.org:81")[1] == "bob bob.example.org bob.example.org:81\n"


def test_what_a_site_says_of_itself_holds_for_it_alone(server: Server) -> None:
    assert "ZeroDivisionError" in server.get("fail", Host="bob.example.org", Accept="text/html")[1]
    assert "ZeroDivisionError" not in server.get("fail", Host="ann.example.org", Accept="text/html")[1]
    assert server.get("word", Host="bob.example.org")[1] == "of bob\n"
    assert server.get("word", Host="ann.example.org")[1] == "none\n"
    assert server.get("fail.py", Host="eve.example.org") == (200, "1 / 0\n")
    assert server.get("empty/", Host="eve.example.org")[0] == 403
    assert server.get("empty/", Host="ann.example.org")[0] == 404


def test_a_session_of_one_site_is_nothing_in_another(server: Server) -> None:
    def visit(host: str, cookie: str) -> tuple[str, str]:
        head, _, body = raw(
            server, f"GET /visits HTTP/1.0\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode()
        ).partition("\r\n\r\n")
        given = re.search(r"^set-cookie: ([^;]+)", head, re.M | re.I)
        return body.strip(), given[1] if given else cookie

    visits, cookie = visit("ann.example.org", "")
    assert (visits, visit("ann.example.org", cookie)[0]) == ("1", "2")
    elsewhere, other = visit("bob.example.org", cookie)
    assert elsewhere == "1"
    assert other != cookie
    assert visit("ann.example.org", cookie)[0] == "3"


def test_health_tells_of_each_site_that_was_asked_for(server: Server, place: Path) -> None:
    server.get("who", Host="ann.example.org")
    for host in ("ann.example.org", "nobody.example.org"):
        status, text = server.get(".well-known/scriptsite-health", Host=host)
        health = json.loads(text)
        assert (status, health["status"], health["count"]) == (200, "ok", 3)
        ann = health["sites"]["ann"]
        assert f'isolation = "{ann["isolation"]}"' in (place / "server.toml").read_text()
        assert ann["scripts"]["queued"] == 0
        assert ("workers" if ann["isolation"] == "workers" else "threads") in ann["scripts"]
        assert "sandbox" in health["sandbox"]


def test_the_line_at_the_start_tells_of_the_sites(server: Server) -> None:
    (line,) = [line for line in server.lines if "Serving" in line]
    assert "Serving 3 sites (with scripts in " in line
    assert "in debug mode: bob)" in line


def test_root_is_the_site_of_all_other_hosts(place: Path) -> None:
    options = ("--settings", str(place / "server.toml"), "--root", str(place / "eve"))
    with running(*SERVE, *options, *ANY_PORT, "--access-log", "off") as server:
        assert server.get("only-here.txt", Host="bob.example.org") == (200, "bob")
        assert server.get("only-here.txt", Host="nobody.example.org") == (200, "eve")
        assert server.get("only-here.txt", Host="nobody.example.org") == (200, "eve")
        assert list(json.loads(server.get(".well-known/scriptsite-health")[1])["sites"]) == ["bob", "site"]


def test_the_access_log_tells_the_host(place: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with running(*SERVE, "--settings", str(place / "server.toml"), *ANY_PORT, "--access-log", str(log)) as server:
        server.get("only-here.txt", Host="ANN.example.org:81")
        server.get("who", Host="bob.example.org")
        server.get("only-here.txt", Host="nobody.example.org")
        raw(server, b"GET /only-here.txt HTTP/1.0\r\n\r\n")
        raw(server, b"NONSENSE\r\n\r\n")
        server.stop()
    lines = [line.split(" - - ")[0] for line in log.read_text().splitlines()]
    hosts = ["ann.example.org:81", "bob.example.org", "nobody.example.org", "-", "-"]
    assert lines == [f"{host} 127.0.0.1" for host in hosts]


IN_A = '[sites.a]\nroot = "ann"\nhosts = ["a.org"]\n'
FAULTS = [
    ('[workers]\nuids = "9-1"\n', "workers.uids: expected two numbers of users"),
    (
        '[sites.a]\nroot = "ann"\nhosts = ["a.org"]\nworkers = { uid = 7 }\n'
        '[sites.b]\nroot = "bob"\nhosts = ["b.org"]\nworkers = { uid = 7 }\n',
        "sites.b.workers.uid: 7 is the user of sites.a already",
    ),
    ('[sites.a]\nroot = "ann"\nhosts = ["a.org"]\nworkers = { uid = 0 }\n', "sites.a.workers.uid: expected a whole"),
    ('[sites.a]\nhosts = ["a.org"]\n', "sites.a.root: no folder given to serve"),
    ('[sites.a]\nroot = "ann"\n', "sites.a.hosts: expected one host at least"),
    ('[sites.a]\nroot = "ann"\nhosts = ["a.org:80"]\n', "sites.a.hosts: expected a host without a port"),
    ('[sites.a]\nroot = "nix"\nhosts = ["a.org"]\n', "sites.a.root: FOLDER/nix: there is no such folder"),
    (
        '[sites.a]\nroot = "ann"\nhosts = ["a.org"]\ntimout = "1s"\n',
        "sites.a.timout: unknown key; known here: auth, au",
    ),
    ('[sites.a]\nroot = "ann"\nhosts = ["a.org"]\n[sites.a.workers]\nqueue = 0\n', "sites.a.workers.queue: expected a"),
    (IN_A + 'max_body = "big"\n', "sites.a.max_body: expected"),
    (IN_A + "[sites.a.forms]\nfields = 0\n", "sites.a.forms.fields: expected a whole number >= 1"),
    (IN_A + "forms = { max = 1 }\n", "sites.a.forms.max: unknown key; known here: field_size, fields, memory, part_he"),
    (IN_A + "background = { in_flight = 1 }\n", "sites.a.background.in_flight: unknown key; known here: connect, dep"),
    (IN_A + 'background = { timeout = "soon" }\n', "sites.a.background.timeout: expected"),
    (IN_A + "auth = { attempts = -1 }\n", "sites.a.auth.attempts: expected 0 or more"),
    (IN_A + "auth = { queue = 1 }\n", "sites.a.auth.queue: unknown key; known here: attempts, lockout, remember, win"),
    (IN_A + 'storage = { writable = ["../x"] }\n', "sites.a.storage.writable: expected paths from the site's root"),
    ('[sites."a b"]\nroot = "ann"\nhosts = ["a.org"]\n', "sites.a b: expected a name of at most 63 letters"),
    ('[sites.site]\nroot = "ann"\nhosts = ["a.org"]\n', "sites.site: this name is that of the server's own root"),
    (
        '[sites.a]\nroot = "ann"\nhosts = ["x.org"]\n[sites.b]\nroot = "bob"\nhosts = ["X.org."]\n',
        "sites.b.hosts: x.org is a host of sites.a already",
    ),
]


@pytest.mark.parametrize(("text", "problem"), FAULTS, ids=[problem.split(":")[0] for _, problem in FAULTS])
def test_a_fault_in_a_site_is_one_line_at_the_start_and_in_the_check(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "ann").mkdir()
    (tmp_path / "bob").mkdir()
    (tmp_path / "s.toml").write_text(text)
    ended = run(*SERVE, "--settings", "s.toml", *ANY_PORT, cwd=tmp_path)
    (line,) = ended.stderr.splitlines()
    assert (ended.returncode, line[: len("scriptsite: s.toml: ")]) == (1, "scriptsite: s.toml: ")
    assert problem.replace("FOLDER", str(tmp_path)) in line
    assert any(problem.replace("FOLDER/", "") in str(fault) for fault in check(str(tmp_path / "s.toml")).faults)


def test_http2_tells_the_site_by_its_authority(place: Path, tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    pem.write_bytes(self_signed("ann.example.org"))
    listen = f"ssl:0:privateKey={pem}:certKey={pem}:interface=127.0.0.1"
    options = ("--settings", str(place / "server.toml"), "--listen", listen, "--access-log", "off", "--http2")
    with running(*SERVE, *options) as server:
        port = server.url.rstrip("/").rpartition(":")[2]

        def curl(host: str) -> str:
            command = ["curl", "--silent", "--insecure", "--http2", "--write-out", " %{http_version} %{http_code}"]
            command += ["--resolve", f"{host}:{port}:127.0.0.1", f"https://{host}:{port}/only-here.txt"]
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout

        assert curl("ann.example.org") == "ann 2 200"
        assert curl("BOB.example.org") == "bob 2 200"
        assert curl("nobody.example.org").endswith(" 2 404")
