from __future__ import annotations

import io

import pytest
from twisted.web.http import Request
from twisted.web.test.requesthelper import DummyChannel

from twistedsite.resources.site.summary import BODY_LIMIT, summarize

MULTIPART = (
    b'--b\r\nContent-Disposition: form-data; name="title"\r\n\r\nHoliday\r\n'
    b'--b\r\nContent-Disposition: form-data; name="api_key"\r\n\r\ns3cret\r\n'
    b'--b\r\nContent-Disposition: form-data; name="picture"; filename="a.png"\r\n'
    b"Content-Type: image/png\r\n\r\n1234\r\n--b--\r\n"
)


def make(uri: bytes = b"/", body: bytes | None = b"", content_type: str = "") -> Request:
    request = Request(DummyChannel(), False)
    request.method, request.uri, request.clientproto = b"POST", uri, b"HTTP/1.1"
    request.content = None if body is None else io.BytesIO(body)
    request.requestHeaders.setRawHeaders("content-type", [content_type])
    return request


def test_a_multipart_form_is_shown_with_its_files() -> None:
    summary = summarize(make(body=MULTIPART, content_type="multipart/form-data; boundary=b"))
    assert summary.form == [
        ("title", "Holiday"),
        ("api_key", "(redacted)"),
        ("picture", "<Upload 'a.png', image/png, 4 bytes>"),
    ]


def test_the_query_is_shown_decoded_and_redacted() -> None:
    summary = summarize(make(b"/a%20b?q=%C3%BC+x&password=s3cret&blank=&word"))
    assert summary.query == [("q", "ü x"), ("password", "(redacted)"), ("blank", ""), ("word", "")]
    assert summary.target == "/a%20b?q=%C3%BC+x&password=(redacted)&blank=&word"


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        (MULTIPART[:-20], "multipart/form-data; boundary=b", "The form ends before its last boundary."),
        (b"x" * (BODY_LIMIT + 1), "application/x-www-form-urlencoded", "The body has more than 65536 bytes."),
    ],
)
def test_a_form_that_cannot_be_shown_says_why(body: bytes, content_type: str, told: str) -> None:
    assert summarize(make(body=body, content_type=content_type)).form == [("(not shown)", told)]


def test_a_query_of_too_many_fields_says_so() -> None:
    [(name, told)] = summarize(make(b"/?" + b"a&" * 300)).query
    assert name == "(not shown)"
    assert "200" in told


@pytest.mark.parametrize("body", [None, b"", b"\x00\xff"])
def test_a_body_that_is_no_form_is_left_out(body: bytes | None) -> None:
    assert summarize(make(body=body, content_type="image/png")).form == []


def test_a_request_that_is_no_utf8_is_shown_all_the_same() -> None:
    request = make(b"/\xff?\xff=\xfe")
    request.requestHeaders.addRawHeader(b"X-Odd", b"\xff")
    summary = summarize(request)
    assert summary.target == "/\ufffd?\ufffd=\ufffd"
    assert ("X-Odd", "\ufffd") in summary.headers
