"""What this process has open, for tests that nothing stays open."""

from __future__ import annotations

import gc
import os


def open_descriptors() -> int:
    """How many descriptors this process has open."""
    # What earlier tests have left to the collector would be closed at any moment, and then the numbers differ.
    gc.collect()
    return len(os.listdir("/proc/self/fd"))
