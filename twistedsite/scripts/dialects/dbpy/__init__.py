"""The dialect of Drapache: a script finds one name, `dbpy`, and in it all that it can do.

One concept a file: `script` runs it, `namespace` is the name `dbpy`, the others are its parts.
"""

from __future__ import annotations

from twistedsite.scripts.dialects.dbpy.script import run

__all__ = ["run"]
