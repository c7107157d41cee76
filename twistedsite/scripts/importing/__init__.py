"""Imports of scripts: what they find, and under which names the modules are kept.

`interpreters` keeps the import namespaces of a server, `interpreter` is one of them, and `modules` is the table of its
loaded modules. `hook` replaces `importlib.import_module`, `plain_names` serves libraries that import modules of the
site by name, `own_builtins` are the builtins of the site's code, `main_module` is a script's own `__main__`, and
`installed` finds handlers that other packages bring.
"""
