"""The server's side of what scripts reach: files of the site, background requests. No worker imports it."""
