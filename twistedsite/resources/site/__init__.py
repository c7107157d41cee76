"""What all resources of a site share: its context, its services, the base class, error pages."""
