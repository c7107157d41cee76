"""The kinds of resources that a path may become: file, script, listing, redirect and their kin."""
