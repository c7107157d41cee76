"""The frame of the portal's pages. Names that begin with an underscore are never served; scripts import them."""

HEAD = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="style.css">
</head>
<body>
<header>
<a class="brand" href="index.py">Portal</a>
<a href="upload.html">Upload</a>
<a href="files/">Files</a>
<a href="about.md">About</a>
</header>
<main>
"""

FOOT = """\
</main>
<footer>Every page here is a file in one folder: change one, reload, and it is live.</footer>
</body>
</html>
"""
