"""The servers that are compared, in the order in which the tables name them."""

from __future__ import annotations

from benchmarks.rivals.apache import APACHE, CGI
from benchmarks.rivals.base import Place, Rival
from benchmarks.rivals.caddy import CADDY
from benchmarks.rivals.nginx import NGINX
from benchmarks.rivals.ours import TWISTEDSITE, WORKERS, WORKERS_ON_TWO_CORES
from benchmarks.rivals.php import PHP_BUILT_IN, PHP_FPM
from benchmarks.rivals.python import GRANIAN, GUNICORN, TWISTED, TWISTED_THREADS, UVICORN

RIVALS = (
    TWISTEDSITE,
    WORKERS,
    WORKERS_ON_TWO_CORES,
    NGINX,
    CADDY,
    APACHE,
    PHP_FPM,
    PHP_BUILT_IN,
    GUNICORN,
    UVICORN,
    GRANIAN,
    TWISTED,
    TWISTED_THREADS,
    CGI,
)

__all__ = ["RIVALS", "Place", "Rival"]
