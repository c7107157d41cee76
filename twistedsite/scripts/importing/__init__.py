"""What a script's imports find, and under which names its modules lie.

`settings` says where to look, `interpreters` keeps the import namespaces of a server, `interpreter` is one of them, and
`modules` the table of what has been loaded there. `hook` stands in the place of `importlib.import_module`,
`plain_names` serves libraries that import modules of the site by name, `own_builtins` are the builtins of all this
code, and `main_module` is a script's own `__main__`.
"""
