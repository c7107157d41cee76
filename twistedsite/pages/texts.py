"""The text of each status for visitors: its reason phrase, what failed, and what to do."""

from __future__ import annotations

from http import HTTPStatus

_REASONS = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
"""Reason phrases of RFC 9110, section 15, where Python's are older."""

_TEXTS: dict[int, tuple[str, str]] = {
    400: (
        "The server could not understand this request.",
        "Check the address for typing errors; if you followed a link, tell its owner.",
    ),
    401: ("This page is only for people who are logged in.", "Log in and try again."),
    403: (
        "This page is not open to you.",
        "If you think that it should be, ask the owner of this site.",
    ),
    404: (
        "There is nothing at this address.",
        "Check the address for typing errors, or start again from the home page.",
    ),
    405: (
        "This address does not take this kind of request.",
        "Go back and try another way, or start again from the home page.",
    ),
    406: ("This page does not exist in any form that you accept.", "Ask for another form of it."),
    408: ("The request took too long to arrive.", "Check your connection and try again."),
    409: ("Somebody else has changed this in the meantime.", "Reload the page and try again."),
    410: (
        "What was here has been removed, and will not come back.",
        "Start again from the home page, and forget this address.",
    ),
    411: ("The server must know the length of what you send.", "Try again with another program."),
    412: ("This has changed since you last saw it.", "Reload the page and try again."),
    413: ("What you sent is larger than this site takes.", "Send a smaller file, or fewer at a time."),
    414: ("This address is longer than the server takes.", "Use a form instead of a link, or a shorter address."),
    415: ("This site does not take files or forms of this kind.", "Convert what you send to another format."),
    416: ("The part that you asked for lies outside the file.", "Download the file from its beginning."),
    417: ("The server cannot do what your program expects of it.", "Try again with another program."),
    421: ("This server does not serve that site.", "Check the address for typing errors."),
    422: ("What you sent could not be used.", "Correct it and send it again."),
    429: ("You have asked for too much in too short a time.", "Wait a little, then try again."),
    431: ("Your browser sent more header data than the server takes.", "Delete this site's cookies and try again."),
    500: (
        "Something went wrong on the server. It is not your fault.",
        "Try again later. If it keeps happening, tell the owner of this site.",
    ),
    501: ("The server does not know this kind of request.", "Go back and try another way."),
    502: (
        "The program behind this page stopped without an answer.",
        "Try again. If it keeps happening, tell the owner of this site.",
    ),
    503: ("The server is too busy right now, or being looked after.", "Wait a little, then try again."),
    504: (
        "The program behind this page took too long to answer.",
        "Try again later. If it keeps happening, tell the owner of this site.",
    ),
    505: ("The server does not speak this version of HTTP.", "Try again with another program."),
    507: ("There is no room left on the server.", "Try again later, or tell the owner of this site."),
}


def reason(status: int) -> str:
    """The reason phrase of `status`, or a general one."""
    if status in _REASONS:
        return _REASONS[status]
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Server Error" if status >= 500 else "Request Failed"


def explanation(status: int) -> tuple[str, str]:
    """What failed and what to do about it, a sentence each."""
    return _TEXTS.get(status) or _TEXTS[500 if status >= 500 else 400]
