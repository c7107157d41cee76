"""`scriptsite check` finds what is Python 2 in a script, and says what to write instead."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from server_process import BIN, run

from twistedsite.tap.check import check
from twistedsite.tap.python2 import script_faults

FAULTS = [
    ("print 'a', b", "print is a function: write print('a', b)"),
    ("print 'a',", "print is a function: write print('a', end=' ')"),
    ("print", "print is a function: write print()"),
    ("print >>sys.stderr, 'a'", "print is a function: write print('a', file=sys.stderr)"),
    ("if 1: print f(x)[1]", "print is a function: write print(f(x)[1])"),
    ("x = 1; print `x`", "print is a function: write print(`x`)"),
    ("try: pass\nexcept (A, B), error:\n    pass", "write except (A, B) as error:"),
    ("try: pass\nexcept socket.error, e: pass", "write except socket.error as e:"),
    ("raise ValueError, 'no: %s' % x", "write raise ValueError('no: %s' % x)"),
    ("raise E, 'a', traceback", "write raise E('a')"),
    ("exec 'x = 1' in names", "exec is a function: write exec(code, names)"),
    ("x = `1` + `2`", "backticks are gone: write repr(…)"),
    ("if a <> b: pass", "<> is gone: write !="),
    ("x = ur'a'", "ur'…' is gone: write r'…', all text is Unicode"),
    ("os.chmod(p, 0755)", "octal numbers are written 0o755"),
    ("x = 10L", "numbers have no L: write 10"),
    ("def f(a, (b, c)): pass", "a tuple cannot be a parameter: take one, and unpack it inside"),
    ("f = lambda (a, b): a", "a tuple cannot be a parameter: take one, and unpack it inside"),
    ("if 1:\n        x = 1\n\ty = 2", "inconsistent use of tabs and spaces in indentation: indent with spaces only"),
    ("if d.has_key('a'): pass", "has_key is gone: write key in mapping"),
    ("for a, b in d.iteritems(): pass", "iteritems is gone: write items()"),
    ("isinstance(x, unicode)", "unicode is gone: write str"),
    ("for n in xrange(3): pass", "xrange is gone: write range"),
    ("x = raw_input()", "raw_input is gone: write input; a script that serves pages has nobody to ask"),
    ("x = file('a').read()", "file is gone: write open(…)"),
    ("x = reduce(f, xs)", "reduce is gone: write functools.reduce(…)"),
    ("import os, urllib2", "the module urllib2 is gone: write urllib.request"),
    ("from StringIO import StringIO", "the module StringIO is gone: write io"),
    ("import ConfigParser as c", "the module ConfigParser is gone: write configparser"),
    ("import urllib\nx = urllib.urlencode(d)", "urlencode is gone: write urllib.parse.urlencode"),
    ("n = sys.maxint", "maxint is gone: write sys.maxsize"),
]
FINE = [
    "print('a', end=' ')",
    "print(f'{a[\"b\"]}', file=x)",
    "text = 'print 1'  # print 2 <> `3`",
    "'''\nprint 'in a string'\nexcept A, b:\n'''",
    "def has_key(self): pass\nd.has_key(1)",
    "from functools import reduce\nreduce(f, xs)",
    "try:\n    unicode = unicode\nexcept NameError:\n    unicode = str",
    "def open_(file, long=1): return file, long",
    "x = {'a': 0, 'b': 00, 'c': 0o17, 'd': 0xFF, 'e': 1_000, 'f': 1e5, 'g': 0.5}",
    "except_ = 1, 2\nraise_ = (1, 2)\nraise ValueError('a', 'b')",
    "try: pass\nexcept (A, B): pass",
    "x = xs[1:2, 3]\nd = {1: print}\nlambda: print",
    "self.print = 1\nexec('x = 1')",
    "match = print\nprint = match",
]


@pytest.mark.parametrize(("source", "problem"), FAULTS)
def test_each_has_its_advice(source: str, problem: str, tmp_path: Path) -> None:
    found = list(script_faults(source.encode(), str(tmp_path / "x.py")))
    assert problem in [text for _, text in found]
    # Nothing of what Python itself says about the same line is told besides.
    assert not [text for _, text in found if "Missing parentheses" in text or "invalid syntax" in text]


@pytest.mark.parametrize("source", FINE)
def test_what_is_python_3_has_no_fault(source: str, tmp_path: Path) -> None:
    assert list(script_faults(source.encode(), str(tmp_path / "x.py"))) == []


@pytest.mark.process
def test_all_faults_of_a_file_are_told_in_the_order_of_their_lines(tmp_path: Path) -> None:
    script = tmp_path / "old.py"
    script.write_bytes(
        b"# -*- coding: latin-1 -*-\nimport urllib2\n\ndef page(name):\n    try:\n"
        b"        print '<p>Gr\xfc\xdfe', name\n    except IOError, error:\n        print error\n"
    )
    result = run(str(BIN / "scriptsite"), "check", "old.py", cwd=tmp_path)
    assert result.stdout.splitlines() == [
        "old.py:2: the module urllib2 is gone: write urllib.request",
        "old.py:6: print is a function: write print('<p>Grüße', name)",
        "old.py:7: write except IOError as error:",
        "old.py:8: print is a function: write print(error)",
    ]
    assert result.returncode == 1


def test_other_errors_of_syntax_are_told_as_python_tells_them(tmp_path: Path) -> None:
    found = list(script_faults(b"print 'a'\n", "x.py")) + list(script_faults(b"x = (\n", "x.py"))
    assert found == [(1, "print is a function: write print('a')"), (1, "'(' was never closed")]


def test_a_module_beside_the_script_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "StringIO.py").write_text("")
    (tmp_path / "a.py").write_text("import StringIO\nimport Queue\n")
    assert [fault.problem for fault in check(str(tmp_path)).faults] == ["the module Queue is gone: write queue"]


@pytest.mark.parametrize("module", ["cgi", "imp", "asyncore"])
def test_a_module_is_a_fault_only_where_this_python_has_it_no_more(module: str) -> None:
    is_fault = bool(list(script_faults(f"import {module}".encode(), "x.py")))
    assert is_fault is (module not in sys.stdlib_module_names)


@pytest.mark.parametrize(
    "text", [b"\xff\xfe\x00", b"'''", b"`", b"print `", b"((((", b"\\", b"except", b"raise", b"\r\r\n0L"]
)
def test_no_text_is_too_strange_to_be_judged(text: bytes) -> None:
    assert all(line >= 1 for line, _ in script_faults(text, "x.py"))
