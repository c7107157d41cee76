"""The type of the fixture `serve`: from a resource and settings of Site to the Site and its port."""

from __future__ import annotations

from collections.abc import Callable

from twistedsite.http.site import Site

Serve = Callable[..., tuple[Site, int]]
