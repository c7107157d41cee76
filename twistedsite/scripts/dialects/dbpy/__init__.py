"""The dialect of Drapache: a script is given one name, `dbpy`, with all functions in it.

`script` runs a script, `namespace` is the name `dbpy`, and each other file is one part of it.
"""

from __future__ import annotations

from twistedsite.scripts.dialects.dbpy.script import run

__all__ = ["run"]
