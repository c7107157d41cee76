"""Decides who may enter this folder. A real one would ask a directory, and never keep passwords as they are."""

import hmac

import twistedsite


class AuthHandler(twistedsite.AuthHandler):
    def authenticate(self, user, password):
        known = str(self.pb.get(user, ""))
        return bool(known) and hmac.compare_digest(known.encode(), password.encode())
