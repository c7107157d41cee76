"""A form: shown at first, and when it comes back, what was in it. A name of `nobody` is sent home."""

from html import escape

from _page import page, rows

import twistedsite

FORM = """\
<form method="post" action="form.html">
<label>Your name <input name="name" required></label>
<label>A fruit <input name="fruit"></label>
<label>Another one <input name="fruit"></label>
<button>Send</button>
</form>
"""


class RequestHandler(twistedsite.RequestHandler):
    def Content(self):
        fields = self.form_data()
        if not fields:
            return page("A form", FORM)
        name = fields.get("name", [""])[0]
        if name == "nobody":
            self.redirect = "./"
            return ""
        fruits = ", ".join(fruit for fruit in fields.get("fruit", []) if fruit) or "no fruit"
        told = rows([("name", name), ("fruit", fruits)])
        return page("A form", f"<p>Thank you, {escape(name)}.\n{told}<p><a href=form.html>Another one</a>\n")
