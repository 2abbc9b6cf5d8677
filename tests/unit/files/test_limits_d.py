"""The rules of pam_limits, one by one; su itself is asked in tests/vm/test_pam_limits_vm.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunekit.files import limits_d, pam_services
from tunekit.files.limits_d import BadLine, Line
from tunekit.files.root import Root
from tunekit.kernel.accounts import Person

FILE = "/etc/security/limits.conf"
APP = Person(
    name="app", uid=1234, gid=1235, groups=frozenset({"app", "web"}), gids=frozenset({1235, 1300})
)
ROOT = Person(name="root", uid=0, gid=0, groups=frozenset({"root"}), gids=frozenset({0}))
START = limits_d.debian_start({"nofile": (1_048_576, 1_048_576), "core": (0, -1)})


def given(text: str, person: Person = APP, *, nr_open: int = 1_048_576) -> tuple[str, ...]:
    """The nofile of a session as SOFT HARD, and the numbers of the lines that gave them."""
    lines = tuple(limits_d.parse(text, FILE))
    session = limits_d.session(lines, person, START, nr_open=nr_open, debian=True)
    soft, hard = (session.limits | session.refused)["nofile"]
    return f"{soft.value} {hard.value}", f"{soft.origin.line} {hard.origin.line}"


@pytest.mark.parametrize(
    ("text", "limits", "lines"),
    [
        ("", "1024 1048576", "0 0"),
        ("app soft nofile 2000", "2000 1048576", "1 0"),
        ("app hard nofile 500", "500 500", "1 1"),
        ("app - nofile 3000", "3000 3000", "1 1"),
        ("app - nofile 3000\napp soft nofile 2000", "2000 3000", "2 1"),
        ("app - nofile 3000\n@web - nofile 5000\n* - nofile 6000", "3000 3000", "1 1"),
        ("* - nofile 6000\n@web - nofile 5000", "5000 5000", "2 2"),
        ("@web soft nofile 10\n* - nofile 6000\n", "10 1048576", "1 0"),
        ("@none - nofile 7", "1024 1048576", "0 0"),
        (":1234 - nofile 7", "7 7", "1 1"),
        ("1000:2000 - nofile 7", "7 7", "1 1"),
        ("2000: - nofile 7", "1024 1048576", "0 0"),
        ("@:1300 - nofile 7", "7 7", "1 1"),
        ("@1300:1400 - nofile 7", "1024 1048576", "0 0"),
        ("@1200:1300 - nofile 7", "7 7", "1 1"),
        ("%web - nofile 7", "1024 1048576", "0 0"),
        ("app - nofile unlimited", "1048576 1048576", "1 1"),
        ("app - nofile 010", "10 10", "1 1"),
        ("app - nofile 12abc", "12 12", "1 1"),
        ("app - nofile 7 # comment", "7 7", "1 1"),
        ("# app - nofile 7", "1024 1048576", "0 0"),
        ("app HARD NOFILE 7", "7 7", "1 1"),
        ("App - nofile 7", "1024 1048576", "0 0"),
    ],
)
def test_a_line_that_is_more_specific_or_later_wins(text: str, limits: str, lines: str) -> None:
    assert given(text) == (limits, lines)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("* - nofile 7", "1024 1048576"),
        ("@root - nofile 7", "1024 1048576"),
        ("root - nofile 7", "7 7"),
        ("0: - nofile 7", "7 7"),
    ],
)
def test_only_its_own_name_or_id_is_for_root_on_debian(text: str, limits: str) -> None:
    assert given(text, ROOT)[0] == limits


def test_elsewhere_a_wildcard_is_for_root_too_and_the_rest_is_unknown() -> None:
    lines = tuple(limits_d.parse("* soft nofile 7", FILE))
    session = limits_d.session(lines, ROOT, {}, nr_open=1_048_576, debian=False)
    soft, hard = session.limits["nofile"]
    assert (soft.value, hard.value) == (7, None)


def test_a_line_without_an_item_spares_whom_it_names() -> None:
    for text in ("app -", "@web -", ":1234 -"):
        lines = tuple(limits_d.parse(f"{text}\napp - nofile 7", FILE))
        session = limits_d.session(lines, APP, START, nr_open=1_048_576, debian=True)
        assert (session.limits, str(session.spared)) == ({}, f"{FILE}:1")


def test_what_is_above_nr_open_is_refused() -> None:
    lines = tuple(limits_d.parse("app - nofile 2000", FILE))
    session = limits_d.session(lines, APP, START, nr_open=1000, debian=True)
    assert set(session.refused) == {"nofile"}
    assert set(session.limits) == {"core"}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("app soft nofile", "3 words instead of a domain, a type, an item and a value"),
        ("app both nofile 7", "'both' is not soft, hard or -"),
        ("app soft nofile many", "'many' is no number"),
        ("12:x - nofile 7", "not a range of ids"),
        (": - nofile 7", "not a range of ids"),
    ],
)
def test_a_line_that_is_passed_over_says_why(line: str, why: str) -> None:
    (found,) = limits_d.parse(line, FILE)
    assert isinstance(found, BadLine)
    assert found.why == why


def test_files_are_read_in_the_order_of_the_c_locale(tmp_path: Path) -> None:
    folder = tmp_path / "etc/security/limits.d"
    folder.mkdir(parents=True)
    (tmp_path / "etc/security/limits.conf").write_text("a - core 1\n")
    for name in ("b.conf", "Z.conf", "10.conf", "9.conf", ".hidden.conf", "x.txt"):
        (folder / name).write_text(f"{name} - core 1\n")
    with Root(tmp_path) as root:
        found = [line.domain for line in limits_d.read_lines(root) if isinstance(line, Line)]
    assert found == ["a", "10.conf", "9.conf", "Z.conf", "b.conf"]


def test_a_long_line_goes_on_as_another_one() -> None:
    text = f"app - nofile 7{' ' * 1009}app - nofile 8"
    assert given(text)[0] == "8 8"


def test_services_are_those_whose_files_load_the_module(tmp_path: Path) -> None:
    folder = tmp_path / "etc/pam.d"
    folder.mkdir(parents=True)
    (folder / "common").write_text("session required pam_limits.so\n")
    (folder / "login").write_text("auth required pam_unix.so\n@include common\n")
    (folder / "sshd").write_text("session include common\n")
    (folder / "odd").write_text(
        "-session [success=1 default=ignore] /lib/security/pam_limits.so conf=/x debug\n"
    )
    (folder / "no").write_text("# session required pam_limits.so\nauth required pam_limits.so\n")
    with Root(tmp_path) as root:
        assert pam_services.services(root) == ("common", "login", "odd", "sshd")
        assert pam_services.limits_of(root, "odd") == "/x"
        assert pam_services.limits_of(root, "login") == ""
        assert pam_services.limits_of(root, "no") is None
