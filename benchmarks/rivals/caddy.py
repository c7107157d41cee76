"""Caddy's file server, without its admin endpoint and without TLS."""

from __future__ import annotations

from benchmarks.rivals.base import LISTING, STATIC, Place, Rival

_CONFIGURATION = """{{
    admin off
    auto_https off
    log {{
        level ERROR
    }}
}}
http://127.0.0.1:{port} {{
    bind 127.0.0.1
    root * {site}
    file_server browse
}}
"""


def _commands(place: Place) -> list[list[str]]:
    path = place.write("Caddyfile", _CONFIGURATION.format(port=place.port, site=place.site))
    folders = [f"XDG_CONFIG_HOME={place.folder}", f"XDG_DATA_HOME={place.folder}"]
    return [["env", *folders, "caddy", "run", "--config", path, "--adapter", "caddyfile"]]


CADDY = Rival(
    key="caddy",
    title="Caddy",
    paths={**STATIC, **LISTING},
    commands=_commands,
    versions=(("caddy", "version"),),
    needs=("caddy",),
    keeps_idle=True,
)
