"""Templates filled in for an exchange: Jinja2, and the error that names a template's file and line."""
