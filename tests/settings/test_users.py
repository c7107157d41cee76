"""Users for the sites' processes: how they are written, and that each site has one of its own."""

from __future__ import annotations

import pytest

from twistedsite.settings.users import NoUserError, SiteUsers, uid_range


def test_a_range_has_both_its_ends() -> None:
    assert uid_range("200000-200002") == range(200000, 200003)
    assert uid_range("7-7") == range(7, 8)
    assert uid_range("") == range(0)


@pytest.mark.parametrize("text", ["0-5", "5", "5-", "9-8", "a-b", "-1-5", "1-4294967295", "1 - 5", "1-5,7-9"])
def test_what_is_no_range_of_users_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected two numbers of users, such as 200000-265535"):
        uid_range(text)


def test_a_site_has_the_same_user_each_time() -> None:
    first, second = (SiteUsers(range(200_000, 265_536)) for _ in range(2))
    names = [f"site{number}" for number in range(500)]
    assert {name: first.of(name) for name in names} == {name: second.of(name) for name in names}
    assert {name: first.of(name) for name in reversed(names)} == {name: second.of(name) for name in names}


def test_no_two_sites_have_one_user() -> None:
    users = SiteUsers(range(100, 600))
    assert {users.of(f"site{number}") for number in range(500)} == set(range(100, 600))
    with pytest.raises(NoUserError, match="500 users are too few for the sites"):
        users.of("one more")
    assert users.of("site7") is not None


def test_a_user_that_is_given_by_name_is_no_other_sites() -> None:
    users = SiteUsers(range(100, 102))
    assert users.of("fixed", 100) == 100
    assert users.of("a") == 101
    with pytest.raises(NoUserError, match="too few"):
        users.of("b")
    with pytest.raises(NoUserError, match="100, the user of c, is that of fixed already"):
        users.of("c", 100)


def test_without_users_there_are_none() -> None:
    assert SiteUsers(range(0)).of("a") is None
    assert SiteUsers(range(0)).of("a", 7) == 7
