"""The folder that is measured: files, a large folder, and each script page in twistedsite's, PHP's and CGI's manner."""

from __future__ import annotations

import shutil
from pathlib import Path

from benchmarks.cases import HUNDRED_KILOBYTES, HUNDRED_MEGABYTES, KILOBYTE, LISTED, TEMPLATE

_HELLO = """from html import escape

print(f"<p>Hello, {escape(form['name'])}!</p>")
"""

_HELLO_METHODS = """from html import escape


def get(request):
    return f"<p>Hello, {escape(request.query['name'])}!</p>\\n"
"""

_HELLO_HANDLER = """from html import escape

import twistedsite


class RequestHandler(twistedsite.RequestHandler):
    def Content(self):
        return f"<p>Hello, {escape(self.req.form['name'])}!</p>\\n"
"""

_HELLO_PUBLISHER = """from html import escape


def hello(name: str):
    'A greeting.'
    return f"<p>Hello, {escape(name)}!</p>\\n"
"""

_HELLO_FLASK = """from html import escape

from flask import Flask, request

app = Flask(__name__)


@app.route("/")
def hello():
    return f"<p>Hello, {escape(request.args['name'])}!</p>\\n"
"""

_PAGE = """from html import escape

name = escape(form["name"])
rows = [f"<p>{number:04d} {name:.<1011}</p>\\n" for number in range(64)]
print("".join(rows), end="")
"""

_CGI_HEAD = """#!/usr/bin/python3
import os
from urllib.parse import parse_qs

form = {name: values[0] for name, values in parse_qs(os.environ["QUERY_STRING"]).items()}
print("Content-Type: text/html; charset=utf-8\\n")
"""

_HELLO_PHP = """<p>Hello, <?= htmlspecialchars($_GET["name"]) ?>!</p>

"""

_PAGE_PHP = """<?php
$name = str_pad(htmlspecialchars($_GET["name"]), 1011, ".");
$rows = [];
for ($number = 0; $number < 64; $number++) $rows[] = sprintf("<p>%04d %s</p>\\n", $number, $name);
echo implode($rows);
"""

_TABLE_PHP = """<!doctype html>
<title><?= htmlspecialchars($_GET["name"]) ?></title>
<table>
<?php for ($number = 0; $number < 20; $number++): ?>
<tr><td><?= $number ?></td><td><?= htmlspecialchars($_GET["name"]) ?></td><td><?= $number * $number ?></td></tr>
<?php endfor ?>
</table>
"""

_TEXTS = {
    "hello.py": _HELLO,
    "greet.py": _HELLO_METHODS,
    "handler.py": _HELLO_HANDLER,
    "published/_folder.toml": "dialect = 'publisher'\n",
    "published/greet.py": _HELLO_PUBLISHER,
    "flask_hello.py": _HELLO_FLASK,
    "page.py": _PAGE,
    "table.jinja": TEMPLATE,
    "hello.php": _HELLO_PHP,
    "page.php": _PAGE_PHP,
    "table.php": _TABLE_PHP,
}

PROGRAMS = {"hello": _CGI_HEAD + _HELLO, "page": _CGI_HEAD + _PAGE}


def build_site(work: Path) -> Path:
    """Write the site to `work/site`, the CGI programs to `work/cgi`, the WSGI application to `work/apps`; the site."""
    site = work / "site"
    (site / "listing").mkdir(parents=True)
    (site / "published").mkdir()
    (site / "1k.txt").write_bytes(KILOBYTE)
    (site / "100k.txt").write_bytes(HUNDRED_KILOBYTES)
    with (site / "100m.bin").open("wb") as file:
        for _ in range(HUNDRED_MEGABYTES // (1024 * 1024)):
            file.write(KILOBYTE * 1024)
    for number in range(LISTED):
        (site / "listing" / f"entry-{number:05d}.txt").touch()
    for name, text in _TEXTS.items():
        (site / name).write_text(text)
    programs = work / "cgi"
    programs.mkdir()
    for name, text in PROGRAMS.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    # A copy that Apache's own user can read wherever this checkout lies.
    apps = work / "benchmarks" / "apps"
    shutil.copytree(Path(__file__).parent / "apps", apps, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(site / "table.jinja", apps)
    return site
