"""The Resource tree: what a URL path becomes, and how each kind of thing answers."""
