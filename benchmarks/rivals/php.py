"""PHP: php-fpm behind nginx, and the built-in server of `php -S`."""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks.rivals.base import QUERY, STATIC, Place, Rival
from benchmarks.rivals.nginx import nginx_command

PHP_FPM_PROGRAM = str(max(Path("/usr/sbin").glob("php-fpm*"), default=Path("/usr/sbin/php-fpm")))
"""The program's name holds its version."""

_POOL = """[global]
error_log = {folder}/server.log
daemonize = no
[bench]
{user}
listen = {folder}/php.sock
listen.mode = 0666
pm = static
pm.max_children = 5
"""

_LOCATION = """location ~ \\.php$ {{
            include /etc/nginx/fastcgi_params;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_pass unix:{folder}/php.sock;
        }}"""

_SCRIPTS = {"hello": f"/hello.php{QUERY}", "page-64k": f"/page.php{QUERY}", "template": f"/table.php{QUERY}"}


def _behind_nginx(place: Place) -> list[list[str]]:
    user = "user = www-data\ngroup = www-data" if os.geteuid() == 0 else ""
    pool = place.write("php-fpm.conf", _POOL.format(folder=place.folder, user=user))
    nginx = nginx_command(place, _LOCATION.format(folder=place.folder))
    return [[PHP_FPM_PROGRAM, "-F", "-R", "-y", pool], nginx]


PHP_FPM = Rival(
    key="php-fpm",
    title="nginx + php-fpm",
    paths=_SCRIPTS,
    commands=_behind_nginx,
    versions=(("nginx", "-v"), (PHP_FPM_PROGRAM, "-v")),
    needs=("nginx", PHP_FPM_PROGRAM),
)

PHP_BUILT_IN = Rival(
    key="php-s",
    title="php -S",
    paths={**_SCRIPTS, **{case: path for case, path in STATIC.items() if case != "not-modified"}},
    commands=lambda place: [["php", "-q", "-S", f"127.0.0.1:{place.port}", "-t", str(place.site)]],
    versions=(("php", "-v"),),
    needs=("php",),
)
