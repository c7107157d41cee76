"""Ways out by sockets. What is before `yield` is done outside of the sandbox."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from errno import EACCES, EPERM

from attempts import LANDLOCK, SECCOMP, USER, attempts
from cell import Case

ATTEMPTS, attempt = attempts()
LOOPBACK = ("127.0.0.1", 0)


@attempt({SECCOMP: EPERM, LANDLOCK: EACCES})
def a_tcp_connection(case: Case) -> Iterator[None]:
    server = socket.create_server(LOOPBACK)
    yield
    socket.create_connection(server.getsockname())


@attempt({SECCOMP: EPERM, LANDLOCK: EACCES})
def connecting_a_socket_that_was_left_open(case: Case) -> Iterator[None]:
    server, client = socket.create_server(LOOPBACK), socket.socket()
    yield
    client.connect(server.getsockname())


@attempt({SECCOMP: EPERM, LANDLOCK: EACCES})
def taking_a_port(case: Case) -> Iterator[None]:
    server = socket.socket()
    yield
    server.bind(LOOPBACK)


@attempt({SECCOMP: EPERM})
def listening_on_any_port(case: Case) -> Iterator[None]:
    server = socket.socket()
    yield
    server.listen()


@attempt({SECCOMP: EPERM})
def accepting_a_neighbours_client(case: Case) -> Iterator[None]:
    server = socket.create_server(LOOPBACK)
    client = socket.create_connection(server.getsockname())
    yield
    server.accept()
    client.close()


@attempt({SECCOMP: EPERM})
def a_datagram(case: Case) -> Iterator[None]:
    server = socket.socket(type=socket.SOCK_DGRAM)
    server.bind(LOOPBACK)
    yield
    socket.socket(type=socket.SOCK_DGRAM).sendto(b"x", server.getsockname())


@attempt({SECCOMP: EPERM})
def a_listener_for_datagrams(case: Case) -> Iterator[None]:
    server = socket.socket(type=socket.SOCK_DGRAM)
    yield
    server.bind(LOOPBACK)


@attempt({SECCOMP: EPERM})
def ipv6(case: Case) -> Iterator[None]:
    yield
    socket.socket(socket.AF_INET6)


@attempt({SECCOMP: EPERM})
def the_kernels_own_sockets(case: Case) -> Iterator[None]:
    yield
    socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)


@attempt({SECCOMP: EPERM, USER: EPERM}, root=True)
def raw_packets(case: Case) -> Iterator[None]:
    yield
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)


@attempt({SECCOMP: EPERM})
def a_socket_of_the_machine(case: Case) -> Iterator[None]:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(case.outside / "socket"))
    server.listen()
    yield
    socket.socket(socket.AF_UNIX).connect(str(case.outside / "socket"))


@attempt({SECCOMP: EPERM, LANDLOCK: EPERM})
def an_abstract_socket(case: Case) -> Iterator[None]:
    server, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
    server.bind(f"\0{case.victim}")
    server.listen()
    yield
    client.connect(f"\0{case.victim}")


@attempt({SECCOMP: EPERM})
def a_datagram_from_a_pair(case: Case) -> Iterator[None]:
    server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    server.bind(str(case.outside / "socket"))
    yield
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"x", str(case.outside / "socket"))


@attempt({SECCOMP: EPERM})
def out_of_band_data(case: Case) -> Iterator[None]:
    one, _ = socket.socketpair()
    yield
    one.send(b"x", socket.MSG_OOB)


@attempt({SECCOMP: EPERM}, network=True)
def listening_where_connecting_is_granted(case: Case) -> Iterator[None]:
    yield
    socket.socket().listen()


@attempt({SECCOMP: EPERM, LANDLOCK: EACCES}, network=True)
def taking_a_port_where_connecting_is_granted(case: Case) -> Iterator[None]:
    yield
    socket.socket().bind(LOOPBACK)


@attempt({SECCOMP: EPERM}, network=True)
def a_socket_of_the_machine_where_the_network_is_granted(case: Case) -> Iterator[None]:
    yield
    socket.socket(socket.AF_UNIX)
