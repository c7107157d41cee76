"""Each request of the corpus gets its answer, and what follows it on the connection is or is not understood."""

from __future__ import annotations

import pytest
from corpus import CORPUS, Case
from wire import Wire

AFTER = b"GET /after HTTP/1.1\r\nHost: next\r\n\r\n"


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_a_request_gets_the_answer_that_the_rfc_wants(case: Case) -> None:
    wire = Wire().send(case.data + AFTER)
    answers = wire.answers()
    assert answers[0].status == case.status, answers
    assert wire.closed == case.closes
    if case.closes:
        assert len(answers) == 1
        assert answers[0].headers["connection"] == "close"
    else:
        assert answers[1].content == b"GET next /after "


@pytest.mark.parametrize("case", CORPUS, ids=lambda case: case.name)
def test_the_answer_is_the_same_when_each_byte_comes_alone(case: Case) -> None:
    whole = Wire().send(case.data + AFTER)
    cut = Wire()
    for byte in case.data[:3000]:
        cut.send(bytes([byte]))
    cut.send(case.data[3000:] + AFTER)
    assert cut.output == whole.output
    assert cut.closed == whole.closed


def test_names_in_the_corpus_are_unique_and_many() -> None:
    assert len({case.name for case in CORPUS}) == len(CORPUS) >= 120


def test_the_host_of_an_absolute_form_wins() -> None:
    wire = Wire().send(b"GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n")
    assert wire.answers()[0].content == b"GET b:81 /x?y "


def test_content_arrives_without_its_framing() -> None:
    wire = Wire().send(
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: x\r\n\r\n"
    )
    assert wire.answers()[0].content == b"POST a / hello world"
