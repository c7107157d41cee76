"""A server of root gives each site's processes a user of their own: what that holds, and what is said where it cannot.

The tests run as root, as the machines of the project's tests do; others have no users to give.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from server_process import ANY_PORT, SERVE, TWISTD, Server, run, running

from twistedsite.scripts.runners.workers.server.users import closed_to

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can run processes as other users"),
    pytest.mark.process,
]

OPEN = """
closed=$1 base=$2; shift 2
mount --make-rprivate /
aside=$(mktemp -d)
mount --bind "$base" "$aside"
mount -t tmpfs -o mode=755 tmpfs "$closed"
mkdir -p "$base"
mount --move "$aside" "$base"
rmdir "$aside"
exec "$@"
"""
SETTINGS = """
drain = "0s"

[workers]
uids = "200000-265535"

[sites.ann]
hosts = ["ann.example.org"]
root = "ann"

[sites.bob]
hosts = ["bob.example.org"]
root = "bob"

[sites.eve]
hosts = ["eve.example.org"]
root = "eve"
workers = { uid = 70001, exec = true }
"""
WHO = "import os\nprint(os.getuid(), os.getgid(), *os.getgroups(), *set(os.getresuid()))\n"
KEEP = """
import os, tempfile
os.umask(0)
path = os.path.join(tempfile.gettempdir(), "kept.txt")
with open(path, "w") as file:
    file.write("ann's")
print(path, os.stat(path).st_uid)
"""
READ = """
import os, subprocess
path = form["path"]
own = os.path.dirname(path)
for attempt in (lambda: open(path), lambda: os.listdir(own), lambda: os.listdir(os.path.dirname(own))):
    try:
        attempt()
        print("done")
    except PermissionError:
        print("refused")
"""
SIGNAL = """
import os
try:
    os.kill(int(form["pid"]), 9)
    print("done")
except PermissionError:
    print("refused")
"""
PROGRAM = "import subprocess\nprint(subprocess.check_output(['/usr/bin/id', '-u'], text=True))\n"


UPLOAD = """
upload = files["file"]
content = upload.file.read()
s = Session()
s.bytes = getattr(s, "bytes", 0) + len(content)
print(len(content), s.bytes)
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Three sites, their folders open to all, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="users-of-sites-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "server.toml").write_text(SETTINGS)
        for name in ("ann", "bob", "eve"):
            (folder / name).mkdir()
            for script, text in (("who", WHO), ("keep", KEEP), ("read", READ), ("signal", SIGNAL), ("id", PROGRAM)):
                (folder / name / f"{script}.py").write_text(text)
            (folder / name / "upload.py").write_text(UPLOAD)
            (folder / name / "page.jinja").write_text("{{ 6 * 7 }}")
            (folder / name / "pid.py").write_text("import os\nprint(os.getpid())\n")
        yield folder


def with_open_python(*command: str) -> tuple[str, ...]:
    """`command`, run so that the Python of these tests can be loaded by every user, wherever it is installed."""
    closed = closed_to(sys.base_prefix, 65_534)
    return ("unshare", "--mount", "sh", "-ec", OPEN, "sh", closed, sys.base_prefix, *command) if closed else command


@pytest.fixture(scope="module", params=["required", "off"])
def server(place: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """It serves them, with the rest of the sandbox and without."""
    options = ("--settings", str(place / "server.toml"), "--sandbox", request.param, "--access-log", "off")
    with running(*with_open_python(*SERVE), *options, *ANY_PORT) as server:
        yield server


def says(server: Server, site: str, path: str) -> str:
    status, text = server.get(path, Host=f"{site}.example.org")
    assert status == 200
    return text.strip()


def test_each_site_is_a_user_of_its_own(server: Server) -> None:
    ann, bob, eve = (says(server, site, "who").split() for site in ("ann", "bob", "eve"))
    assert eve == ["70001"] * 3
    assert len({ann[0], bob[0], eve[0]}) == 3
    for numbers in (ann, bob):
        assert 200_000 <= int(numbers[0]) <= 265_535
        assert numbers == [numbers[0]] * 3  # user and group, no other groups, no other user to go back to


def test_a_temporary_folder_is_closed_to_the_other_sites(server: Server) -> None:
    path, owner = says(server, "ann", "keep").split()
    assert owner == says(server, "ann", "who").split()[0]
    assert oct(os.stat(os.path.dirname(path)).st_mode & 0o777) == "0o700"
    assert says(server, "bob", f"read?path={path}").split() == ["refused"] * 3
    assert says(server, "ann", f"read?path={path}").split()[0] == "done"


def test_a_site_cannot_signal_another(server: Server) -> None:
    pid = says(server, "bob", "pid")
    assert says(server, "ann", f"signal?pid={pid}") == "refused"
    assert says(server, "bob", "pid") == pid


def test_a_program_runs_as_the_sites_user(server: Server) -> None:
    assert says(server, "eve", "id") == "70001"


def test_uploads_sessions_and_templates_work_as_the_sites_user(server: Server, tmp_path: Path) -> None:
    size = 300_000
    (tmp_path / "file").write_bytes(b"x" * size)
    jar = str(tmp_path / "jar")
    for total in (size, 2 * size):
        command = ["curl", "--silent", "--fail", "--cookie", jar, "--cookie-jar", jar, "--form", "file=@file"]
        command += ["--header", "Host: ann.example.org", server.url + "upload"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert done.stdout == f"{size} {total}\n"
    assert says(server, "ann", "page") == "42"


def test_the_user_is_the_same_after_a_restart(server: Server, place: Path) -> None:
    before = says(server, "ann", "who")
    with running(
        *with_open_python(*SERVE), "--settings", str(place / "server.toml"), "--access-log", "off", *ANY_PORT
    ) as other:
        assert says(other, "ann", "who") == before


def test_health_says_what_holds_for_each_site(server: Server) -> None:
    uid = int(says(server, "ann", "who").split()[0])
    says(server, "eve", "who")
    health = json.loads(server.get(".well-known/scriptsite-health")[1])
    held = {name: (site["uid"], site["granted"]) for name, site in health["sites"].items() if name != "bob"}
    assert held == {"ann": (uid, []), "eve": (70001, ["exec"])}
    sandbox = health["sandbox"]
    assert "own user (uid 200000)" in sandbox or sandbox.startswith("sandbox off")


def test_one_site_by_root_has_a_user_too(place: Path, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('isolation = "workers"\n[workers]\nuids = "300000-300000"\n')
    options = ("--settings", str(tmp_path / "s.toml"), "--root", str(place / "ann"))
    with running(*with_open_python(*SERVE), *options, *ANY_PORT, "--access-log", "off") as server:
        assert server.get("who")[1].split()[0] == "300000"


def test_a_folder_that_the_user_cannot_enter_is_named_with_what_to_do(place: Path) -> None:
    closed = place / "closed"
    (closed / "site").mkdir(parents=True)
    (closed / "site" / "who.py").write_text(WHO)
    closed.chmod(0o700)
    (place / "closed.toml").write_text(
        '[workers]\nuids = "200000-200009"\n[sites.shut]\nhosts = ["localhost"]\nroot = "closed/site"\n'
    )
    with running(
        *with_open_python(*SERVE), "--settings", str(place / "closed.toml"), "--access-log", "off", *ANY_PORT
    ) as server:
        status, _ = server.get("who", Host="localhost")
        output = server.stop()
    assert status != 200
    assert f"who cannot enter {closed}: say chmod o+x {closed}, or setfacl -m u:20000" in output


@pytest.mark.parametrize("command", [TWISTD, SERVE], ids=["twistd --uid", "a user"])
def test_a_server_that_is_not_root_cannot_give_users(command: tuple[str, ...], place: Path) -> None:
    options = ("--settings", str(place / "server.toml"), *ANY_PORT, "--access-log", "off")
    if command == TWISTD:
        ended = run(*with_open_python(*command[:-1]), "--uid", "65534", "--gid", "65534", command[-1], *options)
    else:
        changed = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        ended = run(*with_open_python(*changed, *command), *options)
    assert ended.returncode == 1
    assert "workers.uids: needs a server that runs as root, and goes on doing so, or has CAP_CHOWN CAP_DAC" in (
        ended.stdout + ended.stderr
    )


def test_a_python_that_the_users_cannot_load_is_named(place: Path) -> None:
    closed = place / "closed-lib"
    closed.mkdir(mode=0o700)
    code = f"import os; os.__file__ = {str(closed / 'os.py')!r}\nfrom twistedsite.tap.command import main\nmain()"
    program = (sys.executable, "-c", code, "serve", "--settings", str(place / "server.toml"), *ANY_PORT)
    ended = run(*with_open_python(*program))
    assert ended.returncode == 1
    assert f"workers.uids: user 200000 cannot enter {closed}, and so not load {closed}" in ended.stdout + ended.stderr


def test_capabilities_stand_for_root(place: Path) -> None:
    names = ("chown", "dac_override", "fowner", "kill", "setgid", "setuid")
    caps = ",".join(f"+{name}" for name in names)
    changed = (
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--no-new-privs",
        f"--inh-caps={caps}",
        f"--ambient-caps={caps}",
    )
    options = ("--settings", str(place / "server.toml"), *ANY_PORT, "--access-log", "off")
    with running(*with_open_python(*changed, *SERVE), *options) as server:
        assert Path(f"/proc/{server.process.pid}").stat().st_uid == 65534
        uid = says(server, "ann", "who").split()[0]
        assert 200_000 <= int(uid) <= 265_535
        assert says(server, "ann", "keep").split()[1] == uid
        folder = Path(says(server, "ann", "keep").split()[0]).parent.parent
        process = Path("/proc", says(server, "ann", "pid"))
        assert process.exists()
        assert "Traceback" not in server.stop()
    assert not folder.exists()
    assert not process.exists()
