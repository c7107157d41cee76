"""A script: what it prints is the page."""

from datetime import datetime
from html import escape

visits = getattr(Session(), "visits", 0) + 1
Session().visits = visits

print(f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The clock</title>
<link rel="stylesheet" href="style.css">
</head>
<body>
<main>
<h1>{datetime.now():%H:%M:%S}</h1>
<p>You have seen this page {visits} time{"" if visits == 1 else "s"}.</p>
<p>Your browser calls itself <em>{escape(headers.get("user-agent", "nothing at all"))}</em>.</p>
<p><a href="./">Back</a></p>
</main>
</body>
</html>""")
