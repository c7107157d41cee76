"""For members only: by the time that this runs, the guard has let them in."""

from html import escape

from _page import page

import twistedsite


class RequestHandler(twistedsite.RequestHandler):
    def Content(self):
        return page(
            "Members",
            f"<p>Welcome, {escape(self.rq.vars['auth-user'])}. You came by {self.rq.vars['auth-type']}.\n",
            up="../",
        )
