"""Descriptors that come with a message."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from twistedsite.scripts.runners.workers.wire.descriptors import receive
from twistedsite.scripts.runners.workers.wire.job_queue import in_memory


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a connection."""
    one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with one, other:
        yield one, other


@pytest.fixture
def file() -> Iterator[int]:
    """The descriptor of a file in memory."""
    descriptor = in_memory(b"content")
    yield descriptor
    os.close(descriptor)


def test_a_message_comes_with_its_descriptors_which_no_program_inherits(
    ends: tuple[socket.socket, socket.socket], file: int
) -> None:
    socket.send_fds(ends[0], [b"two"], [file, file])
    message, descriptors = receive(ends[1], 10, 3)
    assert message == b"two"
    assert [os.pread(descriptor, 10, 0) for descriptor in descriptors] == [b"content"] * 2
    assert not any(map(os.get_inheritable, descriptors))
    for descriptor in descriptors:
        os.close(descriptor)


def test_a_message_without_descriptors_has_none(ends: tuple[socket.socket, socket.socket]) -> None:
    socket.send_fds(ends[0], [b"none"], [])
    assert receive(ends[1], 10, 3) == (b"none", [])


@pytest.mark.parametrize("sent", [2, 3, 9])
def test_no_more_descriptors_come_than_are_wanted(
    ends: tuple[socket.socket, socket.socket], file: int, sent: int
) -> None:
    before = os.listdir("/proc/self/fd")
    socket.send_fds(ends[0], [b"many"], [file] * sent)
    message, descriptors = receive(ends[1], 10, 1)
    assert message == b"many"
    assert len(descriptors) == 1
    os.close(descriptors[0])
    assert os.listdir("/proc/self/fd") == before


def test_who_must_not_wait_for_a_message_does_not(ends: tuple[socket.socket, socket.socket]) -> None:
    with pytest.raises(BlockingIOError):
        receive(ends[1], 10, 1, socket.MSG_DONTWAIT)


def test_after_the_last_message_there_is_nothing(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].close()
    assert receive(ends[1], 10, 1) == (b"", [])
