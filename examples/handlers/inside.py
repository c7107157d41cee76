"""What Httpdapy's handlers found: the parameter blocks of the folder, of the request and of the answer."""

from _page import page, rows

import twistedsite

HEADERS = ("host", "accept", "accept-language")


class RequestHandler(twistedsite.RequestHandler):
    def Header(self):
        twistedsite.RequestHandler.Header(self)
        self.rq.srvhdrs["x-made-by"] = "inside.py"

    def Content(self):
        ip, dns = self.sn.client()
        headers = [(name, self.rq.request_header(name, self.sn)) for name in HEADERS]
        parts = [
            ("pb, the options of the folder", self.pb.items()),
            ("rq.reqpb, the request line", self.rq.reqpb.items()),
            ("rq.headers, some of them", headers),
            ("rq.vars", [("path-info", self.rq.vars["path-info"])]),
            ("sn.client()", [("ip", ip), ("dns", dns)]),
        ]
        body = "".join(f"<h2>{title}</h2>\n{rows(pairs)}" for title, pairs in parts)
        return page("Inside", body, up="../" * self.req.path_info.count("/"))
