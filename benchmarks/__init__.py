"""Side-by-side measurements of twistedsite and other servers; `python -m benchmarks` runs them (see `__main__`)."""
