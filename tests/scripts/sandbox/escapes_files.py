"""Ways to other people's files. The first part is before the sandbox is entered, what follows `yield` is inside."""

from __future__ import annotations

import ctypes
import os
import socket
from collections.abc import Iterator
from errno import EACCES, EPERM, EXDEV
from fcntl import ioctl
from signal import SIGSYS

from attempts import LANDLOCK, SECCOMP, USER, attempts
from cell import SECRET, Case, memory

from twistedsite.scripts.sandbox.kernel import syscall
from twistedsite.scripts.sandbox.syscalls import DEADLY, MACHINES

ATTEMPTS, attempt = attempts()
COLUMN = MACHINES[os.uname().machine][0]
FIGETBSZ = 2  # include/uapi/linux/fs.h
HANDLE_BYTES = 128  # MAX_HANDLE_SZ (include/linux/exportfs.h)
libc = ctypes.CDLL(None, use_errno=True)


def checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "libc")
    return result


@attempt({LANDLOCK: EACCES})
def reading_a_neighbours_file(case: Case) -> Iterator[None]:
    yield
    assert (case.outside / "secret").read_text() == SECRET


@attempt({LANDLOCK: EACCES})
def reading_the_list_of_users(case: Case) -> Iterator[None]:
    yield
    with open("/etc/passwd") as file:
        file.read()


@attempt({LANDLOCK: EACCES})
def listing_a_neighbours_folder(case: Case) -> Iterator[None]:
    yield
    assert os.listdir(case.outside) == ["secret"]


@attempt({LANDLOCK: EACCES})
def writing_to_a_neighbours_file(case: Case) -> Iterator[None]:
    yield
    os.open(case.outside / "secret", os.O_WRONLY)


@attempt({LANDLOCK: EACCES})
def adding_a_file_to_a_neighbour(case: Case) -> Iterator[None]:
    yield
    (case.outside / "mine").write_text("x")


@attempt({LANDLOCK: EACCES})
def removing_a_neighbours_file(case: Case) -> Iterator[None]:
    yield
    (case.outside / "secret").unlink()


@attempt({LANDLOCK: EACCES})
def moving_a_neighbours_file_here(case: Case) -> Iterator[None]:
    yield
    (case.outside / "secret").rename(case.temporary / "secret")


@attempt({LANDLOCK: EACCES})
def moving_a_file_to_a_neighbour(case: Case) -> Iterator[None]:
    (case.temporary / "mine").write_text("x")
    yield
    (case.temporary / "mine").rename(case.outside / "mine")


@attempt({LANDLOCK: EXDEV})
def hard_linking_a_neighbours_file(case: Case) -> Iterator[None]:
    yield
    (case.temporary / "linked").hardlink_to(case.outside / "secret")


@attempt({LANDLOCK: EACCES})
def reading_through_a_symbolic_link_of_its_own(case: Case) -> Iterator[None]:
    yield
    (case.temporary / "link").symlink_to(case.outside / "secret")
    (case.temporary / "link").read_text()


@attempt({LANDLOCK: EACCES})
def reading_through_a_symbolic_link_in_the_site(case: Case) -> Iterator[None]:
    (case.root / "link").symlink_to(case.outside)
    yield
    (case.root / "link" / "secret").read_text()


@attempt({LANDLOCK: EACCES})
def reading_beside_the_folder_by_its_descriptor(case: Case) -> Iterator[None]:
    yield
    folder = os.open(case.root, os.O_DIRECTORY)
    os.open("../neighbour/secret", os.O_RDONLY, dir_fd=folder)


@attempt({LANDLOCK: EACCES})
def going_there_first(case: Case) -> Iterator[None]:
    yield
    os.chdir(case.outside)
    os.open("secret", os.O_RDONLY)


@attempt({LANDLOCK: EACCES})
def reading_by_the_root_in_proc(case: Case) -> Iterator[None]:
    yield
    os.open(f"/proc/self/root{case.outside}/secret", os.O_RDONLY)


@attempt({LANDLOCK: EACCES})
def opening_a_path_descriptor_again(case: Case) -> Iterator[None]:
    path = os.open(case.outside / "secret", os.O_PATH)
    yield
    os.open(f"/proc/self/fd/{path}", os.O_RDONLY)


@attempt({LANDLOCK: EACCES})
def reading_the_environment_of_another(case: Case) -> Iterator[None]:
    yield
    os.open(f"/proc/{case.victim}/environ", os.O_RDONLY)


@attempt({LANDLOCK: EACCES})
def opening_the_memory_of_another(case: Case) -> Iterator[None]:
    yield
    os.open(f"/proc/{case.victim}/mem", os.O_RDWR)


@attempt({LANDLOCK: EACCES})
def listing_all_processes(case: Case) -> Iterator[None]:
    yield
    os.listdir("/proc")


@attempt({LANDLOCK: EACCES})
def leaving_a_file_in_shared_memory(case: Case) -> Iterator[None]:
    path = f"/dev/shm/{case.victim}"
    yield
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    os.unlink(path)


@attempt({LANDLOCK: EACCES})
def changing_its_own_script(case: Case) -> Iterator[None]:
    yield
    os.open(case.root / "page.py", os.O_WRONLY)


@attempt({LANDLOCK: EACCES})
def adding_a_script_to_the_site(case: Case) -> Iterator[None]:
    yield
    (case.root / "new.py").write_text("x")


@attempt({LANDLOCK: EACCES, SECCOMP: EPERM})
def emptying_its_script_while_opening_it_to_read(case: Case) -> Iterator[None]:
    yield
    os.open(case.root / "page.py", os.O_RDONLY | os.O_TRUNC)


@attempt({LANDLOCK: EACCES, SECCOMP: EPERM})
def emptying_its_script_by_name(case: Case) -> Iterator[None]:
    yield
    os.truncate(case.root / "page.py", 0)


@attempt({LANDLOCK: EACCES, SECCOMP: EPERM})
def making_a_fifo(case: Case) -> Iterator[None]:
    yield
    os.mkfifo(case.temporary / "fifo")


@attempt({LANDLOCK: EACCES, SECCOMP: EPERM, USER: EPERM}, root=True)
def making_a_device(case: Case) -> Iterator[None]:
    yield
    os.mknod(case.temporary / "zero", 0o20666, os.makedev(1, 5))


@attempt({LANDLOCK: EACCES, SECCOMP: EPERM})
def making_a_socket_in_its_folder(case: Case) -> Iterator[None]:
    server = socket.socket(socket.AF_UNIX)
    yield
    server.bind(str(case.temporary / "socket"))


@attempt({SECCOMP: SIGSYS, USER: EPERM}, root=True)
def opening_a_file_by_its_handle(case: Case) -> Iterator[None]:
    handle = memory(HANDLE_BYTES.to_bytes(4, "little") + bytes(4 + HANDLE_BYTES))
    folder = os.open(case.outside, os.O_DIRECTORY)
    checked(libc.name_to_handle_at(folder, b"secret", handle, ctypes.byref(ctypes.c_int()), 0))
    yield
    # The kernel opens it by number: Landlock alone would judge it by where it is.
    syscall(DEADLY["open_by_handle_at"][COLUMN] or 0, folder, handle, os.O_PATH)


@attempt({SECCOMP: EPERM})
def changing_the_mode_of_a_neighbours_file(case: Case) -> Iterator[None]:
    yield
    os.chmod(case.outside / "secret", 0o666)


@attempt({SECCOMP: EPERM})
def changing_the_mode_of_an_open_file(case: Case) -> Iterator[None]:
    yield
    os.fchmod(os.open(case.root / "page.py", os.O_RDONLY), 0o666)


@attempt({SECCOMP: EPERM, USER: EPERM}, root=True)
def giving_a_neighbours_file_away(case: Case) -> Iterator[None]:
    yield
    os.chown(case.outside / "secret", 12345, 12345)


@attempt({SECCOMP: EPERM})
def changing_the_times_of_a_neighbours_file(case: Case) -> Iterator[None]:
    yield
    os.utime(case.outside / "secret", (1, 1))


@attempt({SECCOMP: EPERM})
def watching_a_neighbours_folder(case: Case) -> Iterator[None]:
    yield
    checked(libc.inotify_add_watch(checked(libc.inotify_init1(0)), bytes(case.outside), 0xFFF))


@attempt({SECCOMP: EPERM})
def an_ioctl_that_no_script_needs(case: Case) -> Iterator[None]:
    yield
    ioctl(os.open(case.root / "page.py", os.O_RDONLY), FIGETBSZ, bytes(4))


@attempt({SECCOMP: EPERM})
def keeping_files_in_memory_that_no_limit_counts(case: Case) -> Iterator[None]:
    yield
    os.memfd_create("mine")
