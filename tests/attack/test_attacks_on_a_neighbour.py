"""A real server with two sites. Whatever scripts of the one try, each attempt is stopped, by what is said to stop it;
the other site, its session, its files and its process are as they were, and so is the server."""

from __future__ import annotations

import ctypes
import http.client
import os
import shutil
import sys
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import pytest
import server_process
from assaults import ASSAULTS, ATTEMPT
from server_process import ANY_PORT, SERVE, Server, clean_environment, running

pytestmark = pytest.mark.process

SANDBOX_TESTS = Path(__file__).parent.parent / "scripts" / "sandbox"
sys.path.append(str(SANDBOX_TESTS))
cell = import_module("cell")

MODULES = ("escapes_files", "escapes_processes", "escapes_kernel", "escapes_network")
SETTINGS = """
sessions = "sqlite:sessions.db"
access_log = "access.log"
drain = "0s"

[sites.attacker]
hosts = ["attacker.example.org"]
root = "site"

[sites.attacker.storage]
quota = "1M"

[sites.victim]
hosts = ["victim.example.org"]
root = "neighbour"
"""
AT_FDCWD, RENAME_EXCHANGE = -100, 2  # include/uapi/linux/fcntl.h, fs.h
REFUSED_BEFORE = {"opening_a_file_by_its_handle": ("EACCES",)}
"""Attempts whose preparation, that the cell does outside of the sandbox, is refused in a worker already."""
VISITS = "s = Session()\ns.n = getattr(s, 'n', 0) + 1\nprint(s.n)\n"


class Place(NamedTuple):
    """The server, its folder, and who is to be harmed."""

    server: Server
    folder: Path
    log: list[str]
    victim: int
    """Its process."""
    cookie: str
    """Of the visitor of the victim."""

    def ask(self, site: str, path: str, **headers: str) -> tuple[int, str]:
        """Status and text of a page; 0 where the answer breaks off."""
        try:
            return self.server.get(path, Host=f"{site}.example.org", **headers)
        except (OSError, http.client.HTTPException):
            return 0, ""

    def logged(self, words: str, since: int) -> bool:
        """Whether the log says so after its line `since`: it comes by a thread, a little later."""
        end = time.monotonic() + 20
        while not any(words in line for line in self.log[since:]):
            if time.monotonic() > end:
                return False
            time.sleep(0.01)
        return True


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("attack")
    (folder / "server.toml").write_text(SETTINGS)
    for name in ("site", "neighbour"):
        (folder / name).mkdir()
    for module in (*MODULES, "attempts", "cell"):
        shutil.copy(SANDBOX_TESTS / f"{module}.py", folder / "site")
    (folder / "site" / "attempt.py").write_text(ATTEMPT)
    (folder / "site" / "page.py").write_text("print('hello')")
    (folder / "site" / "linked").symlink_to("../neighbour")
    (folder / "site" / "impatient").mkdir()
    (folder / "neighbour" / "secret").write_text(cell.SECRET)
    (folder / "neighbour" / "visits.py").write_text(VISITS)
    (folder / "neighbour" / "pid.py").write_text("import os\nprint(os.getpid())")
    environ = clean_environment(SECRET_OF_THE_SERVER="secret")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(server_process, "PATIENCE", 400.0)
        with running(*SERVE, "--settings", str(folder / "server.toml"), *ANY_PORT, env=environ) as server:
            log: list[str] = []
            pump = threading.Thread(target=lambda: log.extend(iter(server.process.stdout.readline, "")), daemon=True)  # type: ignore[union-attr]  # it is a pipe
            pump.start()
            place = Place(server, folder, log, 0, "")
            victim = int(place.ask("victim", "pid")[1])
            request = urllib.request.Request(server.url + "visits", headers={"Host": "victim.example.org"})
            with urllib.request.urlopen(request) as answer:
                cookie = answer.headers["Set-Cookie"].partition(";")[0]
            yield place._replace(victim=victim, cookie=cookie)
            server.process.kill()
            pump.join()


@pytest.fixture(autouse=True)
def nobody_is_harmed(place: Place) -> Iterator[None]:
    """The victim answers as before, from the same process; its file and its visitor's session are as they were."""
    n = int(place.ask("victim", "visits", Cookie=place.cookie)[1])
    yield
    assert place.ask("victim", "pid") == (200, f"{place.victim}\n")
    assert place.ask("victim", "visits", Cookie=place.cookie) == (200, f"{n + 1}\n")
    assert [path.name for path in sorted((place.folder / "neighbour").glob("[!_]*.*"))] == ["pid.py", "visits.py"]
    assert (place.folder / "neighbour" / "secret").read_text() == cell.SECRET
    assert place.server.process.poll() is None
    assert not any("Traceback" in line for line in place.log)


ESCAPES = [
    (module, name)
    for module in MODULES
    for name, attempt in import_module(module).ATTEMPTS.items()
    # What is for a policy that sites do not have here is tried in the cell only.
    if not attempt.policy
]


@pytest.mark.parametrize(("module", "name"), ESCAPES, ids=[name for _, name in ESCAPES])
def test_no_way_out_of_a_site(place: Place, module: str, name: str) -> None:
    attempt = import_module(module).ATTEMPTS[name]
    begun = len(place.log)
    words = {
        "root": str(place.folder / "site"),
        "module": module,
        "name": name,
        "outside": str(place.folder / "neighbour"),
        "victim": str(place.victim),
    }
    status, text = place.ask("attacker", "attempt?" + urllib.parse.urlencode(words))
    stops = set(attempt.stopped_by.values()) | set(REFUSED_BEFORE.get(name, ()))
    if status == 502:
        assert any(place.logged(f"killed by {stop}", begun) for stop in stops if stop.startswith("SIG"))
    else:
        assert status == 200, place.log[begun:]
        assert text.strip() in stops


@pytest.mark.parametrize("name", ASSAULTS)
def test_no_assault_succeeds(place: Place, name: str) -> None:
    assault = ASSAULTS[name]
    words = {
        "PLACE": str(place.folder),
        "SERVER": str(place.server.process.pid),
        "PORT": place.server.url.rstrip("/").rpartition(":")[2],
        "SESSION": place.cookie.partition("=")[2],
    }
    script = assault.script
    for word, value in words.items():
        script = script.replace(word, value)
    path = "impatient/assault" if assault.impatient else "assault"
    (place.folder / "site" / f"{path}.py").write_text(script)
    for seconds in (0.3, 1, 3, 10):
        (place.folder / "site" / "impatient" / "_folder.toml").write_text(f"timeout = '{seconds}s'")
        begun = len(place.log)
        status, text = place.ask("attacker", path)
        # On a busy machine it may have had no turn, and then nothing was there to be cut.
        if status != 504 or assault.outcome != "cut":
            break
    outcome = text.strip() if status == 200 else "cut" if status == 0 else str(status)
    assert outcome in assault.outcome.split("|")
    assert not assault.logged or place.logged(assault.logged, begun)


def test_a_link_that_is_swapped_while_the_server_writes_leads_nowhere(place: Place) -> None:
    site, done = place.folder / "site", threading.Event()
    (site / "_swapped").mkdir()
    (site / "_other").symlink_to("../neighbour")
    (site / "swap.py").write_text(
        "from collections import Counter\n"
        "seen = Counter()\n"
        "for turn in range(500):\n"
        "    try: storage.write('/_swapped/secret', 'stolen')\n"
        "    except OSError as error: seen[type(error).__name__] += 1\n"
        "    else: seen['written'] += 1\n"
        "known = {'written', 'PermissionError', 'FileNotFoundError', 'NotADirectoryError', 'OSError'}\n"
        "print(sum(seen.values()), *set(seen) - known)\n"
    )

    libc = ctypes.CDLL(None, use_errno=True)
    names = [os.fsencode(site / name) for name in ("_swapped", "_other")]

    def swap() -> None:
        while not done.is_set():
            assert not libc.renameat2(AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        assert place.ask("attacker", "swap") == (200, "500\n")
    finally:
        done.set()
        swapping.join()
    assert (place.folder / "neighbour" / "secret").read_text() == cell.SECRET


def test_the_log_holds_no_forged_line_and_no_control_character(place: Place) -> None:
    for name in ("forging lines of the log", "colours and bells in the log"):
        (place.folder / "site" / "shout.py").write_text(ASSAULTS[name].script)
        assert place.ask("attacker", "shout") == (200, "sent\n")
    assert place.logged("RED", 0)
    assert [line for line in place.log if "FORGED" in line]
    assert [line for line in place.log if line.startswith("2026-01-01")] == []
    assert [line for line in place.log if "\x1b" in line or "\x07" in line] == []


def test_there_are_more_than_eighty_attempts() -> None:
    assert len(ESCAPES) + len(ASSAULTS) >= 130


def test_the_server_holds_nothing_of_all_that(place: Place) -> None:
    """After all attacks, which are before this one: no more descriptors than a few processes need, nobody left over."""
    pid = place.server.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    assert len(children) == 1
    workers = Path(f"/proc/{children[0]}/task/{children[0]}/children").read_text().split()
    assert len(workers) <= 16
    assert len(os.listdir(f"/proc/{pid}/fd")) < 60
