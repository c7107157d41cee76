"""nginx with one worker, configured as Debian's package does it, without access log."""

from __future__ import annotations

from benchmarks.rivals.base import LISTING, STATIC, Place, Rival, program

_CONFIGURATION = """
worker_processes 1;
worker_rlimit_nofile 16384;
daemon off;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 12000; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    sendfile on;
    tcp_nopush on;
    access_log off;
    keepalive_requests 100000;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path u; scgi_temp_path s;
    server {{
        listen 127.0.0.1:{port};
        root {site};
        location / {{ autoindex on; }}
        {extra}
    }}
}}
"""


def nginx_command(place: Place, extra: str = "") -> list[str]:
    """How nginx serves the site; `extra` goes into the `server` block."""
    path = place.write("nginx.conf", _CONFIGURATION.format(port=place.port, site=place.site, extra=extra))
    return [program("nginx") or "nginx", "-p", str(place.folder), "-e", "stderr", "-c", path]


NGINX = Rival(
    key="nginx",
    title="nginx",
    paths={**STATIC, **LISTING},
    commands=lambda place: [nginx_command(place)],
    versions=((program("nginx") or "nginx", "-v"),),
    needs=("nginx",),
    keeps_idle=True,
)
