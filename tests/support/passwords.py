"""What tests of guarded places say of themselves, and files of users whose hashes are quickly checked."""

from __future__ import annotations

import base64

from twistedsite.resources.auth.users import PasswordHash


def basic(user: str, password: str) -> dict[str, str]:
    """The header field of somebody who says that he is `user`."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def users_file(**passwords: str) -> str:
    """A file of users, by hashes of the least cost."""
    return "".join(f"{user}:{PasswordHash.of(text, ln=1, r=1, p=1)}\n" for user, text in passwords.items())
