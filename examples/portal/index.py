"""The home page: greets a visitor who has logged in, and shows the way to everyone else."""

from html import escape

from _layout import FOOT, HEAD

CARDS = [
    ("upload.html", "Upload a file", "A form with files; the script tells what it was sent, and keeps nothing."),
    ("hello.jinja", "A Jinja page", "Inheritance, loops and filters; everything is escaped by itself."),
    ("letter.tpl?name=Ada&amp;place=London", "A text template", "The simplest one: $name, filled from the address."),
    ("about.md", "A Markdown page", "Write text, get a page."),
    ("files/", "A folder", "No index in it, so its files are listed."),
    ("stream.py", "A page that streams", "Comes line by line while the script is still at work."),
    ("fail.py", "A script that fails", "In debug mode you are shown where and why; strangers never are."),
]

print(HEAD.format(title="Portal"))
if hasattr(Session(), "user"):
    print(f"""\
<h1>Hello, {escape(Session().user)}</h1>
<p class="lead">You are logged in. This name is kept in your session until you log out.</p>
<form class="hello" method="post" action="logout.py"><button>Log out</button></form>""")
else:
    print("""\
<h1>Welcome to the portal</h1>
<p class="lead">A small site of scripts, templates and files, to look at and to take apart.</p>
<div class="hello"><a class="button" href="login.html">Log in</a><p>and this page greets you by name.</p></div>""")

print('<ul class="cards">')
for link, title, text in CARDS:
    print(f'<li><a href="{link}"><h2>{title}</h2><p>{text}</p></a></li>')
print("</ul>")
print(FOOT)
