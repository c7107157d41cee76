"""The CGI environment of a request (RFC 3875, 4.1)."""

from __future__ import annotations

from typing import Final

from twistedsite.scripts.messages.request import ScriptRequest, joined

_NOT_PASSED: Final = frozenset({"content-type", "content-length", "authorization", "proxy"})
"""Fields with a variable of their own, a secret, and `Proxy`, which libraries take for a setting (CVE-2016-5385)."""


def cgi_environ(request: ScriptRequest) -> dict[str, str]:
    """Return the variables of `request`, without any of the server's own environment."""
    environ = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": request.target,
        "REQUEST_SCHEME": request.scheme,
        "SCRIPT_NAME": request.script_name,
        "SCRIPT_FILENAME": request.filename,
        "PATH_INFO": request.path_info,
        "PATH_TRANSLATED": request.root + request.path_info if request.path_info else "",
        "DOCUMENT_ROOT": request.root,
        "QUERY_STRING": request.query,
        "CONTENT_TYPE": request.header("content-type"),
        "CONTENT_LENGTH": request.header("content-length"),
        "SERVER_SOFTWARE": "twistedsite",
        "SERVER_PROTOCOL": request.protocol,
        "SERVER_NAME": request.server_name,
        "SERVER_PORT": str(request.server_port),
        "REMOTE_ADDR": request.client,
        "REMOTE_PORT": str(request.client_port or ""),
    }
    if request.user:
        environ["REMOTE_USER"] = request.user
        environ["AUTH_TYPE"] = request.auth_type
    if request.scheme == "https":
        environ["HTTPS"] = "on"
    for name, value in joined(request.headers).items():
        # With underscores allowed, `X_Real_Ip` would look like `X-Real-Ip`.
        if name not in _NOT_PASSED and "_" not in name:
            environ["HTTP_" + name.upper().replace("-", "_")] = value
    return environ
