"""Apache's event MPM: files and listings by itself, scripts by mod_wsgi in one daemon process, and as CGI programs."""

from __future__ import annotations

from benchmarks.rivals.base import LISTING, SCRIPTS, STATIC, Place, Rival, program

_MODULES = "/usr/lib/apache2/modules"
_NAMES = ("mpm_event", "authz_core", "mime", "dir", "alias", "autoindex", "cgid", "wsgi")

_CONFIGURATION = """
ServerRoot {folder}
ServerName 127.0.0.1
Listen 127.0.0.1:{port}
PidFile apache.pid
DefaultRuntimeDir {folder}
ErrorLog {folder}/server.log
LogLevel error
User www-data
Group www-data
{modules}
TypesConfig /etc/mime.types

# One process, room for ten thousand idle connections beside its threads.
StartServers 1
ServerLimit 1
ThreadLimit 64
ThreadsPerChild 64
MaxRequestWorkers 64
AsyncRequestWorkerFactor 200
MaxKeepAliveRequests 0
KeepAliveTimeout 75

DocumentRoot {site}
<Directory {site}>
    Require all granted
    Options +Indexes
    IndexOptions FancyIndexing
</Directory>
<Directory {work}>
    Require all granted
</Directory>

ScriptSock cgid.sock
ScriptAlias /cgi/ {work}/cgi/

WSGISocketPrefix wsgi
WSGIDaemonProcess bench processes=1 threads=16
WSGIProcessGroup bench
WSGIApplicationGroup %{{GLOBAL}}
WSGIScriptAliasMatch ^/(hello|page|table)$ {application}
"""


def _commands(place: Place) -> list[list[str]]:
    modules = "\n".join(f"LoadModule {name}_module {_MODULES}/mod_{name}.so" for name in _NAMES)
    application = place.work / "benchmarks" / "apps" / "wsgi_app.py"
    text = _CONFIGURATION.format(
        folder=place.folder,
        port=place.port,
        modules=modules,
        site=place.site,
        work=place.work,
        application=application,
    )
    return [[program("apache2") or "apache2", "-D", "FOREGROUND", "-f", place.write("apache.conf", text)]]


APACHE = Rival(
    key="apache",
    title="Apache + mod_wsgi",
    paths={**STATIC, **LISTING, **SCRIPTS},
    commands=_commands,
    versions=(
        (program("apache2") or "apache2", "-v"),
        ("dpkg-query", "-W", "-f", "${Version}", "libapache2-mod-wsgi-py3"),
    ),
    needs=("apache2", f"{_MODULES}/mod_wsgi.so"),
    keeps_idle=True,
)

CGI = Rival(
    key="cgi",
    title="CGI under Apache",
    paths={case: f"/cgi{path}" for case, path in SCRIPTS.items() if case != "template"},
    commands=_commands,
    versions=((program("apache2") or "apache2", "-v"),),
    needs=("apache2", "/usr/bin/python3", f"{_MODULES}/mod_wsgi.so"),
    least_seconds=8,
    # mod_cgid ignores SIGCHLD, so the kernel drops the times of its programs.
    counts_cpu=False,
)
