"""What a worker process gives up before it runs a stranger's script, done by the kernel: Landlock, seccomp, limits."""
