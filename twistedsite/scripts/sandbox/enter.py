"""The way into the sandbox, in the one order that works. Called in a new process with one thread, before any script."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from twistedsite.scripts.sandbox import landlock, limits, seccomp
from twistedsite.scripts.sandbox.policy import Layer, SandboxPolicy, SandboxReport


class Step(NamedTuple):
    """One thing given up."""

    name: str
    apply: Callable[[SandboxPolicy], tuple[Layer, ...]]


STEPS: Final = (
    Step("process group", limits.detach),
    Step("limits", limits.bound),
    Step("no new privileges", limits.freeze_privileges),  # or else the kernel refuses the next, and the last
    Step(landlock.FILES, landlock.apply),  # while the user can still open every path that is granted
    Step("own user", limits.drop_user),
    Step("seclusion", limits.close_to_others),  # after the user, whose change undoes it
    Step(seccomp.NAME, seccomp.apply),  # it refuses all of the above
)

_REHEARSAL: Final = (
    Step("limits", limits.rehearse),
    Step(landlock.FILES, landlock.rehearse),
    Step(seccomp.NAME, seccomp.rehearse),
)


def enter(policy: SandboxPolicy, parent: int | None = None, steps: Iterable[Step] = STEPS) -> SandboxReport:
    """Give up all that `policy` does not grant, for the rest of this process, as far as the kernel can do it.

    `parent`: the process to die with; when that has died already, this one ends here. What could not be done is in the
    report, and whether to go on without is the caller's to decide. Closing descriptors, and the working directory, are
    the caller's too. Raises RuntimeError in a process with several threads: the others would stay outside.
    """
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("only a process with one thread can enter the sandbox")
    layers = _take(steps, policy)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
    return SandboxReport(tuple(layers))


def rehearse(policy: SandboxPolicy) -> None:
    """Run what entering consists of, as far as that changes nothing, in a process whose children will enter.

    Then the interpreter has adapted its code, and the filter is built, for all of them.
    """
    _take(_REHEARSAL, policy)


def _take(steps: Iterable[Step], policy: SandboxPolicy) -> list[Layer]:
    layers: list[Layer] = []
    for step in steps:
        try:
            layers += step.apply(policy)
        except OSError as error:
            layers.append(Layer(step.name, False, error.strerror or str(error)))
    return layers
