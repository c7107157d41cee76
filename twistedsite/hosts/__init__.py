"""Which site a request means, by its host: the registry of sites, the sites that are up, and the way to them."""
