"""Takes the form of login.html: remembers the visitor's name and goes home."""

name = form.get("user", "").strip()[:40]
if not name:
    raise HTTP_REDIRECTION("login.html")

Session().user = name
renew_session()  # a new id, so that one planted before the log-in is worth nothing
raise HTTP_REDIRECTION("index.py")
