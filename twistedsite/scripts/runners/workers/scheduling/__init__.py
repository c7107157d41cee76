"""Which worker process the kernel prefers."""
