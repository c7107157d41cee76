"""Header fields of responses that only the server writes: it alone knows the connection and how content is framed."""

from __future__ import annotations

from typing import Final

FRAMING: Final = frozenset({"connection", "content-length", "transfer-encoding"})
"""Written anew into each response over HTTP/1 (RFC 9112, 6)."""

RESERVED: Final = FRAMING | {"date", "keep-alive", "te", "trailer", "upgrade"}
"""Neither scripts nor settings of folders can set these (RFC 9110, 6.6.1 and 7.6.1)."""
