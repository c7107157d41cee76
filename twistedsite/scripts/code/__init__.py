"""A site's Python code: compiled, outlined by its syntax tree, and shown where it failed."""
