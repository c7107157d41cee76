"""What runs in the zygote and in worker processes. Nothing here imports Twisted."""
