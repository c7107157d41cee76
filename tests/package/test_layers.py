"""The rooms of the house: who may import whom stands in pyproject.toml."""

from __future__ import annotations

import ast
import re
import subprocess
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest
from server_process import BIN

ROOT = Path(__file__).parents[2]
FILE_ACCESS = re.compile(
    r"isinstance\([\w.]*origin|LocalOrigin|\blstat\b|\bf?stat\(|\bpreadv?\b|\bos\.(?:open|read|path|dup)\b|\bopen\(\w*path"
)

SAME_CONCEPT = {
    "Request": "a request: as Twisted's resources see it, and as functions of a site see it",
    "Response": "a response: as functions of a site return it, and as tests of a site receive it",
}
"""Class name that stands twice in the package -> the one concept that it means."""


@pytest.mark.process
def test_dependencies_point_one_way_and_workers_load_no_twisted() -> None:
    judged = subprocess.run(
        [str(BIN / "lint-imports"), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert judged.returncode == 0, judged.stdout
    assert " 0 broken." in judged.stdout


def test_the_origin_is_the_only_door_to_files() -> None:
    files = [file for file in (ROOT / "twistedsite" / "resources").rglob("*.py") if file.name != "builder.py"]
    assert len(files) > 30
    assert {file.name: found for file in files if (found := FILE_ACCESS.findall(file.read_text()))} == {}


def test_no_modules_import_each_other_in_a_circle_not_even_for_types() -> None:
    graph = grimp.build_graph("twistedsite", cache_dir=None)
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as circle:
        pytest.fail(" imports ".join(reversed(circle.args[1])))


def test_a_class_name_stands_for_one_concept() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in sorted(ROOT.glob("twistedsite/**/*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(ROOT)))
    twice = {name: files for name, files in places.items() if len(files) > 1 and name not in SAME_CONCEPT}
    assert twice == {}
