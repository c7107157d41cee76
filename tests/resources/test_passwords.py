"""Passwords and their hashes: what fits, what is kept, and that guessing a name is no quicker than a password."""

from __future__ import annotations

import base64
import hashlib
import threading
import unicodedata
from typing import Any

import pytest
import pytest_twisted
from hypothesis import given
from hypothesis import strategies as st
from passwords import users_file
from twisted.internet import reactor
from twisted.internet.defer import gatherResults

from twistedsite.http.message.basic import Credentials, challenge, parse_basic
from twistedsite.resources.auth import users
from twistedsite.resources.auth.passwords import Passwords, TooManyWaitError
from twistedsite.resources.auth.users import PasswordFile, PasswordHash, UsersError, users_line

PLAIN = st.characters(exclude_categories=["C"])


@given(st.text(PLAIN.filter(lambda letter: letter != ":"), min_size=1, max_size=50), st.text(PLAIN, max_size=50))
def test_credentials_come_out_as_they_were_put_in(user: str, password: str) -> None:
    sent = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
    wanted = Credentials(*(unicodedata.normalize("NFC", text) for text in (user, password)))
    assert parse_basic(sent) == parse_basic(sent.decode().replace("Basic", "bAsIc")) == wanted


@given(st.binary(max_size=100))
def test_whatever_comes_is_credentials_or_none(field: bytes) -> None:
    for sent in (field, b"Basic " + field, b"Basic " + base64.b64encode(field)):
        assert parse_basic(sent) is None or isinstance(parse_basic(sent), Credentials)


def test_a_realm_is_quoted() -> None:
    assert challenge('a "b" \\ é') == 'Basic realm="a \\"b\\" \\\\ é", charset="UTF-8"'.encode()


def test_a_hash_fits_its_password_and_is_never_the_same() -> None:
    one, other = PasswordHash.of("sesame"), PasswordHash.of("sesame")
    assert one.fits("sesame")
    assert not one.fits("Sesame")
    assert one.key != other.key
    again = PasswordHash.parse(str(one))
    assert again == one
    assert "sesame" not in str(one)


def test_a_hash_is_the_one_of_the_rfc() -> None:
    # RFC 7914, 12: the third vector, in PHC form.
    key = bytes.fromhex(
        "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887"
    )
    salt, spelled = (base64.b64encode(part).rstrip(b"=").decode() for part in (b"SodiumChloride", key))
    assert PasswordHash.parse(f"$scrypt$ln=14,r=8,p=1${salt}${spelled}").fits("pleaseletmein")


@pytest.mark.parametrize(
    "spelled",
    [
        "",
        "sesame",
        "$scrypt$",
        "$scrypt$ln=14,r=8,p=5$YWJjZGVmZ2hpag$",
        "$scrypt$ln=0,r=8,p=5$YWJjZGVmZ2hpag$YWJjZGVmZ2hpamFiY2RlZg",
        "$scrypt$ln=18,r=8,p=1$YWJjZGVmZ2hpag$YWJjZGVmZ2hpamFiY2RlZg",
        "$scrypt$ln=14,r=0,p=1$YWJjZGVmZ2hpag$YWJjZGVmZ2hpamFiY2RlZg",
        "$scrypt$ln=14,r=8,p=0$YWJjZGVmZ2hpag$YWJjZGVmZ2hpamFiY2RlZg",
        "$scrypt$ln=14,r=8,p=17$YWJjZGVmZ2hpag$YWJjZGVmZ2hpamFiY2RlZg",
        "$scrypt$ln=14,r=8,p=5$YWJj$YWJjZGVmZ2hpamFiY2RlZg",
        "$scrypt$ln=14,r=8,p=5$YWJjZGVmZ2hpag$YWJj",
        "$scrypt$ln=14,r=8,p=5$YWJjZGVmZ2hpag$" + "A" * 1000,
        "$argon2id$v=19$m=65536,t=3,p=4$YWJjZGVmZ2hpag$YWJjZGVmZ2hpamFiY2RlZg",
    ],
)
def test_what_is_no_hash_is_refused(spelled: str) -> None:
    with pytest.raises(ValueError, match=r"expected a hash|out of range|wrong length|base64"):
        PasswordHash.parse(spelled)


def test_blank_lines_comments_and_line_ends_of_windows_are_passed_over() -> None:
    text = "\ufeff# users\r\n\r\n" + users_file(ann="a").replace("\n", "\r\n")
    assert PasswordFile.parse(text.encode()).verify("ann", "a")


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "#a", " a", "a\x00"])
def test_a_name_that_cannot_stand_in_the_file_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="the name of a user is text without"):
        users_line(name, "x")


def test_a_line_is_one_that_the_file_takes() -> None:
    assert PasswordFile.parse(users_line("Zoe\u0308", "pa\u0308ss").encode()).verify("Zoë", "päss")


def test_an_unknown_user_is_as_much_work_as_a_wrong_password(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"low:{PasswordHash.of('x', ln=2, r=1, p=1)}\nhigh:{PasswordHash.of('x', ln=3, r=2, p=2)}\n"
    known = PasswordFile.parse(text.encode())
    work: list[dict[str, Any]] = []
    scrypt = hashlib.scrypt

    def counted(password: bytes, **costs: Any) -> bytes:
        work.append({name: costs[name] for name in "nrp"})
        return scrypt(password, **costs)

    monkeypatch.setattr(users.hashlib, "scrypt", counted)
    assert not known.verify("high", "wrong")
    assert not known.verify("nobody", "x")
    assert not known.verify("nobody", "")
    assert work == [{"n": 8, "r": 2, "p": 2}] * 3


def test_in_a_file_without_users_nobody_is_right_and_it_takes_as_long() -> None:
    assert not PasswordFile.parse(b"").verify("", "")


@pytest.mark.parametrize(("content", "line"), [(b"\n\nx", 3), (b"a:b\n", 1), (b"\n\xff", 2)])
def test_a_fault_in_the_file_names_its_line(content: bytes, line: int) -> None:
    with pytest.raises(UsersError) as caught:
        PasswordFile.parse(content)
    assert caught.value.line == line


class SlowUsers(PasswordFile):
    """Takes until it is told."""

    def __init__(self) -> None:
        super().__init__({})
        self.asked = 0
        self.go_on = threading.Event()

    def verify(self, user: str, password: str) -> bool:
        self.asked += 1
        self.go_on.wait(20)
        if user == "broken":
            raise OSError("no memory")
        return password == "right"


def with_room_for(waiting: int) -> Passwords:
    """Checks of passwords of which so many may wait."""
    return Passwords(waiting, reactor)  # type: ignore[arg-type]  # mypy's reactor has no threads


@pytest_twisted.ensureDeferred
async def test_those_who_ask_the_same_at_the_same_time_share_one_check() -> None:
    passwords, slow = with_room_for(64), SlowUsers()
    digest = passwords.digest("in", "ann", "right")
    asked = [passwords.verify(slow, "ann", "right", digest, 60) for _ in range(5)]
    # One who goes away takes nobody with him.
    asked[0].addErrback(lambda _: None)
    asked[0].cancel()
    slow.go_on.set()
    assert await gatherResults(asked[1:]) == [True] * 4
    assert slow.asked == 1
    assert passwords.is_remembered(digest)
    assert not passwords.is_remembered(passwords.digest("in", "ann", "wrong"))
    assert not passwords.is_remembered(passwords.digest("in", "annr", "ight"))
    passwords.stop()


@pytest_twisted.ensureDeferred
async def test_a_wrong_password_and_a_failing_check_are_not_remembered() -> None:
    passwords, slow = with_room_for(64), SlowUsers()
    slow.go_on.set()
    assert await passwords.verify(slow, "ann", "wrong", b"1", 60) is False
    with pytest.raises(OSError, match="no memory"):
        await passwords.verify(slow, "broken", "right", b"2", 60)
    assert not any(map(passwords.is_remembered, (b"1", b"2")))
    passwords.stop()


@pytest_twisted.ensureDeferred
async def test_only_so_many_passwords_wait() -> None:
    passwords, slow = with_room_for(3), SlowUsers()
    asked = [passwords.verify(slow, "ann", "right", b"%d" % number, 60) for number in range(3)]
    with pytest.raises(TooManyWaitError):
        passwords.verify(slow, "ann", "right", b"4", 60)
    slow.go_on.set()
    assert await gatherResults(asked) == [True] * 3
    assert await passwords.verify(slow, "ann", "right", b"4", 60)
    passwords.stop()


def test_two_servers_make_different_digests() -> None:
    one, other = (with_room_for(64) for _ in range(2))
    assert one.digest("a", "b") != other.digest("a", "b")
    assert one.digest("a", "b") == one.digest("a", "b") != one.digest("ab", "")
