"""From the host of a request to a site: the registry of sites, the sites that are up, and the root resource."""
