"""Messages between the server and a running script: plain data, and nothing that acts on it."""
