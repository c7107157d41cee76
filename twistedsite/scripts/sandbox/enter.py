"""Enters the sandbox, by steps in the only possible order. Call it in a new process with one thread, before scripts."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from twistedsite.scripts.sandbox import landlock, limits, seccomp
from twistedsite.scripts.sandbox.policy import Layer, SandboxPolicy, SandboxReport


class Step(NamedTuple):
    """One restriction."""

    name: str
    apply: Callable[[SandboxPolicy], tuple[Layer, ...]]


STEPS: Final = (
    Step("process group", limits.detach),
    Step("limits", limits.bound),
    Step("no new privileges", limits.freeze_privileges),  # required by the kernel for the next step, and for the last
    Step(landlock.FILES, landlock.apply),  # while the user can still open every granted path
    Step("own user", limits.drop_user),
    Step("seclusion", limits.close_to_others),  # a change of the user would undo it
    Step(seccomp.NAME, seccomp.apply),  # it refuses the calls of all steps above
)

_REHEARSAL: Final = (
    Step("limits", limits.rehearse),
    Step(landlock.FILES, landlock.rehearse),
    Step(seccomp.NAME, seccomp.rehearse),
)


def enter(policy: SandboxPolicy, parent: int | None = None, steps: Iterable[Step] = STEPS) -> SandboxReport:
    """Restrict this process for the rest of its life to what `policy` grants, as far as the kernel can.

    `parent`: the process to die with; where that has died already, this one exits. The report lists what could not be
    done, and the caller decides whether to go on without. The caller also closes descriptors, and sets the working
    directory. Raises RuntimeError in a process with several threads: the others would stay unrestricted.
    """
    if len(os.listdir("/proc/self/task")) != 1:
        raise RuntimeError("only a process with one thread can enter the sandbox")
    layers = _take(steps, policy)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
    return SandboxReport(tuple(layers))


def rehearse(policy: SandboxPolicy) -> None:
    """Run the code of `enter` without any effect, in a process whose children will enter.

    So the interpreter has specialised the code, and the filter is built, for all of them.
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
