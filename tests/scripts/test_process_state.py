"""What a script changes of the process is put back at its end; what an imported module sets up stays."""

from __future__ import annotations

from pathlib import Path

import pytest
import pytest_twisted
from site_files import write

from twistedsite.testing import serving

BOTH = pytest.mark.isolation("threads", "workers", sandbox="off")
ONE = {"threads": 1, "workers": {"max_workers": 1}}

CHANGES = {
    "handlers": ("import logging\nlogging.basicConfig(force=True)", "import logging\nprint(logging.root.handlers)"),
    "level": (
        "import logging\nshop = logging.getLogger('shop')\nshop.setLevel(10)\nshop.addHandler(logging.NullHandler())",
        "import logging\nprint(logging.getLogger('shop').level, logging.getLogger('shop').handlers)",
    ),
    "disable": ("import logging\nlogging.disable(50)", "import logging\nprint(logging.root.manager.disable)"),
    "warnings": ("import warnings\nwarnings.simplefilter('error')", "import warnings\nprint(warnings.filters)"),
    "decimal": ("import decimal\ndecimal.getcontext().prec = 3", "import decimal\nprint(decimal.getcontext().prec)"),
    "environ": (
        "import os\nos.environ['SCRIPT'] = 'x'\nos.environ.pop('PATH', '')",
        "import os\nprint(os.environ.get('SCRIPT'), os.environ.get('PATH'))",
    ),
    "zone": (
        "import os, time\nos.environ['TZ'] = 'Asia/Tokyo'\ntime.tzset()",
        "import time\nprint(time.tzname, time.localtime(0).tm_hour)",
    ),
    "locale": (
        "import locale\nlocale.setlocale(locale.LC_ALL, 'C')",
        "import locale\nprint(locale.setlocale(locale.LC_ALL))",
    ),
    "timeout": ("import socket\nsocket.setdefaulttimeout(3)", "import socket\nprint(socket.getdefaulttimeout())"),
    "recursion": ("import sys\nsys.setrecursionlimit(5000)", "import sys\nprint(sys.getrecursionlimit())"),
    "builtins": (
        "import builtins\nbuiltins.shout = print\nbuiltins.copyright = 7",
        "import builtins\nprint(hasattr(builtins, 'shout'), builtins.copyright)",
    ),
    "collector": (
        "import gc\ngc.disable()\ngc.set_threshold(3)",
        "import gc\nprint(gc.isenabled(), gc.get_threshold())",
    ),
    "hooks": (
        "import sys, threading\nsys.excepthook = threading.excepthook = print",
        "import sys, threading\nprint(sys.excepthook, threading.excepthook)",
    ),
}


@BOTH
@pytest.mark.parametrize(("change", "show"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("end", ["", "1 / 0"], ids=["end", "failure"])
@pytest_twisted.ensureDeferred
async def test_what_a_script_changes_ends_with_it(tmp_path: Path, change: str, show: str, end: str) -> None:
    write(tmp_path, "change.py", f"{change}\n{end}")
    write(tmp_path, "show.py", show)
    async with serving(tmp_path, **ONE) as site:
        before = (await site.get("/show.py")).text
        assert before
        await site.get("/change.py")
        assert (await site.get("/show.py")).text == before


@pytest.mark.isolation("workers", sandbox="off")
@pytest_twisted.ensureDeferred
async def test_a_signal_handler_ends_with_its_script(tmp_path: Path) -> None:
    write(tmp_path, "change.py", "import signal\nsignal.signal(signal.SIGUSR1, print)")
    write(tmp_path, "show.py", "import signal\nprint(signal.getsignal(signal.SIGUSR1))")
    async with serving(tmp_path, **ONE) as site:
        before = (await site.get("/show.py")).text
        await site.get("/change.py")
        assert (await site.get("/show.py")).text == before


@BOTH
@pytest_twisted.ensureDeferred
async def test_a_seed_does_not_make_the_next_script_guessable(tmp_path: Path) -> None:
    write(tmp_path, "seed.py", "import random\nrandom.seed(1)\nprint(random.random())")
    write(tmp_path, "draw.py", "import random\nprint(random.random())")
    async with serving(tmp_path, **ONE) as site:
        drawn = set()
        for _ in range(3):
            await site.get("/seed.py")
            drawn.add((await site.get("/draw.py")).text)
    assert len(drawn) == 3


@BOTH
@pytest_twisted.ensureDeferred
async def test_what_a_module_sets_up_at_import_stays_with_it(tmp_path: Path) -> None:
    write(tmp_path, "_setup.py", "import os, sys\nos.environ['SET_UP'] = 'yes'\nsys.setrecursionlimit(2345)")
    write(
        tmp_path,
        "x.py",
        "import os, sys\nos.environ['OWN'] = sys.setrecursionlimit(4000) or 'x'\nimport _setup\n"
        "print(os.environ['SET_UP'], sys.getrecursionlimit())",
    )
    write(tmp_path, "show.py", "import os, sys\nprint(os.environ.get('SET_UP'), sys.getrecursionlimit())")
    write(tmp_path, "clean.py", "import os, sys\nos.environ.pop('SET_UP')\nsys.setrecursionlimit(1000)\nimport _undo")
    write(tmp_path, "_undo.py", "import os, sys\nos.environ.pop('SET_UP', None)\nsys.setrecursionlimit(1000)")
    async with serving(tmp_path, autoreload=False, **ONE) as site:
        assert (await site.get("/x.py")).text == "yes 2345\n"
        try:
            assert (await site.get("/show.py")).text == "yes 2345\n"
        finally:
            await site.get("/clean.py")


@BOTH
@pytest_twisted.ensureDeferred
async def test_a_script_that_logs_to_its_page_does_not_log_to_others(tmp_path: Path) -> None:
    write(
        tmp_path,
        "x.py",
        "import logging as l, sys\nl.basicConfig(stream=sys.stdout, force=True)\nl.error('mine')",
    )
    write(tmp_path, "y.py", "import logging\nlogging.error('another')\nprint('page')")
    async with serving(tmp_path, **ONE) as site:
        assert "mine" in (await site.get("/x.py")).text
        assert (await site.get("/y.py")).text == "page\n"
