"""Where a site's files come from: the local disk now; Dropbox and other servers behind the same interface."""
