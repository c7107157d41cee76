from __future__ import annotations

import pytest

from twistedsite.pages.texts import explanation, reason


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 405, 406, 408, 410, 412, 413, 414, 415, 416, 429, 431, 500, 501, 502, 503, 504]
)
def test_every_status_that_a_visitor_meets_says_what_failed_and_what_to_do(status: int) -> None:
    general = explanation(599 if status >= 500 else 499)
    failed, advice = explanation(status)
    assert failed.endswith(".")
    assert advice.endswith(".")
    assert (failed, advice) != general or status in (400, 500)


def test_a_status_without_a_name_has_words_all_the_same() -> None:
    assert reason(499) == "Request Failed"
    assert reason(599) == "Server Error"
    assert reason(413) == "Content Too Large"
    assert explanation(499) == explanation(400)
    assert explanation(599) == explanation(500)
