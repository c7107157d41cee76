"""The smallest handler. The module stays loaded, so `visits` goes on counting until the file is changed."""

import itertools

from _page import page

import twistedsite

visits = itertools.count(1)


class RequestHandler(twistedsite.RequestHandler):
    def Content(self):
        return page(
            "Hello", f"<p>You are visitor {next(visits)} of {self.pb['school']}.\n<p><a href=hello>Once more</a>\n"
        )
