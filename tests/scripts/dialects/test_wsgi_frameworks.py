"""Applications of Flask and Bottle, as their tutorials write them, below the URL of their script."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.testing import serving

FLASK = """
import os
from flask import Flask, redirect, render_template, request, send_file, session, url_for

app = Flask(__name__, template_folder="_templates")
app.secret_key = "for the tests"
LOADED = os.urandom(4).hex()

@app.route("/")
def index():
    return f"index of {url_for('index')}"

@app.route("/hello/<name>")
def hello(name):
    return render_template("hello.html", name=name)

@app.route("/form", methods=["GET", "POST"])
def form():
    if request.method == "POST":
        session["word"] = request.form["word"]
        return redirect(url_for("form", _external=bool(request.args)))
    return session.get("word", "none")

@app.route("/upload", methods=["POST"])
def upload():
    paper = request.files["paper"]
    return {"name": paper.filename, "size": len(paper.read()), "type": paper.content_type}

@app.route("/stream")
def stream():
    return (f"{n}," for n in range(3))

@app.route("/file")
def file():
    return send_file(os.path.join(app.root_path, "data.bin"))

@app.route("/fail")
def fail():
    secret_of_the_house = 1
    return str(secret_of_the_house / 0)

@app.route("/loaded")
def loaded():
    return LOADED

@app.errorhandler(404)
def missing(error):
    return "nothing of that name", 404

if __name__ == "__main__":
    app.run(debug=True)
"""
BOTTLE = """
from bottle import Bottle, request, response, template

application = Bottle()

@application.get("/hello/<name>")
def hello(name):
    response.set_cookie("seen", name)
    return template("Hello {{name}} at {{path}}", name=name, path=request.script_name)

@application.post("/form")
def form():
    return request.forms.word + request.files.paper.raw_filename

@application.get("/fail")
def fail():
    return str(1 / 0)
"""
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
UPLOAD = (
    b"--b\r\nContent-Disposition: form-data; name=word\r\n\r\nhi\r\n"
    b"--b\r\nContent-Disposition: form-data; name=paper; filename=a.txt\r\nContent-Type: text/x-a\r\n\r\n"
    b"line\r\n--b--\r\n"
)


@pytest_twisted.ensureDeferred
async def test_a_flask_application_runs_below_its_script(tmp_path: Path) -> None:
    write(tmp_path, "shop.py", FLASK)
    write(tmp_path, "_templates/hello.html", "Hello {{ name }}, {{ url_for('hello', name='x') }}")
    write(tmp_path, "static/style.css", "body {}")
    write(tmp_path, "data.bin", os.urandom(300_000))
    async with serving(tmp_path) as site:
        assert (await site.get("/shop")).headers["location"] == f"{site.url}/shop/"
        assert (await site.get("/shop/")).text == "index of /shop/"
        assert (await site.get("/shop.py/")).text == "index of /shop.py/"
        assert (await site.get("/shop/hello/%C3%A9%3C")).text == "Hello é&lt;, /shop/hello/x"
        assert (await site.get("/shop/static/style.css")).text == "body {}"
        upload = await site.get("/shop/upload", method="POST", headers=MULTIPART, body=UPLOAD)
        assert upload.text == '{"name":"a.txt","size":4,"type":"text/x-a"}\n'
        assert upload.headers["content-type"] == "application/json"
        assert (await site.get("/shop/stream")).text == "0,1,2,"
        missing = await site.get("/shop/nothing")
        assert (missing.status, missing.text) == (404, "nothing of that name")
        wrong = await site.get("/shop/upload")
        assert (wrong.status, "POST" in wrong.headers["allow"]) == (405, True)
        whole = await site.get("/shop/file")
        part = await site.get("/shop/file", headers={"Range": "bytes=10-19"})
        head = await site.raw(b"HEAD /shop/file HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert whole.body == (tmp_path / "data.bin").read_bytes()
    assert (part.status, part.body) == (206, whole.body[10:20])
    assert b"Content-Length: 300000\r\n" in head


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_forms_redirects_and_sessions_of_flask_work(tmp_path: Path) -> None:
    write(tmp_path, "shop.py", FLASK)
    jar: dict[str, str] = {}
    async with serving(tmp_path) as site:
        assert (await site.get("/shop/form", jar=jar)).text == "none"
        posted = await site.get("/shop/form", method="POST", body={"word": "blue"}, jar=jar)
        assert (posted.status, posted.headers["location"]) == (302, "/shop/form")
        assert (await site.get("/shop/form", jar=jar)).text == "blue"
        absolute = await site.get("/shop/form?x=1", method="POST", body={"word": "red"})
        assert absolute.headers["location"] == f"{site.url}/shop/form"
        assert (await site.get("/shop/form", method="POST", body={"other": "x"})).status == 400


@pytest_twisted.ensureDeferred
async def test_an_exception_in_flask_is_our_debug_page_where_that_is_on_and_tells_nothing_where_not(
    tmp_path: Path,
) -> None:
    write(tmp_path, "shop.py", FLASK)
    async with serving(tmp_path, debug=True) as site:
        shown = await site.get("/shop/fail", headers={"Accept": "text/html"})
    async with serving(tmp_path) as site:
        with logged():
            hidden = await site.get("/shop/fail", headers={"Accept": "text/html"})
    assert shown.status == hidden.status == 500
    assert "division by zero" in shown.text
    assert "secret_of_the_house" in shown.text
    assert "ZeroDivisionError" not in hidden.text
    assert "secret_of_the_house" not in hidden.text


@pytest_twisted.ensureDeferred
async def test_an_edited_application_or_template_of_flask_is_what_the_next_request_gets(tmp_path: Path) -> None:
    write(tmp_path, "shop.py", FLASK)
    write(tmp_path, "_templates/hello.html", "Hello {{ name }}")
    async with serving(tmp_path) as site:
        assert (await site.get("/shop/hello/Ann")).text == "Hello Ann"
        write(tmp_path, "_templates/hello.html", "Good day {{ name }}")
        assert (await site.get("/shop/hello/Ann")).text == "Good day Ann"
        write(tmp_path, "shop.py", FLASK.replace("index of", "the index of"))
        assert (await site.get("/shop/")).text == "the index of /shop/"


@pytest_twisted.ensureDeferred
async def test_an_application_that_the_folder_names_as_its_handler_has_the_folders_urls(tmp_path: Path) -> None:
    write(tmp_path, "_folder.toml", 'handler = "_shop.py"\n')
    write(tmp_path, "_shop.py", FLASK)
    write(tmp_path, "_templates/hello.html", "Hello {{ name }}, {{ url_for('hello', name='x') }}")
    write(tmp_path, "static/style.css", "body {}")
    async with serving(tmp_path) as site:
        assert (await site.get("/")).text == "index of /"
        assert (await site.get("/hello/Ann")).text == "Hello Ann, /hello/x"
        assert (await site.get("/static/style.css")).text == "body {}"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_bottle_application_runs_below_its_script(tmp_path: Path) -> None:
    write(tmp_path, "b.py", BOTTLE)
    jar: dict[str, str] = {}
    async with serving(tmp_path) as site:
        assert (await site.get("/b/hello/Ann", jar=jar)).text == "Hello Ann at /b/"
        assert (await site.get("/b/form", method="POST", headers=MULTIPART, body=UPLOAD)).text == "hia.txt"
        assert (await site.get("/b/nothing")).status == 404
    async with serving(tmp_path, debug=True) as site:
        failed = await site.get("/b/fail", headers={"Accept": "text/html"})
    assert jar == {"seen": "Ann"}
    assert (failed.status, "division by zero" in failed.text) == (500, True)
