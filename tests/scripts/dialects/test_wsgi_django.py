"""A Django project, laid out as `django-admin startproject` and the tutorial do, answers for a folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from site_files import logged, write

from twistedsite.testing import serving

PROJECT = {
    "_folder.toml": 'handler = "mysite/wsgi.py"\npythonpath = ["."]\n',
    "mysite/__init__.py": "",
    "mysite/settings.py": """
from pathlib import Path
BASE_DIR = Path(__file__).resolve().parent.parent
SECRET_KEY = "for the tests"
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "polls.apps.PollsConfig"
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
ROOT_URLCONF = "mysite.urls"
WSGI_APPLICATION = "mysite.wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": f"file:{BASE_DIR.name}?mode=memory&cache=shared",
        "OPTIONS": {"uri": True},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
""",
    "mysite/urls.py": """
from django.urls import include, path
urlpatterns = [path("polls/", include("polls.urls"))]
""",
    "mysite/wsgi.py": """
import os
from django.core.wsgi import get_wsgi_application
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = get_wsgi_application()
""",
    "polls/__init__.py": "",
    "polls/apps.py": """
import sqlite3
from django.apps import AppConfig
from django.conf import settings
# A database in memory lasts as long as a connection to it; Django's own end with each request.
KEEPER = sqlite3.connect(settings.DATABASES["default"]["NAME"], uri=True, check_same_thread=False)
KEEPER.execute("CREATE TABLE IF NOT EXISTS polls_question (id INTEGER PRIMARY KEY AUTOINCREMENT, text TEXT)")
class PollsConfig(AppConfig):
    name = "polls"
""",
    "polls/models.py": """
from django.db import models
class Question(models.Model):
    text = models.CharField(max_length=200)
""",
    "polls/urls.py": """
from django.urls import path
from . import views
app_name = "polls"
urlpatterns = [path("", views.index, name="index"), path("add", views.add, name="add"),
               path("fail", views.fail), path("count", views.count)]
""",
    "polls/views.py": """
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from polls.models import Question
GREETING = "Questions"

def index(request):
    texts = [question.text for question in Question.objects.order_by("id")]
    return render(request, "polls/index.html", {"greeting": GREETING, "texts": texts})

@csrf_exempt
def add(request):
    if request.FILES:
        paper = request.FILES["paper"]
        return JsonResponse({"name": paper.name, "size": paper.size, "word": request.POST["word"]})
    Question.objects.create(text=request.POST["text"])
    return redirect("polls:index")

def count(request):
    request.session["seen"] = request.session.get("seen", 0) + 1
    return StreamingHttpResponse(f"{n}," for n in range(request.session["seen"]))

def fail(request):
    return HttpResponse(1 / 0)
""",
    "polls/templates/polls/index.html": "{{ greeting }} at {% url 'polls:index' %}: {{ texts|join:', ' }}",
}
MULTIPART = {"Content-Type": "multipart/form-data; boundary=b"}
UPLOAD = (
    b"--b\r\nContent-Disposition: form-data; name=word\r\n\r\nhi\r\n"
    b"--b\r\nContent-Disposition: form-data; name=paper; filename=a.txt\r\n\r\nline\r\n--b--\r\n"
)


@pytest.fixture(autouse=True)
def settings_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a project's wsgi.py sets is undone after the test."""
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "mysite.settings")


def make(root: Path) -> None:
    for name, text in PROJECT.items():
        write(root, name, text)


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_project_has_its_pages_forms_database_uploads_and_sessions(tmp_path: Path, isolation: str) -> None:
    make(tmp_path)
    jar: dict[str, str] = {}
    # One worker, because the database is in its memory.
    async with serving(tmp_path, workers={"max_workers": 1}) as site:
        with logged() as log:
            assert (await site.get("/polls/")).text == "Questions at /polls/: ", log()
        added = await site.get("/polls/add", method="POST", body={"text": "Why <not>?"})
        assert (added.status, added.headers["location"]) == (302, "/polls/")
        assert (await site.get("/polls/")).text == "Questions at /polls/: Why &lt;not&gt;?"
        assert (await site.get("/polls")).headers["location"] == "/polls/"
        upload = await site.get("/polls/add", method="POST", headers=MULTIPART, body=UPLOAD)
        assert upload.text == '{"name": "a.txt", "size": 4, "word": "hi"}'
        assert [(await site.get("/polls/count", jar=jar)).text for _ in range(2)] == ["0,", "0,1,"]
        missing = await site.get("/nothing")
        failed = await site.get("/polls/fail")
    assert (missing.status, failed.status) == (404, 500)
    assert "ZeroDivisionError" not in failed.text


@pytest_twisted.ensureDeferred
async def test_an_edited_module_of_a_project_is_what_the_next_request_gets(tmp_path: Path) -> None:
    make(tmp_path)
    async with serving(tmp_path, workers={"max_workers": 1}) as site:
        assert (await site.get("/polls/")).text == "Questions at /polls/: "
        write(tmp_path, "polls/views.py", PROJECT["polls/views.py"].replace('"Questions"', '"Enquiries"'))
        assert (await site.get("/polls/")).text == "Enquiries at /polls/: "
        write(tmp_path, "mysite/urls.py", PROJECT["mysite/urls.py"].replace('"polls/"', '"p/"'))
        assert (await site.get("/p/")).text == "Enquiries at /p/: "
        write(tmp_path, "mysite/settings.py", PROJECT["mysite/settings.py"].replace("DEBUG = False", "DEBUG = True"))
        failed = await site.get("/p/fail", headers={"Accept": "text/html"})
    assert (failed.status, "ZeroDivisionError" in failed.text) == (500, True)


@pytest_twisted.ensureDeferred
async def test_a_second_project_is_refused_instead_of_answered_by_the_first(tmp_path: Path) -> None:
    for folder in "one", "two":
        make(tmp_path / folder)
    async with serving(tmp_path, debug=True, workers={"max_workers": 1}) as site:
        for name in "one/polls/", "two/polls/":
            answer = await site.get("/" + name, headers={"Accept": "text/html"})
            assert ("runs a Django project already" in answer.text) is (name == "two/polls/"), answer.text
