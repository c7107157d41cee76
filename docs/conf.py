"""How Sphinx builds the documentation: `make docs`."""

from __future__ import annotations

import twistedsite

project = "twistedsite"
author = "the twistedsite authors"
release = version = twistedsite.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = False
myst_heading_anchors = 3

# In docstrings, single backticks stand for code.
default_role = "code"
autodoc_typehints = "description"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = "twistedsite"
html_static_path = ["_static"]
pygments_style = "friendly"
highlight_language = "none"
