"""From TOML to settings: what is wrong is said in one line that names the key."""

from __future__ import annotations

import pytest

from twistedsite.settings.load import SettingsError, convert, faults, parse_toml
from twistedsite.settings.server import ServerSettings


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("thread = 4", "s.toml: thread: unknown key; known here: access_log, "),
        ("threads = '4'", "s.toml: threads: expected a whole number, got text"),
        ("threads = 0", "s.toml: threads: expected a whole number >= 1"),
        ("debug = 1", "s.toml: debug: expected true or false, got a whole number"),
        ("timeout = 'soon'", "s.toml: timeout: expected a duration such as 25s, 500ms or 2m, got 'soon'"),
        ("timeout = 0", "s.toml: timeout: expected more than 0"),
        ("max_body = '16X'", "s.toml: max_body: expected a size such as 16M, 64K or 1048576, got '16X'"),
        ("log_format = 'xml'", "s.toml: log_format: expected text or json, got 'xml'"),
        ("sessions = 'redis'", "s.toml: sessions: expected memory or sqlite:PATH, got 'redis'"),
        ("health = 'health'", "s.toml: health: expected a URL path that begins with /, got 'health'"),
        ("listen = []", "s.toml: listen: expected one endpoint at least, such as tcp:8080"),
        ("listen = 'tcp:80'", "s.toml: listen: expected a list, got text"),
        ("access_log = ''", "s.toml: access_log: expected a path, - for standard output, or off"),
        ("http = 3", "s.toml: http: expected a table, got a whole number"),
        ("[http]\nkeepalive = 3", "s.toml: http.keepalive: unknown key; known here: body_idle, "),
        ("[http]\nheader_count = 'many'", "s.toml: http.header_count: expected a whole number, got text"),
        ("[options]\ncolour = {}", "s.toml: options.colour: expected true or false or a whole number or"),
    ],
)
def test_a_fault_is_one_line_that_names_file_key_and_what_was_expected(text: str, fault: str) -> None:
    (error,) = faults(parse_toml(text.encode(), "s.toml"), ServerSettings, "s.toml")
    assert str(error).startswith(fault)
    assert "\n" not in str(error)


def test_every_fault_of_a_file_is_found() -> None:
    table = parse_toml(b"threads = 0\ndebug = 1\n[http]\nheader_count = 'many'\nkeepalive = 3", "s.toml")
    assert [error.key for error in faults(table, ServerSettings, "s.toml")] == [
        "threads",
        "debug",
        "http.header_count",
        "http.keepalive",
    ]


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        (b"a = 1\nb = \n", 2, "s.toml: is not valid TOML: Invalid value"),
        (b"a = 1\n[b", 1, "s.toml: is not valid TOML: "),
        (b"a = 1\nb = '\xff'", 2, "s.toml: is not UTF-8 (byte 11)"),
    ],
)
def test_a_file_that_is_no_toml_is_told_with_its_line(text: bytes, line: int, fault: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_toml(text, "s.toml")
    assert str(caught.value).startswith(fault)
    assert caught.value.line == line


def test_a_good_file_becomes_settings() -> None:
    settings = convert(
        parse_toml(
            b"threads = 4\ntimeout = '1m'\nmax_body = '1M'\n[http]\nkeep_alive = 5\n[options]\ncolour = 'red'", ""
        ),
        ServerSettings,
        "",
    )
    assert (settings.threads, settings.timeout, settings.max_body) == (4, 60.0, 2**20)
    assert (settings.http.keep_alive, settings.options) == (5.0, {"colour": "red"})


def test_where_only_text_can_be_given_it_stands_for_what_it_spells() -> None:
    settings = convert({"threads": "4", "debug": "true"}, ServerSettings, "", strict=False)
    assert (settings.threads, settings.debug) == (4, True)
