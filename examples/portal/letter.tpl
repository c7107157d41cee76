<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>A letter · Portal</title>
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
<h1>Dear $name</h1>
<p class="lead">Greetings from $place. All of this is one text file; the two names come from the address.</p>
<p><a class="button" href="letter.tpl?name=Grace&amp;place=New+York">Write to Grace</a></p>
</main>
</body>
</html>
