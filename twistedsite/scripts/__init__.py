"""How a script runs: plain data in, plain data out, whatever the dialect and wherever it runs."""
