"""Python servers: gunicorn with Flask, uvicorn and granian with Starlette, and stock twisted.web."""

from __future__ import annotations

from benchmarks.rivals.base import LISTING, PYTHON, QUERY, ROOT, SCRIPTS, STATIC, VENV, Place, Rival, package_version


def _tool(name: str) -> str:
    return str(VENV / "bin" / name)


def _gunicorn(place: Place) -> list[list[str]]:
    options = ["-w1", "-k", "sync", "-b", f"127.0.0.1:{place.port}", "--log-level", "error"]
    return [["env", *_environ(place), _tool("gunicorn"), *options, "benchmarks.apps.flask_app:app"]]


def _uvicorn(place: Place) -> list[list[str]]:
    options = ["--port", str(place.port), "--no-access-log", "--log-level", "error", "--timeout-keep-alive", "75"]
    return [["env", *_environ(place), _tool("uvicorn"), *options, "benchmarks.apps.starlette_app:app"]]


def _granian(place: Place) -> list[list[str]]:
    options = ["--interface", "asgi", "--port", str(place.port), "--workers", "1", "--log-level", "error"]
    # It takes no more connections than its back-pressure allows; the default, 1,024, leaves out the idle case.
    options += ["--backpressure", "12000"]
    return [["env", *_environ(place), _tool("granian"), *options, "benchmarks.apps.starlette_app:app"]]


def _twisted(place: Place) -> list[list[str]]:
    return [["env", *_environ(place), PYTHON, "-m", "benchmarks.apps.twisted_app", str(place.port)]]


def _environ(place: Place) -> list[str]:
    return [f"BENCHMARK_SITE={place.site}", f"PYTHONPATH={ROOT}"]


GUNICORN = Rival(
    key="gunicorn",
    title="gunicorn + Flask",
    paths={
        **{case: f"/static{path}" for case, path in STATIC.items()},
        **SCRIPTS,
        "hello-flask": SCRIPTS["hello"],
    },
    commands=_gunicorn,
    versions=(package_version("gunicorn"), package_version("flask")),
    needs=(_tool("gunicorn"), _tool("flask")),
)

UVICORN = Rival(
    key="uvicorn",
    title="uvicorn + Starlette",
    paths={**STATIC, **SCRIPTS},
    commands=_uvicorn,
    versions=(package_version("uvicorn"), package_version("starlette")),
    needs=(_tool("uvicorn"),),
    keeps_idle=True,
)

GRANIAN = Rival(
    key="granian",
    title="granian + Starlette",
    paths={**STATIC, **SCRIPTS},
    commands=_granian,
    versions=(package_version("granian"), package_version("starlette")),
    needs=(_tool("granian"),),
    keeps_idle=True,
)

TWISTED = Rival(
    key="twisted",
    title="twisted.web",
    paths={**STATIC, **LISTING, "hello": f"/direct{QUERY}"},
    commands=_twisted,
    versions=(package_version("twisted"),),
    needs=(_tool("twistd"),),
    keeps_idle=True,
)

TWISTED_THREADS = Rival(
    key="twisted-threads",
    title="twisted.web deferToThread",
    paths=SCRIPTS,
    commands=_twisted,
    versions=(package_version("twisted"),),
    needs=(_tool("twistd"),),
)
