"""What holds for every test."""

from __future__ import annotations

from hypothesis import settings

# The same examples in every run, and no deadline: how fast this machine is just now is nobody's fault.
settings.register_profile("project", derandomize=True, deadline=None)
settings.load_profile("project")
