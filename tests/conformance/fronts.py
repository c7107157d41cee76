"""nginx and haproxy as other people put them in front of a server: as little changed on the way as they allow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  client_header_timeout 1s; client_body_timeout 1s; client_max_body_size 0; large_client_header_buffers 4 64k;
  upstream back {{ server 127.0.0.1:{back}; keepalive 4; }}
  server {{
    listen 127.0.0.1:{front};
    location / {{
      proxy_pass http://back; proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;
      proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_read_timeout 30s;
    }}
  }}
}}
"""

HAPROXY = """
global
  maxconn 256
  tune.bufsize 65536
defaults
  mode http
  timeout connect 30s
  timeout client 1s
  timeout server 30s
  timeout http-request 1s
  http-reuse always
listen front
  bind 127.0.0.1:{front}
  server back 127.0.0.1:{back}
"""


def nginx(folder: Path, front: int, back: int) -> list[str]:
    """Return the command that runs nginx on port `front` for the server on port `back`."""
    path = folder / "nginx.conf"
    path.write_text(NGINX.format(folder=folder, front=front, back=back))
    return ["/usr/sbin/nginx", "-c", str(path)]


def haproxy(folder: Path, front: int, back: int) -> list[str]:
    """Return the command that runs haproxy on port `front` for the server on port `back`."""
    path = folder / "haproxy.cfg"
    path.write_text(HAPROXY.format(front=front, back=back))
    return ["/usr/sbin/haproxy", "-db", "-f", str(path)]


FRONTS: dict[str, Callable[[Path, int, int], list[str]]] = {"nginx": nginx, "haproxy": haproxy}
