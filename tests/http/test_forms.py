"""Forms: what a query string or body means, and what is refused, at the latest when it is read."""

from __future__ import annotations

import io
from urllib.parse import parse_qsl

import pytest
from form_bodies import LIMITS, MULTIPART, SMALL, URLENCODED, fields_of, multipart, part, refusal, refusal_on_arrival
from hypothesis import given
from hypothesis import strategies as st

from twistedsite.http.message.forms import Form, FormError, body_check, parse_body, parse_query
from twistedsite.settings.server import FormLimits
from twistedsite.settings.units import Size

# Query strings


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", []),
        ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        ("a=&b", [("a", ""), ("b", "")]),
        ("=x", [("", "x")]),
        ("a=1;b=2", [("a", "1;b=2")]),
        ("a=1&&b=2&", [("a", "1"), ("b", "2")]),
        ("a=x+y%2Bz", [("a", "x y+z")]),
        ("n%C3%A4me=%E2%82%AC", [("näme", "€")]),
        ("a=%FF%zz%", [("a", "\ufffd%zz%")]),
        ("a=b=c", [("a", "b=c")]),
    ],
)
def test_a_query_string_is_names_and_values(query: str, fields: list[tuple[str, str]]) -> None:
    assert parse_query(query, 10) == fields


def test_a_query_string_of_too_many_fields_is_refused() -> None:
    assert len(parse_query("a&b&c", 3)) == 3
    with pytest.raises(FormError) as refused:
        parse_query("a&b&c&d", 3)
    assert refused.value.status == 413


@given(st.text())
def test_any_text_is_a_query_string(query: str) -> None:
    for name, value in parse_query(query, query.count("&") + 1):
        assert isinstance(name, str)
        assert isinstance(value, str)


# The mapping


def test_a_form_gives_the_first_value_of_a_name_and_all_on_request() -> None:
    form = Form([("a", "1"), ("b", ""), ("a", "2")])
    assert form["a"] == "1"
    assert form.get("b", "x") == ""
    assert form.get("c", "x") == "x"
    assert "c" not in form
    assert dict(form) == {"a": "1", "b": ""}
    assert form.getlist("a") == ["1", "2"]
    assert form.getlist("c") == []
    assert form.lists() == {"a": ["1", "2"], "b": [""]}
    assert form.items_all() == [("a", "1"), ("b", ""), ("a", "2")]


def test_changing_what_a_form_has_given_does_not_change_the_form() -> None:
    form = Form([("a", "1")])
    form.lists()["a"].append("2")
    form.getlist("a").clear()
    form.items_all().clear()
    assert form.lists() == {"a": ["1"]}


# Urlencoded bodies


def test_an_urlencoded_body_is_read_whatever_the_case_and_parameters_of_its_type() -> None:
    body = io.BytesIO("a=1&b=%C3%A9&c=é".encode())
    body.seek(3)
    fields, uploads = parse_body(body, "Application/X-WWW-Form-Urlencoded; charset=UTF-8", LIMITS)
    assert fields == [("a", "1"), ("b", "é"), ("c", "é")]
    assert uploads == []
    assert body.tell() == 0


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/json", "multipart/mixed; boundary=XyZ"])
def test_a_body_of_another_type_is_no_form(content_type: str) -> None:
    assert parse_body(io.BytesIO(b"a=1"), content_type, LIMITS) == ([], [])
    assert body_check(content_type, LIMITS) is None


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"a&b&c", None),
        (b"a&b&c&d", 413),
        (b"&&&", 413),
        (b"a=12345678", None),
        (b"a=123456789", 413),
        (b"a=1&b=123456789&c=1", 413),
        (b"a=1&b=12345678", None),
        (b"a=1234567&b=12345678", 413),
    ],
)
def test_an_urlencoded_body_is_refused_above_the_limits(body: bytes, status: int | None) -> None:
    limits = FormLimits(fields=3, field_size=Size(10), memory=Size(18))
    assert refusal(body, URLENCODED, limits) == status
    assert refusal_on_arrival(body, [], URLENCODED, limits) == status
    assert refusal_on_arrival(body, list(range(len(body))), URLENCODED, limits) == status


def test_an_endless_urlencoded_field_is_refused_while_it_arrives() -> None:
    check = body_check(URLENCODED, FormLimits(field_size=Size(100_000)))
    assert check is not None
    check.feed(b"a=" + b"x" * 60_000)
    with pytest.raises(FormError) as refused:
        check.feed(b"x" * 60_000)
    assert refused.value.status == 413


# Multipart bodies


def test_a_multipart_body_gives_fields_in_order_with_blank_ones() -> None:
    body = multipart(part(b"1"), part(b"", "b"), part("grüß\r\n--Gott".encode(), "ç"), part(b"2"))
    assert fields_of(body) == [("a", "1"), ("b", ""), ("ç", "grüß\r\n--Gott"), ("a", "2")]


@pytest.mark.parametrize("quoted", ['"XyZ"', "XyZ"])
def test_the_boundary_may_be_quoted(quoted: str) -> None:
    assert fields_of(multipart(part(b"1")), f"Multipart/Form-Data; charset=utf-8; boundary={quoted}") == [("a", "1")]


def test_a_file_gives_name_type_size_and_content() -> None:
    body = multipart(part(b"1"), part(b"\x00\xffdata", "f", "x.bin", b"Content-Type: image/png"))
    file = io.BytesIO(body)
    fields, (upload,) = parse_body(file, MULTIPART, LIMITS)
    assert fields == [("a", "1")]
    assert (upload.name, upload.filename, upload.content_type, upload.size) == ("f", "x.bin", "image/png", 6)
    assert upload.file.read() == upload.value == b"\x00\xffdata"
    assert file.tell() == 0
    upload.close()


def test_a_file_without_a_type_is_a_stream_of_bytes() -> None:
    _, (upload,) = parse_body(io.BytesIO(multipart(part(b"x", "f", "x"))), MULTIPART, LIMITS)
    assert upload.content_type == "application/octet-stream"


def test_a_file_field_left_empty_is_no_upload() -> None:
    body = multipart(part(b"", "f", "", b"Content-Type: application/octet-stream"), part(b"", "g", "empty.txt"))
    fields, (upload,) = parse_body(io.BytesIO(body), MULTIPART, LIMITS)
    assert fields == []
    assert (upload.name, upload.size) == ("g", 0)


@pytest.mark.parametrize(
    ("content", "charset", "value"),
    [(b"\xe9", "ISO-8859-1", "é"), (b"\x80", "windows-1252", "€"), (b"\xe9", "utf-8", "\ufffd")],
)
def test_a_field_is_decoded_by_its_own_charset(content: bytes, charset: str, value: str) -> None:
    assert fields_of(multipart(part(content, "a", None, f"Content-Type: text/plain; charset={charset}".encode()))) == [
        ("a", value)
    ]


@pytest.mark.parametrize("charset", ["punycode", "zlib", "no-such", "idna"])
def test_a_charset_that_is_costly_or_unknown_is_refused(charset: str) -> None:
    body = multipart(part(b"x", "a", None, f"Content-Type: text/plain; charset={charset}".encode()))
    assert refusal(body) == 400
    assert refusal_on_arrival(body, []) == 400


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        'multipart/form-data; boundary="a "',
        'multipart/form-data; boundary="a\rb"',
        "multipart/form-data; boundary=" + "x" * 71,
    ],
)
def test_a_type_without_a_usable_boundary_is_refused(content_type: str) -> None:
    assert refusal(multipart(part(b"1")), content_type) == 400
    assert refusal_on_arrival(multipart(part(b"1")), [], content_type) == 400


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--XyZ",
        b"no boundary anywhere" * 10,
        part(b"1"),
        part(b"1") + b"--XyZ",
        part(b"1") + b"--XyZxx\r\n",
        multipart(part(b"1"))[:-4],
        b"--XyZ\r\n\r\nno headers\r\n--XyZ--\r\n",
        b"--XyZ\r\nContent-Type: text/plain\r\n\r\nno disposition\r\n--XyZ--\r\n",
        b"--XyZ\r\nContent-Disposition: form-data\r\n\r\nno name\r\n--XyZ--\r\n",
        b'--XyZ\r\nContent-Disposition: attachment; name="a"\r\n\r\n1\r\n--XyZ--\r\n',
        b"--XyZ\r\nno colon\r\n\r\n1\r\n--XyZ--\r\n",
        b'--XyZ\r\nContent-Disposition: form-data; name="a"\r\n folded: yes\r\n\r\n1\r\n--XyZ--\r\n',
        multipart(part(b"1", "a", None, b"X-Long: " + b"x" * 5000)),
        multipart(part(b"1", "a", None, *[b"X-Many: x"] * 8)),
        multipart(part(b"1", "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), None, b"X: \xff")),
        b"--XyZ\nContent-Disposition: form-data; name=a\n\n1\n--XyZ--\n",
    ],
)
def test_a_malformed_or_truncated_body_is_refused(body: bytes) -> None:
    assert refusal(body) == 400
    assert refusal_on_arrival(body, []) == 400
    assert refusal_on_arrival(body, list(range(len(body)))) == 400


def test_what_stands_behind_the_last_boundary_is_ignored() -> None:
    body = multipart(part(b"1")) + b"epilogue" * 10_000
    assert fields_of(body) == [("a", "1")]
    assert refusal_on_arrival(body, list(range(0, len(body), 1000))) is None


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([part(b"")] * 4, None),
        ([part(b"")] * 5, 413),
        ([part(b"", "f", "x")] * 5, 413),
        ([part(b"x" * 12)], None),
        ([part(b"x" * 13)], 413),
        ([part(b"x" * 10), part(b"x" * 10)], None),
        ([part(b"x" * 10), part(b"x" * 11)], 413),
        ([part(b"x" * 500, "f", "x")], None),
        ([part(b"x", "a", None, b"X: 1")], None),
        ([part(b"x", "a", None, b"X: 1", b"Y: 1")], 400),
    ],
)
def test_a_multipart_body_is_refused_above_the_limits(parts: list[bytes], status: int | None) -> None:
    assert refusal(multipart(*parts), MULTIPART, SMALL) == status
    assert refusal_on_arrival(multipart(*parts), [], MULTIPART, SMALL) == status


def test_too_long_a_field_is_refused_while_it_arrives() -> None:
    check = body_check(MULTIPART, FormLimits(field_size=Size(100_000)))
    assert check is not None
    check.feed(part(b"x" * 90_000)[:-2])
    with pytest.raises(FormError) as refused:
        check.feed(b"x" * 30_000)
    assert refused.value.status == 413


@given(st.text(alphabet="ab=&;%+2é"), st.integers(0, 5))
def test_a_query_with_nothing_to_decode_means_what_the_standard_library_says(query: str, limit: int) -> None:
    try:
        expected: object = parse_qsl(query, keep_blank_values=True, max_num_fields=limit)
    except ValueError:
        expected = 413
    try:
        found: object = parse_query(query, limit)
    except FormError as error:
        found = error.status
    assert found == expected


def test_percent_signs_are_decoded_as_they_should_and_alone_cost_little() -> None:
    cases = ["a=%41%C3%A9%zz%", "a+b=c%2Bd", "%=%&&=", "a=%C3x%A9", "é=%e2%82%ac+"]
    for case in cases:
        assert parse_query(case, 10) == parse_qsl(case, keep_blank_values=True)
    assert parse_query("a=" + 1_000_000 * "%", 10) == [("a", 1_000_000 * "%")]
