"""Small sites as they were written for the three older programs, in Python 2, and their conversion to Python 3.

What is done to them is mechanical: the usual fixers of fissix, which is lib2to3 kept alive; and the module of Httpdapy
is called by its name here.
"""

from __future__ import annotations

from pathlib import Path

from fissix.refactor import RefactoringTool, get_fixers_from_package
from site_files import write

SCRIPTSERVER = {
    "login.html": '<form action="login.py" method="post"><input name="user"></form>',
    "home.py": """
from cgi_text import quoted

print "<h1>Portal</h1>"
if hasattr(Session(), "user"):
    print "<p>Hello,", quoted(Session().user)
    print '<a href="logout.py">log out</a>'
else:
    print '<a href="login.html">log in</a>'
""",
    "cgi_text.py": """
import string

def quoted(text):
    if not isinstance(text, basestring):
        raise TypeError, "no text: " + `text`
    return text.replace("&", "&amp;").replace("<", "&lt;")
""",
    "login.py": """
if not request.has_key("user") or request["user"][0] == "":
    raise HTTP_REDIRECTION, "login.html"
Session().user = request["user"][0]
raise HTTP_REDIRECTION, "home.py"
""",
    "logout.py": """
try:
    del Session().user
except AttributeError, error:
    pass
raise HTTP_REDIRECTION, "home.py"
""",
    "counter.py": """
import sys
from StringIO import StringIO

try:
    Session().visits += 1
except AttributeError, error:
    Session().visits = 1
resp_headers["Content-type"] = "text/plain"
out = StringIO()
print >>out, Session().visits,
print >>sys.stdout, out.getvalue(), REQUEST_METHOD, QUERY_STRING, headers["user-agent"]
for name, values in request.iteritems():
    if len(values) <> 1:
        print name, ", ".join(map(str, values)),
""",
    "letter.tpl": "Dear $name, come at $hour.",
    "fail.py": "\nraise ValueError, 'as expected'\n",
}

DRAPACHE = {
    "blog/index.dbpy": """
dbpy.dropbox_import('_lib/posts.dbpy')
dbpy.templates.render('home.html', with_data={'posts': posts.published(), 'user': dbpy.session.get('user')})
""",
    "blog/_lib/posts.dbpy": """
import urllib

PATH = '/_data/posts.json'

def all_posts():
    try:
        return dbpy.io.json.load(PATH)
    except IOError, e:
        return {}

def published():
    found = []
    for name, post in all_posts().iteritems():
        if post['published']:
            found.append({'title': post['title'], 'link': 'post?' + urllib.urlencode({'name': name})})
    return sorted(found, key=lambda post: post['title'])

def need_login():
    if not dbpy.session.has_key('user'):
        dbpy.http.redirect('login')
""",
    "blog/login": """#DBPYEXECUTE
dbpy.session.start()
params = dbpy.http.post_params
if params.has_key('password'):
    if params['password'][0] == dbpy.io.file.read('/_data/password').strip():
        dbpy.session['user'] = 'ann'
        dbpy.http.redirect('.')
    dbpy.http.error(403, 'Wrong password')
print '<form method="post"><input name="password"></form>'
""",
    "blog/logout": "#DBPYEXECUTE\ndbpy.session.destroy()\ndbpy.http.redirect('.')\n",
    "blog/edit": """#DBPYEXECUTE
dbpy.dropbox_import('_lib/posts.dbpy')
posts.need_login()
name = dbpy.http.get_params['name'][0]
if not dbpy.http.post_params:
    print dbpy.templates.render_to_string('edit.html', {'name': name}),
    dbpy.die()
form = dict([(key, values[0]) for key, values in dbpy.http.post_params.items()])
saved = dbpy.io.json.open(posts.PATH, timeout=5)
saved[name] = {'title': form['title'], 'text': form['text'], 'published': form.has_key('published')}
dbpy.io.json.close(saved)
log = dbpy.io.file.open('/_data/log.txt', to='append')
print >>log, 'saved', name
dbpy.http.redirect('post?name=' + name)
""",
    "blog/post": """#DBPYEXECUTE
dbpy.dropbox_import('_lib/posts.dbpy')
try:
    post = posts.all_posts()[dbpy.http.get_params['name'][0]]
except KeyError, e:
    dbpy.http.error(404, 'No such post')
print '<h1>%s</h1>' % post['title'], dbpy.text.markdown_to_html(post['text'])
""",
    "blog/delete": """#DBPYEXECUTE
dbpy.dropbox_import('_lib/posts.dbpy')
posts.need_login()
saved = dbpy.io.json.open(posts.PATH)
del saved[dbpy.http.get_params['name'][0]]
dbpy.http.redirect('.', immediately=False)
""",
    "blog/_templates/base.html": "<title>{% block title %}{% endblock %}</title>{% block body %}{% endblock %}",
    "blog/_templates/home.html": (
        '{% extends "base.html" %}{% block title %}Blog{% endblock %}{% block body %}'
        '{% for post in posts %}<a href="{{ post.link }}">{{ post.title }}</a>{% endfor %}'
        '{% if user %}<a href="logout">log out</a>{% endif %}{% endblock %}'
    ),
    "_templates/edit.html": '<form method="post">{{ name }}<input name="title"></form>',
    "_templates/index.html": "{{ path }}: {{ files|join(' ') }}",
    "static/style.css": "h1 { color: green }",
    "_data/password": "tea\n",
}

HTTPDAPY = {
    "_folder.toml": 'dialect = "handler"\n[options]\nwho = "World"\n',
    "hello.py": """
import httpdapi

class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return "Hello, %s!" % self.pb["who"]
""",
    "shared.py": """
visits = 0L

def one_more():
    global visits
    visits = visits + 1
    return visits
""",
    "inside.py": """
import httpdapi
import string, urllib
import shared

class RequestHandler(httpdapi.RequestHandler):
    def __init__(self, pb, rq, sn):
        httpdapi.RequestHandler.__init__(self, pb, rq, sn)
        self.content_type = "text/plain"
        self.lines = []

    def Header(self):
        self.rq.srvhdrs.nvinsert("x-visit", str(shared.visits))
        httpdapi.RequestHandler.Header(self)

    def Content(self):
        shared.one_more()
        if self.rq.reqpb["query"] == "home":
            self.redirect = "hello"
            return ""
        env = self.build_cgi_env()
        self.hook_stdout()
        for name in ("method", "uri", "query", "protocol"):
            print name, self.rq.reqpb.findval(name)
        for name in ("auth-user", "path-info"):
            if self.rq.vars.has_key(name):
                print name, urllib.quote(self.rq.vars[name])
        print self.sn.client()["ip"], self.rq.request_header("x-colour", self.sn), env["REQUEST_METHOD"],
        if not self.pb.has_key("missing"):
            print filter(lambda word: word <> "", [self.pb.findval("who"), ""])
""",
    "form.py": """
import httpdapi

class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        fields = self.form_data()
        names = fields.keys()
        names.sort()
        try:
            self.rq.protocol_status(self.sn, int(fields["status"][0]))
        except KeyError, error:
            pass
        return "".join(["%s=%s;" % (name, ",".join(fields[name])) for name in names])
""",
    "members/_folder.toml": '[auth]\nmodule = "guard"\nrealm = "My Realm"\n[options]\nann = "tea"\n',
    "members/guard.py": """
import httpdapi

class AuthHandler(httpdapi.AuthHandler):
    def authenticate(self, user, password):
        if not self.pb.has_key(user):
            return 0
        return self.pb[user] == password
""",
    "members/who.py": """
import httpdapi

class RequestHandler(httpdapi.RequestHandler):
    def Content(self):
        return "%(auth-user)s by %(auth-type)s" % self.rq.vars
""",
}


def convert(site: dict[str, str], root: Path) -> None:
    """Write `site` below `root`, its scripts converted to Python 3 by a machine."""
    tool = RefactoringTool(get_fixers_from_package("fissix.fixes"))
    for name, text in site.items():
        if name.endswith((".py", ".dbpy")) or text.startswith("#DBPYEXECUTE"):
            text = str(tool.refactor_string(text.replace("httpdapi", "twistedsite") + "\n", name))
        write(root, name, text)
