"""The restrictions of worker processes, held by the kernel: Landlock, seccomp, resource limits."""
