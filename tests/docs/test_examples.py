"""The configurations that the documentation shows for other programs, tried with these programs."""

from __future__ import annotations

import configparser
import contextlib
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from doc_pages import ROOT, block_tested_by
from doc_play import Player, playing
from ports import wait_for
from server_process import ANY_PORT, BIN, get, running

from twistedsite.scripts.runners.workers.server.job_states import JOB_LIFE
from twistedsite.scripts.runners.workers.server.worker_states import WORKER_LIFE

pytestmark = pytest.mark.process

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.process; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  {server}
}}
"""


def test_the_systemd_unit_starts_and_stops_the_server(tmp_path: Path) -> None:
    unit = configparser.RawConfigParser()
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # configparser's own way to keep upper case
    unit.read_string(block_tested_by("test_the_systemd_unit_starts_and_stops_the_server").text)
    for name, here in {
        "/opt/twistedsite/.venv/bin": BIN,
        "/srv/mysite": tmp_path,
        "/var/lib/scriptsite": tmp_path,
    }.items():
        assert name in unit["Service"]["ExecStart"]
        unit["Service"]["ExecStart"] = unit["Service"]["ExecStart"].replace(name, str(here))
    (tmp_path / "index.py").write_text("print('It runs.')")
    with running(*shlex.split(unit["Service"]["ExecStart"]), *ANY_PORT) as server:
        assert server.get() == (200, "It runs.\n")
        assert "Traceback" not in server.stop()
        # To be ended by the signal that systemd sends counts as a clean exit.
        assert server.process.returncode == -signal.SIGTERM


def test_the_nginx_configuration_works(tmp_path: Path) -> None:
    block = block_tested_by("test_the_nginx_configuration_works")
    with playing(tmp_path) as player:
        front = _serve(player, tmp_path)
        server = player.translated(block.text).replace("listen 80;", f"listen 127.0.0.1:{front};")
        (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, server=server))
        with _front(front, "/usr/sbin/nginx", "-c", str(tmp_path / "nginx.conf")):
            assert get(f"http://127.0.0.1:{front}/") == (200, "127.0.0.1\n")
            assert get(f"http://127.0.0.1:{front}/.well-known/scriptsite-health")[0] == 404


def test_the_haproxy_configuration_passes_on_the_address(tmp_path: Path) -> None:
    block = block_tested_by("test_the_haproxy_configuration_passes_on_the_address")
    with playing(tmp_path) as player:
        front = _serve(player, tmp_path, "haproxy:tcp:8080:interface=127.0.0.1")
        text = player.translated(block.text).replace("bind :80\n", f"bind 127.0.0.1:{front}\n")
        # From another address of this machine, so that it can be told from the proxy's own.
        text = text.replace("send-proxy", "send-proxy source 127.0.0.3")
        (tmp_path / "haproxy.cfg").write_text(text)
        with _front(front, "/usr/sbin/haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg")):
            shown = subprocess.run(
                ["curl", "--silent", "--interface", "127.0.0.2", f"http://127.0.0.1:{front}/"],
                capture_output=True,
                text=True,
                check=True,
            )
            assert shown.stdout == "127.0.0.2\n"
            assert get(f"http://127.0.0.1:{front}/.well-known/scriptsite-health")[0] == 404


def test_the_example_of_a_test_passes(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "greet.py").write_text("print(f\"Hello, {form['name']}\")")
    (tmp_path / "test_site.py").write_text(block_tested_by("test_the_example_of_a_test_passes").text)
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--quiet",
            "-p",
            "no:cacheprovider",
            "--rootdir",
            str(tmp_path),
            "test_site.py",
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(r"^1 passed", done.stdout, re.M), done.stdout


def _serve(player: Player, folder: Path, endpoint: str = "tcp:8080:interface=127.0.0.1") -> str:
    """Serve a page that shows the client's address; return a free port for a proxy before it."""
    (folder / "site").mkdir()
    (folder / "site" / "index.py").write_text("print(REMOTE_ADDR)")
    player.serve(player.translated(f"scriptsite serve --root site --listen {endpoint}"))
    return player.translated("8081")


@contextlib.contextmanager
def _front(port: str, *command: str) -> Iterator[None]:
    """Run a proxy for the length of a `with` block, which begins when it listens at `port`."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(int(port))
        yield
    finally:
        process.terminate()
        process.wait()


def test_the_life_of_a_worker_is_told_as_it_is() -> None:
    assert _told("test_the_life_of_a_worker_is_told_as_it_is") == dict(WORKER_LIFE)


def test_the_life_of_a_job_is_told_as_it_is() -> None:
    assert _told("test_the_life_of_a_job_is_told_as_it_is") == dict(JOB_LIFE)


def _told(test: str) -> dict[tuple[str, str], str]:
    """The table below the picture that is tested by `test`; all words of the table are in the picture."""
    block = block_tested_by(test)
    below = (ROOT / block.page).read_text("utf-8").partition(block.text)[2]
    lines = [line for line in below.split("\n\n")[1].splitlines() if line.startswith("|")]
    head, _, *rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    assert [word for word in (*head[1:], *(row[0] for row in rows)) if word not in block.text] == []
    return {(row[0], event): after for row in rows for event, after in zip(head[1:], row[1:], strict=True) if after}
