"""Printing: after `hook_stdout` each line goes to the browser at once, as from a CGI program."""

import time

from _page import FOOT, head

import twistedsite

STEPS = ["Boil the water", "Warm the pot", "Add the leaves", "Wait", "Pour"]


class RequestHandler(twistedsite.RequestHandler):
    def Content(self):
        environ = self.build_cgi_env()
        self.hook_stdout()
        print(head("Tea, step by step"))
        print(f"<p>By {environ['REQUEST_METHOD']}, line by line.\n<ol>")
        for step in STEPS:
            print(f"<li>{step}")
            time.sleep(0.3)
        print("</ol>\n<p>Enjoy it.")
        print(FOOT)
