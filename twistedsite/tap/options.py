"""The options of `twistd scriptsite`, `twist scriptsite` and `scriptsite serve`."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

from twisted.copyright import version as twisted_version
from twisted.python import usage

from twistedsite import __version__
from twistedsite.settings.describe import spell
from twistedsite.settings.load import SettingsError
from twistedsite.settings.server import ServerSettings
from twistedsite.settings.sources import KNOBS, Knob, LoadedSettings, load_server_settings
from twistedsite.settings.units import Duration, Size

_PLACEHOLDERS = {
    "root": "FOLDER",
    "pythonpath": "FOLDER",
    "listen": "ENDPOINT",
    "sessions": "memory|sqlite:PATH",
    "access_log": "PATH|-|off",
    "health": "URL-PATH",
}
_SETTINGS_TEXT = "The settings file, in TOML. What it says counts less than the environment and the options."
_ABOUT = """\
Makes a folder a web site, scripts included: put a file into it, and it is there at the next request.

  {program} --root ./site
  {program} --root ./site --listen tcp:8000 --debug
"""
_NOTES = (
    "Each option has an environment variable too: SCRIPTSITE_ROOT for --root, SCRIPTSITE_MAX_BODY for --max-body, …"
)


class Options(usage.Options):
    """Parsed options; `loaded` holds the settings once `parseOptions` has returned.

    Options that cannot be used end the program with one line on standard error and exit status 1.
    """

    optFlags = [[name, None, ""] for knob in KNOBS if knob.is_switch for name in (knob.option, f"no-{knob.option}")]
    optParameters = [
        ["settings", None, None, ""],
        *([knob.option, None, None, ""] for knob in KNOBS if not knob.is_switch and not knob.is_list),
    ]

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        super().__init__()
        for knob in KNOBS:
            if knob.is_list:
                self[knob.option] = []
        self._environ = os.environ if environ is None else environ
        self.loaded: LoadedSettings

    @property
    def settings(self) -> ServerSettings:
        """The settings of the server."""
        return self.loaded.settings

    def opt_listen(self, endpoint: str) -> None:
        """Listen there."""
        self["listen"].append(endpoint)

    def opt_pythonpath(self, folder: str) -> None:
        """Let folders name this one in their `pythonpath`."""
        self["pythonpath"].append(folder)

    def opt_version(self) -> None:
        """Print the version and exit."""
        print(f"scriptsite {__version__} (Twisted {twisted_version})")  # noqa: T201  # what was asked for
        raise SystemExit(0)

    def parseArgs(self, *arguments: str) -> None:
        if arguments:
            raise usage.UsageError(f"unexpected {arguments[0]!r}; the folder to serve is given by --root")

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        try:
            super().parseOptions(options)
        except (usage.UsageError, SettingsError) as error:
            raise SystemExit(f"scriptsite: {error}") from None

    def postOptions(self) -> None:
        self.loaded = load_server_settings(self._given(), self._environ, os.getcwd())

    def _given(self) -> dict[str, object]:
        given: dict[str, object] = {"settings": self["settings"]} if self["settings"] else {}
        for knob in KNOBS:
            if knob.is_switch:
                if self[knob.option] or self[f"no-{knob.option}"]:
                    given[knob.name] = not self[f"no-{knob.option}"]
            elif self[knob.option] not in (None, []):
                given[knob.name] = self[knob.option]
        return given

    def getSynopsis(self) -> str:
        return f"Usage: {self._program()} [options]"

    def getUsage(self, width: int | None = None) -> str:
        width = width or int(os.environ.get("COLUMNS", "80"))
        lines = [_ABOUT.format(program=self._program()), "Options:"]
        lines += _entry("--settings FILE", _SETTINGS_TEXT, width)
        for knob in KNOBS:
            lines += _entry(_spelling(knob), _help(knob), width)
        lines += _entry("--version", "Print the version and exit.", width)
        lines += _entry("--help", "Print this and exit.", width)
        return "\n".join([*lines, "", *textwrap.wrap(_NOTES, width), ""])

    def _program(self) -> str:
        parent = self.parent
        if parent is None:
            return "scriptsite serve"
        return f"{'twistd -n' if 'nodaemon' in parent else 'twist'} scriptsite"


def _entry(name: str, text: str, width: int) -> list[str]:
    body = textwrap.wrap(text, max(width - 6, 30), initial_indent=" " * 6, subsequent_indent=" " * 6)
    return [f"  {name}", *body]


def _spelling(knob: Knob) -> str:
    if knob.is_switch:
        return f"--{knob.option}, --no-{knob.option}"
    return f"--{knob.option} {_PLACEHOLDERS.get(knob.name) or _placeholder(knob.note.type)}"


def _placeholder(kind: Any) -> str:
    if get_origin(kind) is None:
        return {Duration: "TIME", Size: "SIZE"}.get(kind, "TEXT")
    choices = get_args(kind)
    return "|".join(choices) if isinstance(choices[0], str) else "N"


def _help(knob: Knob) -> str:
    default = knob.note.default
    text = knob.note.text + (" Can be given several times." if knob.is_list else "")
    if knob.is_switch:
        return f"{text} [{'on' if default else 'off'}]"
    return f"{text} [{spell(default)}]" if default else text
