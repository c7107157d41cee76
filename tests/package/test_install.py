"""`twistd` knows the server from a wheel, from an editable install and from a bare checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from server_process import ANY_PORT, clean_environment, run, running

pytestmark = pytest.mark.process

CHECKOUT = Path(__file__).parents[2]
TWISTD = ("-c", "from twisted.scripts.twistd import run; run()")
DEPENDENCIES = sysconfig.get_path("purelib")


class Environment:
    """A virtual environment of its own: it has our dependencies, by a path to this one's, but not us."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.bin = folder / "bin"
        self.python = str(self.bin / "python")
        (site_packages,) = folder.glob("lib/python*/site-packages")
        (site_packages / "dependencies.pth").write_text(f"{DEPENDENCIES}\n")

    def pip_install(self, *arguments: str) -> None:
        """Install what `arguments` say, from this machine only."""
        pip = (sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet")
        subprocess.run(
            [*pip, "--no-deps", "--no-index", "--no-build-isolation", "--ignore-installed", *arguments], check=True
        )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our wheel, built from this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir")
    subprocess.run([*pip, str(folder), str(CHECKOUT)], check=True)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture
def bare(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "venv")


def test_without_us_twistd_does_not_know_the_server(bare: Environment, tmp_path: Path) -> None:
    assert "scriptsite" not in run(bare.python, *TWISTD, "--help", cwd=tmp_path).stdout


def test_the_wheel_makes_twistd_twist_and_the_command_know_the_server(
    wheel: Path, bare: Environment, tmp_path: Path
) -> None:
    bare.pip_install(str(wheel))
    assert "scriptsite" in run(bare.python, *TWISTD, "--help", cwd=tmp_path).stdout
    assert "scriptsite" in run(bare.python, "-m", "twisted", "--help", cwd=tmp_path).stdout
    scriptsite = str(bare.bin / "scriptsite")
    assert run(scriptsite, "init", "mysite", cwd=tmp_path).returncode == 0
    with running(scriptsite, "serve", "--root", "mysite", *ANY_PORT, cwd=tmp_path) as server:
        assert "It works" in server.get()[1]
        assert server.get("nowhere")[0] == 404


def test_an_editable_install_makes_twistd_know_the_server(bare: Environment, tmp_path: Path) -> None:
    bare.pip_install("--editable", str(CHECKOUT))
    assert "scriptsite" in run(bare.python, *TWISTD, "--help", cwd=tmp_path).stdout


def test_a_checkout_makes_twistd_know_the_server(bare: Environment, tmp_path: Path) -> None:
    assert "scriptsite" in run(bare.python, *TWISTD, "--help", cwd=CHECKOUT).stdout
    shown = run(bare.python, *TWISTD, "--help", cwd=tmp_path, env=clean_environment(PYTHONPATH=str(CHECKOUT)))
    assert "scriptsite" in shown.stdout


def test_the_wheel_holds_one_plugin_our_data_and_no_package_of_twisted(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.startswith("twisted/")] == ["twisted/plugins/twistedsite_plugin.py"]
    assert {"twistedsite/py.typed", "twistedsite/tap/sample/index.html"} <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert len(tops) == 3
    assert {"twisted", "twistedsite"} < tops
