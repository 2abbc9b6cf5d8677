"""Units and their limits; systemd itself is asked in tests/kernel/test_unit_limits.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tunekit.errors import UsageError
from tunekit.files.root import Root
from tunekit.files.unit_files import find_unit, unit_name
from tunekit.files.unit_limits import UnitLimits, parse_value, read_unit

Write = Callable[[str, str], None]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, text: str) -> None:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    return write


def read(tmp_path: Path, name: str, nr_open: int | None = 1_048_576) -> UnitLimits:
    with Root(tmp_path) as root:
        return read_unit(root, name, nr_open=nr_open)


def nofile(found: UnitLimits) -> tuple[int | None, int | None, str]:
    soft, hard = found.limits["nofile"]
    return soft.value, hard.value, str(hard.origin)


def test_a_unit_that_says_nothing_gets_systemds_default(write: Write, tmp_path: Path) -> None:
    write("usr/lib/systemd/system/web.service", "[Service]\nExecStart=/bin/true\n")
    assert nofile(read(tmp_path, "web.service")) == (1024, 524_288, "systemd's default")
    assert nofile(read(tmp_path, "web.service", 4096)) == (1024, 4096, "systemd's default")


def test_the_managers_default_is_for_units_that_say_nothing(write: Write, tmp_path: Path) -> None:
    write("usr/lib/systemd/system/web.service", "[Service]\nLimitCORE=0\n")
    write("etc/systemd/system.conf", "[Manager]\nDefaultLimitNOFILE=1:2\nDefaultLimitCORE=5\n")
    write("etc/systemd/system.conf.d/a.conf", "[Manager]\nDefaultLimitNOFILE=3:4\n")
    found = read(tmp_path, "web.service")
    assert nofile(found) == (3, 4, "/etc/systemd/system.conf.d/a.conf:2")
    assert found.limits["core"][0].value == 0


def test_the_last_drop_in_by_name_wins_whatever_its_folder(write: Write, tmp_path: Path) -> None:
    write("usr/lib/systemd/system/web.service", "[Service]\nLimitNOFILE=1\n")
    write("usr/lib/systemd/system/web.service.d/b.conf", "[Service]\nLimitNOFILE=2\n")
    write("etc/systemd/system/web.service.d/a.conf", "[Service]\nLimitNOFILE=3\n")
    assert nofile(read(tmp_path, "web.service"))[:2] == (2, 2)


def test_a_bad_value_leaves_what_was_there(write: Write, tmp_path: Path) -> None:
    write("etc/systemd/system/web.service", "[Service]\nLimitNOFILE=7\nLimitNOFILE=9:8\n")
    found = read(tmp_path, "web.service")
    assert nofile(found)[:2] == (7, 7)
    (bad,) = found.bad
    assert (bad.why, bad.origin.line) == ("the soft limit is above the hard one", 3)


def test_infinity_is_nr_open(write: Write, tmp_path: Path) -> None:
    write("etc/systemd/system/web.service", "[Service]\nLimitNOFILE=infinity\n")
    soft, hard = read(tmp_path, "web.service").limits["nofile"]
    assert (soft.value, hard.value, hard.unlimited) == (1_048_576, 1_048_576, True)


def test_an_alias_and_an_instance_lead_to_their_unit(write: Write, tmp_path: Path) -> None:
    write("usr/lib/systemd/system/a-t@.service", "[Service]\nUser=app\nPAMName=login\n")
    write("etc/systemd/system/a-.service.d/x.conf", "[Service]\nLimitNOFILE=5\n")
    link = tmp_path / "etc/systemd/system/alias.service"
    link.symlink_to("/usr/lib/systemd/system/a-t@.service")
    found = read(tmp_path, "a-t@1.service")
    assert nofile(found)[:2] == (5, 5)
    assert (found.pam, found.user) == ("login", "app")
    with Root(tmp_path) as root:
        assert find_unit(root, "alias.service").name == "a-t@.service"


def test_a_link_to_nothing_masks(tmp_path: Path) -> None:
    folder = tmp_path / "etc/systemd/system"
    folder.mkdir(parents=True)
    (folder / "web.service").symlink_to("/dev/null")
    assert read(tmp_path, "web.service").files.masked


@pytest.mark.parametrize(
    ("name", "text", "pair"),
    [
        ("nofile", "1024:524288", (1024, 524_288)),
        ("nofile", "infinity", (-1, -1)),
        ("nofile", "0x10", (16, 16)),
        ("nofile", "010", (8, 8)),
        ("memlock", "1.5M", (1_572_864, 1_572_864)),
        ("memlock", "1G 5M", (1_078_984_704, 1_078_984_704)),
        ("cpu", "1min 5s:2h", (65, 7200)),
        ("cpu", "1.5s", (2, 2)),
        ("rttime", "10s", (10_000_000, 10_000_000)),
        ("nice", "+5:-5", (15, 25)),
        ("nice", "20", (20, 20)),
    ],
)
def test_values_are_in_the_kernels_unit(name: str, text: str, pair: tuple[int, int]) -> None:
    assert parse_value(name, text) == pair


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("nofile", "64k", "not a number"),
        ("nofile", "08", "not a number"),
        ("nofile", "", "not a number"),
        ("nofile", "18446744073709551615", "too large a number"),
        ("nofile", "2:1", "the soft limit is above the hard one"),
        ("nofile", "infinity:1", "the soft limit is above the hard one"),
        ("memlock", "lots", "not a size such as 64M"),
        ("cpu", "5 parsecs", "'parsecs' is not a unit of time"),
        ("cpu", "", "not a time such as 30s"),
        ("nice", "-21", "a nice level is -20 to 19"),
        ("nice", "41", "a raw nice limit is at most 40"),
        ("nice", "low", "not a nice level such as +5 or -5"),
    ],
)
def test_a_value_that_systemd_refuses_says_why(name: str, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why.replace('+', '[+]')}$"):
        parse_value(name, text)


def test_a_name_is_completed_and_a_path_is_none() -> None:
    assert unit_name("nginx") == "nginx.service"
    assert unit_name("a-b@1.service") == "a-b@1.service"
    with pytest.raises(UsageError, match=r"'\.\./x' is not a unit"):
        unit_name("../x")
