"""What the server remembers of a visitor between two requests: the store's interface and its kinds."""
