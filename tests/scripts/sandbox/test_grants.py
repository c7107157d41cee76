"""What a policy grants is there, and nothing beside it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.process

Run = Callable[..., Any]


def test_a_script_connects_where_the_network_is_granted(run_confined: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(b"hello")

        thread = threading.Thread(target=greet)
        thread.start()
        ran = run_confined(
            f"import socket; print(socket.create_connection({server.getsockname()}).recv(5))", network=True
        )
        thread.join()
    assert ran.output == "b'hello'\n", ran.errors


def test_names_are_looked_up_where_the_network_is_granted(run_confined: Run) -> None:
    ran = run_confined("import socket; print(socket.getaddrinfo('localhost', 80)[0][4][1])", network=True)
    assert ran.output == "80\n", ran.errors


def test_a_program_runs_where_exec_is_granted(run_confined: Run) -> None:
    ran = run_confined("import subprocess; print(subprocess.check_output('echo hi | cat', shell=True))", exec=True)
    assert ran.output == "b'hi\\n'\n", ran.errors


def test_a_program_is_in_the_same_sandbox(run_confined: Run) -> None:
    ran = run_confined("import os; print(os.system('cat /etc/passwd'), os.system('unshare -r true') != 0)", exec=True)
    assert ran.output == f"{1 << 8} True\n"
    assert "/etc/passwd: Permission denied" in ran.errors


def test_a_program_that_takes_too_long_can_be_ended(run_confined: Run) -> None:
    ran = run_confined(
        """
        import subprocess
        try:
            subprocess.run(["sleep", "60"], timeout=0.1)
        except subprocess.TimeoutExpired:
            print("ended")
        """,
        exec=True,
    )
    assert ran.output == "ended\n", ran.errors


def test_a_program_may_not_signal_others(run_confined: Run) -> None:
    ran = run_confined(f"import os; os.kill({os.getpid()}, 0)", exec=True)
    assert "PermissionError: [Errno 1]" in ran.errors
