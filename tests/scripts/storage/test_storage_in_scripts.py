"""Scripts and the files of their site, through a real server: in threads and in workers alike."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import pytest_twisted
from site_files import write
from twisted.internet.defer import Deferred, gatherResults

from twistedsite.testing import serving

COUNT = """
import json
for _ in range(int(form["times"])):
    with storage.lock("/_data/count.json"):
        try:
            data = json.loads(storage.read("/_data/count.json"))
        except FileNotFoundError:
            data = {"n": 0, "by": {}}
        data["n"] += 1
        data["by"][form["who"]] = data["by"].get(form["who"], 0) + 1
        storage.write("/_data/count.json", json.dumps(data))
print("done")
"""
TELL = """
import errno
def tell(act, *args):
    try:
        print(repr(act(*args)))
    except OSError as error:
        print(type(error).__name__, errno.errorcode.get(error.errno), error.filename, error.strerror)
"""


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_two_scripts_that_change_the_same_file_500_times_each_lose_nothing(tmp_path: Path) -> None:
    write(tmp_path, "count.py", COUNT)
    async with serving(tmp_path, storage={"fsync": False}) as site:
        asked = [Deferred.fromCoroutine(site.get(f"/count?times=500&who={who}")) for who in "ab"]
        assert [answer.text for answer in await gatherResults(asked)] == ["done\n", "done\n"]
    assert json.loads((tmp_path / "_data/count.json").read_text()) == {"n": 1000, "by": {"a": 500, "b": 500}}
    assert os.listdir(tmp_path / "_data") == ["count.json"]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_script_reads_writes_lists_and_removes(tmp_path: Path) -> None:
    write(
        tmp_path,
        "blog/edit.py",
        TELL
        + """
storage.write("_posts/one.md", "# One")
storage.write("/_posts/two.md", b"\\0\\xff")
storage.make_folder("_posts/drafts")
tell(storage.names, "_posts")
tell(storage.names, "_posts/one.md")
tell(storage.read, "_posts/one.md")
tell(storage.read, "../_posts/two.md")
storage.remove("/blog/_posts")
tell(storage.names)
tell(storage.read, "_posts/one.md")
tell(storage.make_folder, "/blog")
""",
    )
    async with serving(tmp_path) as site:
        assert (await site.get("/blog/edit")).text.splitlines() == [
            "['drafts/', 'one.md']",
            "None",
            "b'# One'",
            "b'\\x00\\xff'",
            "['edit.py']",
            "FileNotFoundError ENOENT /blog/_posts/one.md nothing of this name is there",
            "FileExistsError EEXIST /blog File exists",
        ]
    assert (tmp_path / "_posts/two.md").read_bytes() == b"\0\xff"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_large_file_goes_both_ways_whole(tmp_path: Path) -> None:
    write(
        tmp_path,
        "large.py",
        TELL
        + """
import hashlib, random
for size in (0, 1, 65536, 65537, 524288, 524289, 1048576, 5_000_000):
    data = random.Random(size).randbytes(size)
    storage.write("large", data)
    assert storage.read("large") == data, size
tell(storage.write, "large", bytes(5_000_001))
tell(storage.write, "small", b"after the failure")
print(storage.read("large") == data, storage.read("small"))
""",
    )
    async with serving(tmp_path, storage={"file_size": 5_000_000}) as site:
        assert (await site.get("/large")).text.splitlines() == [
            "OSError EFBIG /large the file has 5000001 bytes; scripts read and write 5000000 at most",
            "None",
            "True b'after the failure'",
        ]


@pytest_twisted.ensureDeferred
async def test_what_a_script_has_written_is_what_the_next_request_gets(tmp_path: Path) -> None:
    write(tmp_path, "publish.py", "storage.write('page.html', form['text'])\nstorage.write('told.py', form['script'])")
    async with serving(tmp_path) as site:
        for number in range(20):
            assert (await site.get(f"/publish?text={number}&script=print({number})")).status == 200
            assert (await site.get("/page.html")).text == str(number)
            assert (await site.get("/told")).text == f"{number}\n"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_what_is_neither_text_nor_bytes_is_not_written(tmp_path: Path) -> None:
    script = "storage.write('a', bytearray(b'x'))\n"
    script += "for data in (5, None, ['x']):\n  try: storage.write('a', data)\n  except TypeError: print('no')"
    write(tmp_path, "start.py", script)
    async with serving(tmp_path) as site:
        assert (await site.get("/start")).text == "no\n" * 3
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest_twisted.ensureDeferred
async def test_the_settings_say_where_scripts_may_write(tmp_path: Path) -> None:
    text = TELL + "for path in ('/a/x', '/b/x', '/a/b/x', '/_folder.toml', '/a/.x', '/../x', '/a/\\udcff'):\n"
    text += "    tell(storage.write, path, 'x')\n"
    write(tmp_path, "all.py", text)
    write(tmp_path, "less/some.py", text)
    write(tmp_path, "less/_folder.toml", 'writable = ["/a/b", "/b"]')
    write(tmp_path, "less/none/none.py", text)
    write(tmp_path, "less/none/_folder.toml", "writable = []")
    write(tmp_path, "less/more/more.py", text)
    write(tmp_path, "less/more/_folder.toml", 'writable = ["/"]')
    forbidden = "PermissionError EPERM {} the settings of this site do not let its scripts write here"
    rest = [
        "PermissionError EPERM /_folder.toml _folder.toml is protected: no script may change it",
        "PermissionError EPERM /a/.x .x is protected: no script may change it",
        "PermissionError EPERM /../x this leads out of the site",
    ]

    def expected(*allowed: str) -> list[str]:
        return [*("None" if p in allowed else forbidden.format(p) for p in ("/a/x", "/b/x", "/a/b/x")), *rest]

    async with serving(tmp_path, storage={"writable": ["/a"]}) as site:
        for path, allowed in (
            ("/all", ("/a/x", "/a/b/x")),
            ("/less/some", ("/a/b/x",)),
            ("/less/none/none", ()),
            ("/less/more/more", ("/a/b/x",)),
        ):
            lines = (await site.get(path)).body.decode("utf-8", "replace").splitlines()
            assert lines[:6] == expected(*allowed), path
            assert "EINVAL" in lines[6]


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_full_quota_is_an_error_that_says_so(tmp_path: Path) -> None:
    write(tmp_path, "fill.py", TELL + "for n in range(4): tell(storage.write, str(n), bytes(100_000))")
    async with serving(tmp_path, storage={"quota": "400K"}) as site:
        lines = (await site.get("/fill")).text.splitlines()
    assert lines[0] == "None"
    assert lines[-1].startswith("OSError EDQUOT /3 the site may occupy 409600 bytes, and ")


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_links_lead_no_write_out_of_the_site(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    write(tmp_path, "outside/victim", "kept")
    site_folder = tmp_path / "site"
    write(
        site_folder,
        "evil.py",
        TELL
        + """
for act in (storage.read, storage.remove, storage.make_folder, lambda path: storage.write(path, "x"), storage.names):
    tell(act, "link/victim")
tell(lambda: storage.write("file", "x"))
""",
    )
    (site_folder / "link").symlink_to("../outside")
    (site_folder / "file").symlink_to("../outside/victim")
    async with serving(site_folder) as site:
        lines = (await site.get("/evil")).text.splitlines()
    assert [line.split()[0] for line in lines] == ["PermissionError"] * 6
    assert os.listdir(tmp_path / "outside") == ["victim"]
    assert (tmp_path / "outside/victim").read_text() == "kept"


HOLD = {
    "ends": "lock.__enter__()",
    "fails": "lock.__enter__(); 1 / 0",
    "hangs": "lock.__enter__()\nwhile True: pass",
    "sleeps": "lock.__enter__()\nimport time\ntime.sleep(60)",
    "waits": "storage.lock('/_other').__enter__()\nlock.__enter__()\nstorage.lock('/_taken', 60).__enter__()",
    "leaves a thread behind": "import threading\nt = threading.Thread(target=lock.__enter__)\nt.start()\nt.join()",
}


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("how", HOLD)
async def test_a_lock_is_free_again_however_its_script_ends(tmp_path: Path, how: str) -> None:
    write(tmp_path, "impatient/_folder.toml", "timeout = '0.3s'")
    write(tmp_path, "impatient/hold.py", "lock = storage.lock('/_count')\n" + HOLD[how])
    write(tmp_path, "take.py", "with storage.lock('/_count', 20): print('mine')")
    write(tmp_path, "keep.py", "import time\nwith storage.lock('/_taken'): print('kept', flush=True); time.sleep(60)")
    async with serving(tmp_path, pool={"grace": "0.1s"}, drain="0s") as site:
        keeper = None
        if how == "waits":
            keeper = await site.connect()
            keeper.send(b"GET /keep HTTP/1.1\r\nHost: a\r\n\r\n")
            await keeper.until(b"kept")
        # Who waits may wait for all of its time: then its lock is late at the moment at which it is too.
        expected = {"fails": [500], "hangs": [504], "sleeps": [504], "waits": [500, 504]}
        assert (await site.get("/impatient/hold")).status in expected.get(how, [200])
        assert (await site.get("/take")).text == "mine\n"
        if keeper is not None:
            await keeper.close()


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_lock_is_free_again_when_its_client_goes_away(tmp_path: Path) -> None:
    write(tmp_path, "hold.py", "storage.lock('/_count').__enter__()\nprint('held', flush=True)\nwhile True: pass")
    write(tmp_path, "take.py", "with storage.lock('/_count', 20): print('mine')")
    async with serving(tmp_path) as site:
        client = await site.connect()
        client.send(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.until(b"held")
        await client.close()
        assert (await site.get("/take")).text == "mine\n"


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_lock_is_free_while_the_answer_goes_to_a_slow_client(tmp_path: Path) -> None:
    write(tmp_path, "slow.py", "storage.lock('/_count').__enter__()\nprint('x' * 30_000_000)")
    write(tmp_path, "take.py", "with storage.lock('/_count', 20): print('mine')")
    async with serving(tmp_path, pool={"output_buffer": "64M"}, drain="0s") as site:
        client = await site.connect()
        client.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.until(b"xxx")
        client.pause()
        assert (await site.get("/take")).text == "mine\n"
        await client.close()


@pytest.mark.isolation("threads", "workers")
@pytest_twisted.ensureDeferred
async def test_a_script_waits_for_its_lock_only_so_long(tmp_path: Path) -> None:
    write(tmp_path, "hold.py", "storage.lock('/_count').__enter__()\nprint('held', flush=True)\nwhile True: pass")
    write(tmp_path, "take.py", TELL + "tell(storage.lock('/_count', 0.05).__enter__)")
    async with serving(tmp_path) as site:
        client = await site.connect()
        client.send(b"GET /hold HTTP/1.1\r\nHost: a\r\n\r\n")
        await client.until(b"held")
        assert (await site.get("/take")).text == "TimeoutError ETIMEDOUT /_count other requests still hold it\n"
        await client.close()
