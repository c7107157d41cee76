"""The server's side of worker processes: pools, jobs, processes, brokers."""
