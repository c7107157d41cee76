"""One connection: reading, answering in order, limits of time and of buffers, closing."""
