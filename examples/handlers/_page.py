"""The frame of every page here. Names that begin with an underscore are never served; scripts import them."""

from html import escape

_FRAME = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="{up}icon.svg">
<link rel="stylesheet" href="{up}style.css">
</head>
<body>
<header><a href="{up}">Handlers</a></header>
<main>
<h1>{title}</h1>
"""
FOOT = "</main>\n</body>\n</html>\n"


def head(title, up=""):
    """How a page begins; `up` leads from its URL to the site's root."""
    return _FRAME.format(title=escape(title), up=up)


def page(title, body, up=""):
    """A whole page."""
    return head(title, up) + body + FOOT


def rows(pairs):
    """A table of names and values."""
    lines = (f"<tr><th scope=row>{escape(str(name))}<td>{escape(str(value))}" for name, value in pairs)
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>\n'
