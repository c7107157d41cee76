"""What one site says of its processes and its time holds for it, and not for the site beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from server_process import ANY_PORT, SERVE, Server, running

pytestmark = pytest.mark.process

SETTINGS = {
    "plain": "",
    "narrow": "workers = { max_workers = 1, queue = 1 }",
    "fresh": 'workers = { reuse = "per-request" }',
    "worn": "workers = { max_requests = 2 }",
    "brief": 'workers = { idle = "20ms" }',
    "small": 'workers = { memory = "60M" }',
    "readonly": "storage = { writable = [] }",
    "tight": 'storage = { quota = "4K" }',
    "quick": 'timeout = "300ms"',
    "few": 'isolation = "threads"\nthreads = 1',
}
WAIT = """
import os, time
end = time.monotonic() + 20
while not os.path.exists(os.path.join(os.path.dirname(__file__), "go")) and time.monotonic() < end:
    time.sleep(0.01)
print("done")
"""
KEEP = """
try:
    storage.write("_kept.txt", "x" * 2_000)
    storage.write("_more.txt", "x" * 200_000)
    print("kept")
except OSError as error:
    print(type(error).__name__)
"""
SCRIPTS = {
    "pid": "import os\nprint(os.getpid())\n",
    "wait": WAIT,
    "helper": "kept = b'x' * 80_000_000\n",
    "big": "import os, helper\nprint(os.getpid())\n",
    "keep": KEEP,
    "loop": "while True: pass\n",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a site for each limit."""
    folder = tmp_path_factory.mktemp("place")
    tables = [
        f'[sites.{name}]\nhosts = ["{name}.example.org"]\nroot = "{name}"\n{text}\n' for name, text in SETTINGS.items()
    ]
    (folder / "server.toml").write_text("\n".join(['drain = "0s"', *tables]))
    for name in SETTINGS:
        (folder / name).mkdir()
        for script, text in SCRIPTS.items():
            (folder / name / f"{script}.py").write_text(text)
    return folder


@pytest.fixture(scope="module")
def server(place: Path) -> Iterator[Server]:
    """It serves them."""
    with running(*SERVE, "--settings", str(place / "server.toml"), *ANY_PORT, "--access-log", "off") as server:
        yield server


def ask(server: Server, site: str, path: str) -> tuple[int, str]:
    return server.get(path, Host=f"{site}.example.org")


def pids(server: Server, site: str, count: int) -> list[str]:
    return [ask(server, site, "pid")[1] for _ in range(count)]


def test_a_full_queue_of_one_site_refuses_there_and_nowhere_else(server: Server, place: Path) -> None:
    with ThreadPoolExecutor(5) as clients:
        asked = [clients.submit(ask, server, "narrow", "wait") for _ in range(5)]
        refused = 0
        while refused < 3:
            refused = sum(one.done() and one.result()[0] == 503 for one in asked)
            time.sleep(0.01)
        assert ask(server, "plain", "pid")[0] == 200
        (place / "narrow" / "go").touch()
        assert sorted(one.result()[0] for one in asked) == [200, 200, 503, 503, 503]


def test_each_sites_processes_live_as_long_as_it_says(server: Server) -> None:
    assert len(set(pids(server, "plain", 4))) == 1
    assert len(set(pids(server, "fresh", 4))) == 4
    first, second, third, fourth = pids(server, "worn", 4)
    assert first == second != third == fourth


def test_an_idle_process_ends_after_its_sites_time(server: Server) -> None:
    (kept,) = pids(server, "plain", 1)
    (ended,) = pids(server, "brief", 1)
    pause = threading.Event()
    while Path("/proc", ended.strip()).exists():
        pause.wait(0.01)
    assert pids(server, "plain", 1) == [kept]


def test_a_process_that_has_grown_is_replaced_where_its_site_says_so(server: Server) -> None:
    (kept,) = {ask(server, "plain", "big")[1], *pids(server, "plain", 2)}
    assert kept.strip().isdigit()
    assert ask(server, "small", "big")[1] != pids(server, "small", 1)[0]


def test_a_script_is_stopped_by_its_own_sites_time(server: Server) -> None:
    assert ask(server, "quick", "loop")[0] == 504
    assert ask(server, "plain", "pid")[0] == 200


def test_a_site_in_threads_that_is_full_holds_no_other_up(server: Server, place: Path) -> None:
    with ThreadPoolExecutor(2) as clients:
        asked = [clients.submit(ask, server, "few", "wait") for _ in range(2)]
        for other in ("plain", "worn"):
            assert ask(server, other, "pid")[0] == 200
        assert not any(one.done() for one in asked)
        (place / "few" / "go").touch()
        assert [one.result()[0] for one in asked] == [200, 200]


def test_what_a_site_may_write_is_its_own_matter(server: Server, place: Path) -> None:
    assert ask(server, "readonly", "keep") == (200, "PermissionError\n")
    assert ask(server, "tight", "keep") == (200, "OSError\n")
    assert ask(server, "plain", "keep") == (200, "kept\n")
    kept = {name for name in SETTINGS if (place / name / "_more.txt").exists()}
    assert kept == {"plain"}
