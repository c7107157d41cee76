"""Strangers' scripts, each in a process of its site: pre-forked, warm, bounded, and killed when their time is up.

The server execs one zygote, which forks the workers: it is small, has one thread and holds no secret. `frames` is what
both sides speak; `zygote`, `worker`, `channel`, `remote` and `confine` run on the far side and never import Twisted;
`runner`, `pool`, `link`, `spawner` and `broker` are the server's side.
"""
