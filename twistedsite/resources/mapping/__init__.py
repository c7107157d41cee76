"""What a URL path becomes: the table, the look-up of a path, folder settings, and the builder of a site."""
