"""twistedsite makes a folder a web site, scripts included: drop a file in, it is live."""

__version__ = "0.1.0"
