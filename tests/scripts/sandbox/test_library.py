"""What the standard library offers works in the sandbox, but for what a script is not to do; that says so plainly."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.process

Run = Callable[..., Any]

LIBRARY = {
    "sqlite3": """
        import sqlite3, tempfile, os
        with sqlite3.connect(os.path.join(tempfile.gettempdir(), "db")) as db:
            db.execute("pragma journal_mode=wal")
            db.execute("create table t (a)")
            db.execute("insert into t values (1)")
            assert db.execute("select a from t").fetchall() == [(1,)]
    """,
    "threading": """
        import threading, queue
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(lambda n: n * n, range(100))) == 328350
        box = queue.Queue()
        threading.Thread(target=box.put, args=(1,), name="named").start()
        assert box.get(timeout=10) == 1
        timer = threading.Timer(0.01, box.put, (2,))
        timer.start()
        assert box.get() == 2
    """,
    "asyncio": """
        import asyncio
        async def main():
            async with asyncio.timeout(10):
                await asyncio.gather(*(asyncio.sleep(0.001) for _ in range(10)))
                return await asyncio.to_thread(sum, [1, 2])
        assert asyncio.run(main()) == 3
    """,
    "mmap": """
        import mmap, tempfile
        with tempfile.TemporaryFile() as file:
            file.write(bytes(8192)); file.flush()
            with mmap.mmap(file.fileno(), 0) as view:
                view[0:2] = b"hi"
                view.flush()
        mmap.mmap(-1, 4096).close()
    """,
    "tempfile_shutil": """
        import glob, os, pathlib, shutil, tempfile
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "a")
            path.write_text("x")
            path.touch()
            shutil.copyfile(path, path.with_name("b"))
            os.replace(path, path.with_name("c"))
            path.symlink_to("c")
            assert len(glob.glob(folder + "/*")) == 3 and path.read_text() == "x"
            os.makedirs(folder + "/d/e")
            os.rename(folder + "/b", folder + "/d/e/b")
            shutil.rmtree(folder + "/d")
            with open(folder + "/c", "r+") as file:
                file.truncate(0)
        with tempfile.NamedTemporaryFile("w") as file, tempfile.SpooledTemporaryFile() as other:
            file.write("x")
            print("x", file=open(os.devnull, "w"))
    """,
    "ssl": "import ssl; ssl.create_default_context(); ssl.RAND_bytes(8)",
    "zoneinfo_time": """
        import datetime, time, zoneinfo, calendar, locale
        when = datetime.datetime(2026, 7, 1, tzinfo=zoneinfo.ZoneInfo("Europe/Berlin"))
        assert when.utcoffset().total_seconds() == 7200
        time.tzset(); time.localtime(); time.sleep(0.001); locale.setlocale(locale.LC_ALL, "C")
    """,
    "numbers": """
        import decimal, fractions, hashlib, hmac, math, random, secrets, statistics, uuid
        assert decimal.Decimal("0.1") * 3 == decimal.Decimal("0.3")
        hashlib.scrypt(b"x", salt=b"y", n=1024, r=8, p=1); hashlib.sha3_256(b"x"); random.SystemRandom().random()
        uuid.uuid1(); uuid.uuid4(); secrets.token_hex()
    """,
    "texts": """
        import base64, configparser, csv, difflib, email.message, html.parser, io, json, pickle, re, string, tomllib
        import unicodedata, urllib.parse, xml.etree.ElementTree as ET
        message = email.message.EmailMessage(); message["To"] = "a@b"; message.set_content("hi"); bytes(message)
        assert ET.fromstring("<a><b/></a>")[0].tag == "b" and re.sub("a+", "b", "caat") == "cbt"
        csv.writer(io.StringIO()).writerow([1, 2]); json.loads(json.dumps({})); pickle.loads(pickle.dumps([1]))
    """,
    "archives": """
        import bz2, gzip, io, lzma, tarfile, tempfile, zipfile, zlib
        for module in (bz2, gzip, lzma, zlib):
            assert module.decompress(module.compress(b"x" * 1000)) == b"x" * 1000
        with tempfile.TemporaryFile() as file:
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("a", "x")
            assert zipfile.ZipFile(file).read("a") == b"x"
    """,
    "system": """
        import ctypes, faulthandler, logging, os, platform, resource, select, signal, socket, sys, time, traceback
        os.cpu_count(); platform.platform(); resource.getrlimit(resource.RLIMIT_AS)
        faulthandler.dump_traceback(file=open(os.devnull, "w")); logging.warning("x"); os.listdir("."); os.urandom(8)
        assert ctypes.CDLL(None).getpid() == os.getpid()
        hits = []
        signal.signal(signal.SIGALRM, lambda *_: hits.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.001)
        signal.pause()
        signal.signal(signal.SIGUSR1, lambda *_: hits.append(2))
        signal.raise_signal(signal.SIGUSR1); os.kill(os.getpid(), signal.SIGUSR1)
        assert hits == [1, 2, 2]
        one, two = socket.socketpair()
        one.sendall(b"x"); one.send(b"y")
        assert select.select([two], [], [], 5)[0] and two.recv(2, socket.MSG_WAITALL) == b"xy"
        poll = select.epoll(); poll.register(two); poll.poll(0)
        resource.setrlimit(resource.RLIMIT_CPU, (100, 100)); sys.stdout.isatty()
    """,
    "own_packages": "import jinja2, markdown_it; assert jinja2.Template('{{ 1 + 1 }}').render() == '2'",
}

REFUSED = {
    "subprocess": "import subprocess; subprocess.run(['/bin/true'])",
    "system": "import os; raise PermissionError if os.system('true') else AssertionError",
    "spawning": "import os; os.posix_spawn('/bin/true', ['true'], {})",
    "multiprocessing": """
        import multiprocessing
        process = multiprocessing.get_context("fork").Process(target=print)
        process.start()
    """,
    "socket": "import socket; socket.socket()",
    "changing_the_mode": "import os, tempfile; os.chmod(tempfile.gettempdir(), 0o777)",
    "writing_beside_the_script": "open(__file__ + 'c', 'w')",
}


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_works(name: str, run_confined: Run) -> None:
    ran = run_confined("import os; os.chdir(os.path.dirname(__file__))\n" + textwrap.dedent(LIBRARY[name]))
    assert ran.status == 0, ran.errors
    assert ran.report.sufficient


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_raises_a_permission_error(name: str, run_confined: Run) -> None:
    ran = run_confined(REFUSED[name])
    assert ran.errors.splitlines()[-1].startswith("PermissionError"), ran.errors
    assert ran.status == 1


def test_a_name_is_not_found_where_there_is_no_network(run_confined: Run) -> None:
    ran = run_confined("import urllib.request; urllib.request.urlopen('http://example.com/')")
    assert "urllib.error.URLError" in ran.errors
