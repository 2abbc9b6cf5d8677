"""What a session gets is what tunekit says of its files: su and the real pam_limits say what.

Debian's: the limits of process 1 to begin with, and nothing general for root.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pam import GID, GROUPS, UID, USER, some_lines
from tunekit.files import limits_d
from tunekit.files.limits_d import Session
from tunekit.files.root import Root
from tunekit.kernel.accounts import Person
from tunekit.kernel.processes import parse_limits

ETC = Path("/etc")
PAM = """\
auth sufficient pam_rootok.so
account required pam_permit.so
session required pam_limits.so
"""
APP = Person(name=USER, uid=UID, gid=GID, groups=frozenset(GROUPS), gids=frozenset(GROUPS.values()))
ROOT = Person(name="root", uid=0, gid=0, groups=frozenset({"root"}), gids=frozenset({0}))

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", autouse=True)
def accounts() -> Iterator[None]:
    """The user and the groups, and PAM for su."""
    texts = {
        ETC / "passwd": f"{USER}:x:{UID}:{GID}::/:/bin/sh\n",
        ETC / "group": f"app:x:{GID}:\nweb:x:1300:{USER}\nother:x:1400:\n",
        ETC / "shadow": f"root:*:1::::::\n{USER}:*:1::::::\n",
        ETC / "pam.d/su": PAM,
    }
    before = {path: path.read_text() if path.exists() else None for path in texts}
    for path, text in texts.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text((before[path] or "") + text)
    (ETC / "security/limits.d").mkdir(parents=True, exist_ok=True)
    yield
    for path, text in before.items():
        path.unlink() if text is None else path.write_text(text)


def limits(text: str) -> dict[str, tuple[int, int]]:
    found = parse_limits(text)
    return {item: pair for item, pair in found.items() if item in limits_d.ITEMS}


def given(name: str) -> dict[str, tuple[int, int]]:
    """What a session of somebody gets, through su."""
    command = ["su", name, "-s", "/bin/cat", "/proc/self/limits"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stderr}\n{texts()}"
    return limits(done.stdout)


def told(person: Person) -> dict[str, tuple[int, int]]:
    """What tunekit says that it gets, with our own limits where those stay."""
    with Root() as root:
        session = limits_d.session(
            limits_d.read_lines(root),
            person,
            limits_d.debian_start(limits(Path("/proc/1/limits").read_text())),
            nr_open=int(Path("/proc/sys/fs/nr_open").read_text()),
            debian=True,
        )
    return filled(session, limits(Path("/proc/self/limits").read_text()))


def filled(session: Session, ours: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    if session.spared is not None:
        return ours
    return ours | {
        item: (int(soft.value or 0), int(hard.value or 0))
        for item, (soft, hard) in session.limits.items()
    }


def some_files(chance: random.Random) -> None:
    folder = ETC / "security/limits.d"
    for path in folder.iterdir():
        path.unlink()
    (ETC / "security/limits.conf").write_text(some_lines(chance))
    names = ("10-a.conf", "9-b.conf", "Z.conf", "a.conf", ".hidden.conf", "not-read.txt")
    for name in chance.sample(names, chance.randint(0, 3)):
        (folder / name).write_text(some_lines(chance))


def texts() -> str:
    folder = ETC / "security"
    return "\n".join(f"-- {path}\n{path.read_text()}" for path in sorted(folder.rglob("*.*f")))


@pytest.mark.parametrize("start", [0, pytest.param(1000, marks=pytest.mark.full)])
def test_a_session_gets_what_its_files_are_said_to_give(start: int) -> None:
    for seed in range(start, start + (12 if start == 0 else 400)):
        some_files(random.Random(seed))
        for person in (APP, ROOT):
            assert told(person) == given(person.name), f"seed {seed}, {person.name}\n{texts()}"
