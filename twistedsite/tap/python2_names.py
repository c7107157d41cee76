"""What Python 3 has no more, and what to write instead: the tables of `python2`."""

from __future__ import annotations

from typing import Final

NAMES: Final = {
    "unicode": "write str",
    "basestring": "write str",
    "xrange": "write range",
    "raw_input": "write input; a script that serves pages has nobody to ask",
    "unichr": "write chr",
}
"""Built-in names, wherever they stand."""

CALLED: Final = {
    "apply": "write function(*arguments)",
    "buffer": "write memoryview(…)",
    "cmp": "compare by < and ==",
    "execfile": "write exec(open(path).read(), names), or import the file",
    "file": "write open(…)",
    "intern": "write sys.intern(…)",
    "long": "write int(…)",
    "reduce": "write functools.reduce(…)",
    "reload": "write importlib.reload(…); the server reloads what has changed",
}
"""Built-in names that others may mean something else by, unless they are called."""

METHODS: Final = {
    "has_key": "write key in mapping",
    "iteritems": "write items()",
    "iterkeys": "write keys()",
    "itervalues": "write values()",
    "viewitems": "write items()",
    "viewkeys": "write keys()",
    "viewvalues": "write values()",
}
"""Methods, where they are called and the file defines none of the name."""

ATTRIBUTES: Final = {
    ("itertools", "ifilter"): "write filter(…)",
    ("itertools", "imap"): "write map(…)",
    ("itertools", "izip"): "write zip(…)",
    ("os", "getcwdu"): "write os.getcwd()",
    ("string", "join"): "write separator.join(words)",
    ("string", "letters"): "write string.ascii_letters",
    ("string", "lowercase"): "write string.ascii_lowercase",
    ("string", "maketrans"): "write str.maketrans(…)",
    ("string", "uppercase"): "write string.ascii_uppercase",
    ("sys", "exc_clear"): "leave it out",
    ("sys", "maxint"): "write sys.maxsize",
    ("sys", "setdefaultencoding"): "leave it out, text is Unicode",
    ("urllib", "quote"): "write urllib.parse.quote",
    ("urllib", "quote_plus"): "write urllib.parse.quote_plus",
    ("urllib", "unquote"): "write urllib.parse.unquote",
    ("urllib", "unquote_plus"): "write urllib.parse.unquote_plus",
    ("urllib", "urlencode"): "write urllib.parse.urlencode",
    ("urllib", "urlopen"): "write urllib.request.urlopen",
    ("urllib", "urlretrieve"): "write urllib.request.urlretrieve",
}
"""Module and attribute."""

MODULES: Final = {
    "BaseHTTPServer": "write http.server",
    "CGIHTTPServer": "write http.server",
    "ConfigParser": "write configparser",
    "Cookie": "write http.cookies, or use `cookies` and `resp_headers`",
    "HTMLParser": "write html.parser",
    "Queue": "write queue",
    "SimpleHTTPServer": "write http.server",
    "SocketServer": "write socketserver",
    "StringIO": "write io",
    "UserDict": "write collections",
    "__builtin__": "write builtins",
    "anydbm": "write dbm",
    "asynchat": "use asyncio",
    "asyncore": "use asyncio",
    "cPickle": "write pickle",
    "cStringIO": "write io",
    "cgi": "use `form` and `files`; html.escape for cgi.escape",
    "cgitb": "leave it out: the setting `debug` shows tracebacks",
    "commands": "write subprocess",
    "cookielib": "write http.cookiejar",
    "crypt": "use hashlib.scrypt",
    "distutils": "use setuptools",
    "dummy_thread": "write _thread",
    "htmlentitydefs": "write html.entities",
    "httplib": "write http.client",
    "imp": "write importlib",
    "md5": "write hashlib",
    "mod_python": "write twistedsite: `from twistedsite import RequestHandler`",
    "new": "write types",
    "pipes": "write shlex, for pipes.quote",
    "robotparser": "write urllib.robotparser",
    "sets": "write set",
    "sha": "write hashlib",
    "simplejson": "write json",
    "thread": "write _thread, or better threading",
    "urllib2": "write urllib.request",
    "urlparse": "write urllib.parse",
    "xmlrpclib": "write xmlrpc.client",
}
"""Modules that this Python may not have: those that it has, or that lie beside the script, are no fault."""
