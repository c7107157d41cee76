"""Forgets the visitor's name and goes home."""

if hasattr(Session(), "user"):
    del Session().user
raise HTTP_REDIRECTION("index.py")
