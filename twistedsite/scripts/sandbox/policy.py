"""What a worker process may do, and which restrictions are in force, as plain data.

A SandboxPolicy is made by the server, sent to the zygote, and applied by `enter`; a SandboxReport comes back.
"""

from __future__ import annotations

import os
import sysconfig
from typing import Final

import msgspec

_MIB: Final = 1024 * 1024


class SandboxPolicy(msgspec.Struct, frozen=True):
    """What one site's workers may do. Paths are absolute. A path that does not exist grants nothing."""

    root: str
    """The site's folder: readable."""
    readable: tuple[str, ...] = ()
    """Further readable files and folders. `system_paths` lists those that an interpreter needs."""
    temporary: str | None = None
    """The only writable folder. The caller creates it, gives it to `uid`, and removes it."""
    uid: int | None = None
    """The user to run as; None keeps the user. It needs a process of root."""
    gid: int | None = None
    memory: int = 512 * _MIB
    """Bytes of address space (RLIMIT_AS)."""
    cpu: int = 600
    """Seconds of processor time in the worker's life."""
    file_size: int = 64 * _MIB
    """Most bytes of a file that is written."""
    open_files: int = 64
    processes: int = 64
    """Processes and threads of all workers of the user. It is applied where `uid` is given."""
    network: bool = False
    """May connect to others by TCP and UDP; never listen."""
    exec: bool = False
    """May start programs."""


class Layer(msgspec.Struct, frozen=True):
    """One restriction, and whether it is in force."""

    name: str
    holds: bool
    detail: str = ""
    """What holds it, or why it does not hold."""
    essential: bool = True
    """Without it there is no sandbox. Restrictions that are not essential are additional ones."""


class SandboxReport(msgspec.Struct, frozen=True):
    """Which restrictions hold. The caller decides whether they suffice."""

    layers: tuple[Layer, ...]

    @property
    def sufficient(self) -> bool:
        """Whether all essential restrictions hold, as `sandbox = "required"` demands."""
        return all(layer.holds for layer in self.layers if layer.essential)

    @property
    def missing(self) -> tuple[Layer, ...]:
        """The restrictions that do not hold."""
        return tuple(layer for layer in self.layers if not layer.holds)

    def summary(self) -> str:
        """One line for the log and for health."""
        holds = ", ".join(f"{layer.name} ({layer.detail})" for layer in self.layers if layer.holds)
        missing = "; ".join(f"{layer.name}: {layer.detail}" for layer in self.missing)
        verdict = "holds" if self.sufficient else "does not hold"
        return f"sandbox {verdict}: {holds or 'nothing'}. Missing: {missing or 'nothing'}."


_SYSTEM: Final = (
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/share/zoneinfo",
    "/usr/share/locale",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/ssl/openssl.cnf",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
)
_FOR_NETWORK: Final = (
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/ssl/certs",
    "/usr/share/ca-certificates",
    "/etc/pki",
)
_FOR_EXEC: Final = ("/bin", "/usr/bin", "/usr/local/bin")
_PACKAGE: Final = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def system_paths(network: bool = False, exec_: bool = False) -> tuple[str, ...]:
    """The paths that imports need: standard library, site-packages, this package, shared libraries, time zones."""
    names = sysconfig.get_paths()
    wanted = [names[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    wanted += [os.path.join(sysconfig.get_config_var("base"), "lib"), _PACKAGE, *_SYSTEM]
    wanted += [*(_FOR_NETWORK if network else ()), *(_FOR_EXEC if exec_ else ())]
    found = sorted({os.path.realpath(path) for path in wanted if os.path.exists(path)})
    return tuple(path for path in found if not any(path.startswith(f"{other}/") for other in found))
