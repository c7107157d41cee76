"""What the server writes of itself: for people, for programs, and nothing that anybody else can forge."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from server_process import ANY_PORT, SERVE, TWIST, TWISTD, running
from twisted.logger import LogLevel
from twisted.python.failure import Failure

from twistedsite.tap.logs import MAX_TEXT, ServerLogFile, as_json, as_text


@pytest.mark.process
@pytest.mark.parametrize("command", [TWISTD, TWIST, SERVE], ids=["twistd", "twist", "serve"])
def test_every_line_of_the_json_log_is_an_object(command: tuple[str, ...], site: Path) -> None:
    with running(
        *command, "--root", str(site), *ANY_PORT, "--log-format", "json", "--access-log", "off", "--debug"
    ) as server:
        server.get("fail.py")
        lines = [json.loads(line) for line in server.stop().splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    assert any(line.get("urls") == server.url for line in lines)
    assert any(line["level"] == "error" and "RuntimeError" in line["message"] for line in lines)


@pytest.mark.process
def test_a_script_cannot_forge_a_line_of_the_text_log(site: Path) -> None:
    with running(*SERVE, "--root", str(site), *ANY_PORT) as server:
        server.get("fail.py")
        output = server.stop()
    assert "\x1b" not in output
    assert "out of \\x1b[31mpaint\n" in output
    assert "\nforged line" not in output


@pytest.mark.process
def test_no_local_variable_and_no_cookie_gets_into_the_log(site: Path) -> None:
    with running(*SERVE, "--root", str(site), *ANY_PORT, "--debug") as server:
        server.get("fail.py", Cookie="sessionId=open-sesame", Authorization="Basic open-sesame")
        output = server.stop()
    assert "RuntimeError" in output
    assert "swordfish" not in output
    assert "open-sesame" not in output


@pytest.mark.process
def test_the_access_log_goes_to_standard_output_by_itself(site: Path) -> None:
    with running(*TWISTD, "--root", str(site), *ANY_PORT) as server:
        server.get("hello.py?x=1")
        assert '"GET /hello.py?x=1 HTTP/1.1" 200' in server.stop()


@pytest.mark.process
def test_the_access_log_goes_to_a_file_where_one_is_named(site: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with running(*SERVE, "--root", str(site), *ANY_PORT, "--access-log", str(log)) as server:
        server.get("hello.py")
        assert "GET /" not in server.stop()
    assert '"GET /hello.py HTTP/1.1" 200' in log.read_text()


def event(text: str, **fields: object) -> dict[str, object]:
    return {"log_format": "{text}", "text": text, "log_time": 0.0, "log_level": LogLevel.warn, **fields}


def test_a_line_of_the_text_log_tells_time_level_and_event() -> None:
    line = as_text(event("no paint"))
    assert line is not None
    assert line.endswith(" warn: no paint\n")
    assert line.startswith(("1970-01-01 ", "1969-12-31 "))


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\r", "\x7f", "\x85", "\u2028", "\ud800"])
def test_control_characters_are_made_visible(sign: str) -> None:
    assert sign not in (as_text(event(f"a{sign}b")) or "")
    assert sign not in (as_json(event(f"a{sign}b")) or "")


def test_an_event_without_end_is_cut_off() -> None:
    assert len(as_text(event("x" * (2 * MAX_TEXT))) or "") < MAX_TEXT + 100


def test_the_json_log_keeps_plain_values_and_redacts_secrets() -> None:
    line = json.loads(as_json(event("paint", script="a.py", token="t0p", request=object())) or "")
    assert (line["script"], line["token"]) == ("a.py", "(redacted)")
    assert "request" not in line


def test_a_failure_is_logged_with_its_traceback() -> None:
    try:
        raise RuntimeError("no paint")
    except RuntimeError:
        failed = event("painting", log_failure=Failure())
    assert "RuntimeError: no paint" in (as_text(failed) or "")
    assert "RuntimeError: no paint" in json.loads(as_json(failed) or "")["message"]


def test_a_log_file_is_begun_anew_when_it_is_long(tmp_path: Path) -> None:
    file = ServerLogFile(str(tmp_path / "server.log"))
    file.rotateLength = 100
    for _ in range(40):
        file.write("a line of forty characters, or so, or so\n")
    file.close()
    assert len(list(tmp_path.iterdir())) == 10
