"""The limits of units, as tunekit reads their files, are those that systemd itself reads there.

systemd is asked with `--test`, which loads every unit, prints it and starts nothing.
"""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tunekit.files.limits_d import UNLIMITED
from tunekit.files.root import Root
from tunekit.files.unit_files import find_unit, manager_files
from tunekit.files.unit_limits import read_unit

SYSTEMD = Path("/lib/systemd/systemd")
FOLDERS = (
    "/etc/systemd/system.control",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/system.attached",
)
UNITS = ("web.service", "web-a.service", "web-a-b.service", "web-t@1.service", "other.service")
DROP_INS = (
    *("web.service.d", "web-.service.d", "web-a-.service.d", "web-a-b.service.d"),
    *("web-t@.service.d", "web-t@1.service.d", "service.d", "alias.service.d"),
)
NAMES = ("10-a.conf", "20-b.conf", "Z.conf", ".hidden.conf", "not-read.txt")
KEYS = ("LimitNOFILE", "LimitNPROC", "LimitMEMLOCK", "LimitCORE", "LimitCPU", "LimitRTTIME")
VALUES = (
    *("1024", "2048:4096", "4096:2048", "infinity", "infinity:infinity", "1:infinity", "0x100"),
    *("010", "0b11", "08", "+5", "-5", "", "abc", "12abc", " 7", "7 ", "0:1", "infinity:1"),
    *("64K", "1G:2G", "1.5M", "1G 5M", "10s", "1min 5s", "2h:3h", "5us", "1.5s", "infinite"),
    *("18446744073709551615", "18446744073709551614", "99999999999999999999"),
)
NICES = ("+5", "-5", "20", "0", "40", "41", "+19", "+20", "-20", "-21", "5:10", "+1:-1")
MASK = "/dev/null"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SYSTEMD.exists(), reason="no systemd here: apt-get install systemd"),
]


def said_by_systemd() -> dict[str, dict[str, int]]:
    """Each unit's limits, by the names of systemd's properties."""
    shutil.chown("/run/systemd", "nobody")
    asked = f"{SYSTEMD} --test --system --unit=all.target --no-pager"
    done = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *asked.split()],
        capture_output=True,
        text=True,
        check=True,
        env={"SYSTEMD_LOG_LEVEL": "err", "PATH": "/usr/bin"},
    )
    blocks = re.split(r"^\t*-> Unit (\S+):$", done.stdout, flags=re.MULTILINE)
    return {
        name: {key: int(value) for key, value in re.findall(r"^\t+(Limit\w+): (\d+)$", text, re.M)}
        for name, text in zip(blocks[1::2], blocks[2::2], strict=True)
    }


def said_by_us(name: str) -> dict[str, int]:
    with Root() as root:
        found = read_unit(root, name, nr_open=None)
    sides = {}
    for item, pair in found.limits.items():
        if pair[0].origin.line:
            for suffix, side in zip(("Soft", ""), pair, strict=True):
                value = (1 << 64) - 1 if side.value == UNLIMITED else side.value
                sides[f"Limit{item.upper()}{suffix}"] = int(value or 0)
    return sides


def some_statements(chance: random.Random, keys: tuple[str, ...], section: str) -> str:
    lines = [f"[{section}]"]
    for _ in range(chance.randint(0, 4)):
        key = chance.choice(keys)
        values = NICES if key.endswith("NICE") else VALUES
        lines.append(f"{key}{chance.choice(('=', ' = '))}{chance.choice(values)}")
    if chance.random() < 0.3:
        lines.insert(chance.randint(1, len(lines)), chance.choice(("# x", "; y", "[Unit]", "")))
    if chance.random() < 0.2:
        lines += ["LimitNOFILE=\\", "# between", "  777"]
    return "\n".join(lines) + "\n"


@pytest.fixture
def folders() -> Mapping[str, Path]:
    """Folders that this fence alone has."""
    assert Path("/run/fence").is_dir()
    found = {name: Path(name) for name in (*FOLDERS, "/etc/systemd/system.conf.d")}
    for path in found.values():
        path.mkdir(parents=True, exist_ok=True)
    return found


def some_tree(chance: random.Random) -> None:
    keys = (*KEYS, "LimitNICE")
    homes = [Path(folder) for folder in FOLDERS]
    for unit in UNITS:
        name = unit.replace("@1", "@")
        text = some_statements(chance, keys, "Service") + "[Service]\nExecStart=/bin/true\n"
        (chance.choice(homes) / name).write_text(text)
    (homes[1] / "alias.service").symlink_to("/etc/systemd/system/web.service")
    wants = "\n".join(f"Wants={unit}" for unit in UNITS)
    (homes[1] / "all.target").write_text(f"[Unit]\n{wants}\n")
    for folder in chance.sample(DROP_INS, chance.randint(1, len(DROP_INS))):
        for home in chance.sample(homes, chance.randint(1, 3)):
            (home / folder).mkdir()
            for name in chance.sample(NAMES, chance.randint(1, 3)):
                if chance.random() < 0.1:
                    (home / folder / name).symlink_to(MASK)
                else:
                    (home / folder / name).write_text(some_statements(chance, keys, "Service"))


def texts(unit: str) -> str:
    with Root() as root:
        files = find_unit(root, unit).all
        return "\n".join(f"-- {file}\n{root.read(file)}" for file in files)


def clean_up() -> None:
    for folder in FOLDERS:
        for path in Path(folder).iterdir():
            if path.is_dir() and not path.is_symlink() and path.name in DROP_INS:
                shutil.rmtree(path)
            elif path.name in {"alias.service", "all.target", "web-t@.service", *UNITS}:
                path.unlink()


@pytest.mark.parametrize("start", [0, pytest.param(1000, marks=pytest.mark.full)])
@pytest.mark.usefixtures("folders")
def test_a_unit_gets_what_its_files_are_said_to_give(start: int) -> None:
    for seed in range(start, start + (4 if start == 0 else 150)):
        some_tree(random.Random(seed))
        theirs = said_by_systemd()
        for unit in UNITS:
            ours = said_by_us(unit)
            given = {key: theirs[unit].get(key) for key in ours}
            assert ours == given, f"seed {seed}, {unit}\n{texts(unit)}"
            more = {key for key in theirs[unit] if key.startswith(KEYS)} - set(ours)
            assert more <= {f"LimitNOFILE{s}" for s in ("", "Soft")} | {
                f"LimitMEMLOCK{s}" for s in ("", "Soft")
            }, f"seed {seed}, {unit}\n{texts(unit)}\n{theirs[unit]}"
        assert said_by_us("alias.service") == said_by_us("web.service")
        clean_up()


@pytest.mark.usefixtures("folders")
def test_the_files_of_the_manager_are_read_in_its_order() -> None:
    Path("/run/systemd/system.conf.d").mkdir(parents=True)
    for path in ("/etc/systemd/system.conf", "/run/systemd/system.conf.d/20-b.conf"):
        Path(path).write_text("[Manager]\n")
    for name in ("Z.conf", "10-a.conf", "9-b.conf", "20-b.conf", ".hidden.conf", "x.txt"):
        Path("/etc/systemd/system.conf.d", name).write_text("[Manager]\n")
    Path("/run/systemd/system.conf.d/30-masked.conf").write_text("[Manager]\n")
    Path("/etc/systemd/system.conf.d/30-masked.conf").symlink_to(MASK)
    command = ["systemd-analyze", "cat-config", "systemd/system.conf"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    theirs = re.findall(r"^# (/\S+)$", done.stdout, re.MULTILINE)
    with Root() as root:
        ours = list(manager_files(root))
    assert ours == [path for path in theirs if not Path(path).is_symlink()]
    assert len(ours) == 5
