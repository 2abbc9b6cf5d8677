"""Making a profile last: what is written, who wins, and that it can be taken back."""

from __future__ import annotations

import signal
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tests.kernel.test_crash import in_child
from tests.support.machines import DyingMachine
from tests.unit.files.builders import make
from tunekit import api
from tunekit.api.ground import Ground
from tunekit.api.keeping import Keeping
from tunekit.engine.machine import Machine
from tunekit.engine.store import opened
from tunekit.errors import ExitCode, ProfileError, UsageError
from tunekit.files.writing import FileRefused
from tunekit.profile.model import Profile

pytestmark = pytest.mark.slow

FILE = Path("/etc/sysctl.d/90-tunekit-mine.conf")
SOMAXCONN = Path("/proc/sys/net/core/somaxconn")
PROFILE = """\
tunekit: 1
name: mine
sysctl:
  net.core.somaxconn: {at_least: 6000, reason: a long queue}
  net.ipv4.tcp_syncookies: 1
limits:
  nofile: {at_least: 65536, reason: one a connection}
"""
STAYS = f"what boot has set from {FILE} stays until the next boot"
LINE = "net.core.somaxconn = 6000"


@pytest.fixture(autouse=True)
def clean_etc() -> None:
    """Only what a test writes is read at boot; /usr is the host's own."""
    for folder in ("/etc/sysctl.d", "/etc/modules-load.d", "/etc/security/limits.d"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        for path in Path(folder).iterdir():
            path.unlink()
    Path("/etc/sysctl.conf").unlink(missing_ok=True)


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    return load(tmp_path)


def load(tmp_path: Path, *changes: tuple[str, str]) -> Profile:
    text = PROFILE
    for old, new in changes:
        text = text.replace(old, new)
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    return api.load_profile(path)


def ground(tmp_path: Path) -> Ground:
    return Ground(machine=Machine(), state_dir=tmp_path / "state", run_dir=tmp_path / "run")


def settings(path: Path = FILE) -> list[str]:
    return [line for line in path.read_text().splitlines() if line and line[0] not in "#["]


def test_only_what_boot_would_not_meet_is_written(profile: Profile, tmp_path: Path) -> None:
    report = api.persist(profile, ground=ground(tmp_path))

    assert report.exit_code is ExitCode.OK, report
    assert report.verdict == "transaction 1: 1 file written"
    assert settings() == [LINE]
    assert SOMAXCONN.read_text() == "4096\n"
    again = api.persist(profile, ground=ground(tmp_path))
    assert (again.exit_code, again.transaction) == (ExitCode.OK, None)
    assert again.verdict == "nothing to write: 1 file of mine are as they should be"


def test_the_name_is_one_that_wins(profile: Profile, tmp_path: Path) -> None:
    make(Path("/"), {"etc/sysctl.d/99-local.conf": "net.core.somaxconn = 128\n"})

    report = api.persist(profile, ground=ground(tmp_path))

    assert report.exit_code is ExitCode.OK, report
    assert settings(Path("/etc/sysctl.d/99-tunekit-mine.conf")) == [LINE]
    make(Path("/"), {"etc/sysctl.d/zz-local.conf": "net.core.somaxconn = 128\n"})
    report = api.persist(profile, ground=ground(tmp_path))
    assert report.exit_code is ExitCode.OK, report
    assert [path.name for path in sorted(FILE.parent.iterdir())] == [
        "99-local.conf",
        "zz-local.conf",
        "zz-tunekit-mine.conf",
    ]


def test_who_wins_in_spite_of_it_is_named(profile: Profile, tmp_path: Path) -> None:
    make(Path("/"), {"etc/sysctl.d/~~.conf": "net.core.somaxconn = 128\n"})

    report = api.persist(profile, ground=ground(tmp_path))

    assert report.exit_code is ExitCode.NO
    assert report.verdict == (
        "transaction 1: 1 file written; boot will not keep net.core.somaxconn"
    )
    (finding,) = report.findings
    assert finding.reason == "set in /etc/sysctl.d/~~.conf:1"
    assert finding.remedy == "change or remove the line in /etc/sysctl.d/~~.conf:1"


def test_a_transaction_takes_its_files_back_with_it(profile: Profile, tmp_path: Path) -> None:
    on = ground(tmp_path)
    keeping = Keeping(units=("nginx",), users=("app",), groups=("web",), manager=True)

    report = api.apply(profile, keeping=keeping, prove=False, ground=on)

    assert report.exit_code is ExitCode.OK, report
    done = "transaction 1: 1 setting and 4 files written and read back"
    assert report.verdict.startswith(done)
    assert SOMAXCONN.read_text() == "6000\n"
    files = {
        FILE: [LINE],
        Path("/etc/security/limits.d/90-tunekit-mine.conf"): [
            "app soft nofile 65536",
            "app hard nofile 524288",
            "@web soft nofile 65536",
            "@web hard nofile 524288",
        ],
        Path("/etc/systemd/system/nginx.service.d/90-tunekit-mine.conf"): [
            "LimitNOFILE=65536:524288"
        ],
        Path("/etc/systemd/system.conf.d/zz-tunekit-mine.conf"): [
            "DefaultLimitNOFILE=65536:524288"
        ],
    }
    assert {path: settings(path) for path in files} == files
    undone = api.rollback(ground=on)
    assert undone.verdict == "transaction 1 is undone: 1 setting and 4 files put back"
    assert not any(path.exists() for path in files)
    assert not Path("/etc/systemd/system/nginx.service.d").exists()
    assert SOMAXCONN.read_text() == "4096\n"


def test_a_limit_is_kept_under_a_name_that_wins_and_lowers_nothing(
    profile: Profile, tmp_path: Path
) -> None:
    folder = "etc/systemd/system/nginx.service.d"
    more = "[Service]\nLimitNOFILE=1000:600000\n"
    files = {"usr/lib/systemd/systemd-sysctl": "", f"{folder}/95-local.conf": more}
    root = make(tmp_path / "image", files)
    on = ground(tmp_path)
    keeping = Keeping(root=root, units=("nginx",))

    report = api.persist(profile, keeping=keeping, ground=on)

    assert report.exit_code is ExitCode.OK, report
    kept = root / folder / "99-tunekit-mine.conf"
    assert settings(kept) == ["LimitNOFILE=65536:600000"]
    api.rollback(ground=on)
    make(root, {f"{folder}/~~.conf": more})
    report = api.persist(profile, keeping=keeping, ground=on)
    assert report.exit_code is ExitCode.NO
    assert report.findings[-1].reason == f"nginx.service has it from /{folder}/~~.conf:2"


def test_files_are_rolled_back_in_any_order(tmp_path: Path) -> None:
    on = ground(tmp_path)
    for queue in ("6000", "7000", "8000"):
        api.persist(load(tmp_path, ("6000", queue)), ground=on)
    api.rollback(2, ground=on)
    assert settings() == ["net.core.somaxconn = 8000"]
    api.rollback(3, ground=on)
    assert settings() == [LINE]
    api.rollback(1, ground=on)
    assert not FILE.exists()


def test_files_outlive_a_reboot_and_so_does_their_transaction(
    profile: Profile, tmp_path: Path
) -> None:
    on = ground(tmp_path)
    api.apply(profile, keeping=Keeping(), prove=False, ground=on)
    _reboot(tmp_path)
    SOMAXCONN.write_text("5555")

    history = api.history(state_dir=on.state_dir)
    undone = api.rollback(ground=on)

    assert [(each.state.value, each.files) for each in history.transactions] == [("applied", 1)]
    assert undone.exit_code is ExitCode.OK, undone
    assert not FILE.exists()
    assert undone.notes == (STAYS,)
    # Its value was the other boot's.
    assert SOMAXCONN.read_text() == "5555\n"


@pytest.mark.parametrize("written", [False, True])
@pytest.mark.parametrize("next_run", ["apply", "rollback"])
def test_an_apply_that_a_power_cut_ended_is_undone(
    profile: Profile, tmp_path: Path, next_run: str, *, written: bool
) -> None:
    on = ground(tmp_path)
    api.apply(profile, keeping=Keeping(), prove=False, ground=on)
    if not written:
        FILE.unlink()
    with sqlite3.connect(tmp_path / "state/journal.sqlite") as db:
        db.execute("UPDATE transactions SET state = 'begun'")
    db.close()
    _reboot(tmp_path)
    SOMAXCONN.write_text("5555")

    if next_run == "apply":
        report = api.apply(load(tmp_path, ("6000", "5000")), prove=False, ground=on)
    else:
        report = api.rollback(ground=on)
        verdict = "1 file put back" if written else "0 settings put back"
        assert report.verdict == f"transaction 1 is undone: {verdict}"
        assert report.notes == ((STAYS,) if written else ())

    assert report.exit_code is ExitCode.OK, report
    assert not FILE.exists()
    assert SOMAXCONN.read_text() == "5555\n"


def _reboot(tmp_path: Path) -> None:
    """Have every transaction be one of an earlier boot."""
    with sqlite3.connect(tmp_path / "state/journal.sqlite") as db:
        for table in ("claims", "writes", "bases"):
            db.execute(f"UPDATE {table} SET identity = 'other' || substr(identity, 37)")
        db.execute("UPDATE transactions SET boot_id = 'other', cookie = 1")
    db.close()


def test_a_file_of_somebody_else_is_not_overwritten(profile: Profile, tmp_path: Path) -> None:
    FILE.write_text("vm.swappiness = 1\n")

    with pytest.raises(FileRefused) as caught:
        api.persist(profile, ground=ground(tmp_path))

    assert str(caught.value) == (
        f"{FILE}: is there already, and tunekit did not write it; move it away, or keep it and do "
        "not persist"
    )
    assert FILE.read_text() == "vm.swappiness = 1\n"


def test_an_edited_file_is_left_alone_and_named(profile: Profile, tmp_path: Path) -> None:
    on = ground(tmp_path)
    api.persist(profile, ground=on)
    FILE.write_text(FILE.read_text() + "net.core.somaxconn = 9\n")

    with pytest.raises(FileRefused, match="was edited or removed since tunekit wrote it"):
        api.persist(load(tmp_path, ("6000", "7000")), ground=on)
    undone = api.rollback(ground=on)
    assert undone.exit_code is ExitCode.INCOMPLETE
    assert undone.changes[0].detail == "somebody edited or removed it since tunekit wrote it"
    assert FILE.read_text().endswith("= 9\n")
    assert api.rollback(force=True, ground=on).exit_code is ExitCode.OK
    assert not FILE.exists()


def test_files_are_taken_away_on_request(profile: Profile, tmp_path: Path) -> None:
    on = ground(tmp_path)
    api.persist(profile, keeping=Keeping(units=("nginx",)), ground=on)

    report = api.persist(profile, remove=True, ground=on)

    assert report.verdict == "transaction 2: 2 files removed"
    assert not FILE.exists()
    api.rollback(ground=on)
    assert settings() == [LINE]


def test_what_a_killed_apply_left_half_written_is_undone_with_it(
    profile: Profile, tmp_path: Path
) -> None:
    dying = replace(ground(tmp_path), machine=DyingMachine(1))
    keeping = Keeping(units=("nginx",))
    status = in_child(lambda: api.apply(profile, prove=False, keeping=keeping, ground=dying))
    assert status == -signal.SIGKILL
    drop_ins = "etc/systemd/system/nginx.service.d"
    beside = f".{FILE.name}.new"
    make(Path("/"), {f"etc/sysctl.d/{beside}": "half", f"{drop_ins}/{beside}": "half"})

    report = api.rollback(ground=ground(tmp_path))

    assert report.exit_code is ExitCode.OK, report
    assert list(FILE.parent.iterdir()) == []
    assert not Path("/", drop_ins).exists()


def test_a_unit_can_apply_it_at_boot(profile: Profile, tmp_path: Path) -> None:
    api.persist(profile, keeping=Keeping(boot_unit=True), ground=ground(tmp_path))

    unit = Path("/etc/systemd/system/tunekit-mine.service").read_text()
    wish = Path("/etc/systemd/system/sysinit.target.d/90-tunekit-mine.conf").read_text()
    assert f'"apply" "{tmp_path}/mine.yaml" "--no-probe" "--quiet"\n' in unit
    assert wish.endswith("[Unit]\nWants=tunekit-mine.service\n")


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("unlimited", "no limit at all makes programs loop"),
        ("2000000000", "a hard limit of 2000000000 is above fs.nr_open"),
    ],
)
def test_limits_that_lock_people_out_are_refused(tmp_path: Path, limit: str, message: str) -> None:
    name = "nofile" if limit != "unlimited" else "memlock"
    profile = load(tmp_path, ("nofile: {at_least: 65536,", f"{name}: {{at_least: {limit},"))
    keeping = Keeping(users=("app",))
    with pytest.raises(ProfileError, match=message):
        api.persist(profile, keeping=keeping, ground=ground(tmp_path))
    assert not FILE.exists()
    allowed = replace(keeping, allow=frozenset({f"rlimit.{name}"}))
    report = api.persist(profile, keeping=allowed, ground=ground(tmp_path))
    assert report.exit_code is ExitCode.OK


@pytest.mark.parametrize(
    ("nr_open", "line"), [(1048576, "LimitNOFILE=1048576:1048576"), (2000000000, "")]
)
def test_no_limit_is_taken_over_only_where_a_program_can_count_to_it(
    profile: Profile, tmp_path: Path, nr_open: int, line: str
) -> None:
    drop_in = "etc/systemd/system/web.service.d/x.conf"
    files = {
        "usr/lib/systemd/systemd-sysctl": "",
        "usr/lib/systemd/system/web.service": "[Service]\n",
        drop_in: "[Service]\nLimitNOFILE=infinity\n",
        "etc/sysctl.d/a.conf": f"fs.nr_open = {nr_open}\n",
    }
    root = make(tmp_path / "image", files)
    keeping = Keeping(root=root, units=("web.service",))

    if not line:
        with pytest.raises(ProfileError, match=rf"/{drop_in}:2 has no limit, which is fs.nr_open"):
            api.persist(profile, keeping=keeping, ground=ground(tmp_path))
        keeping = replace(keeping, allow=frozenset({"rlimit.nofile"}))
        line = f"LimitNOFILE={nr_open}:{nr_open}"
    report = api.persist(profile, keeping=keeping, ground=ground(tmp_path))

    assert report.exit_code is ExitCode.OK, report
    written = root / "etc/systemd/system/web.service.d/90-tunekit-mine.conf"
    assert settings(written) == [line]


def test_a_key_of_a_module_has_it_loaded_first(tmp_path: Path) -> None:
    profile = load(
        tmp_path,
        ("net.ipv4.tcp_syncookies: 1", "net.netfilter.nf_conntrack_max: {at_least: 262144}"),
    )
    root = make(tmp_path / "image", {"usr/lib/systemd/systemd-sysctl": ""})

    report = api.persist(profile, keeping=Keeping(root=root), ground=ground(tmp_path))

    assert report.exit_code is ExitCode.OK, report
    assert settings(root / "etc/modules-load.d/90-tunekit-mine.conf") == ["nf_conntrack"]
    assert settings(root / "etc/sysctl.d/90-tunekit-mine.conf") == [
        LINE,
        "net.netfilter.nf_conntrack_max = 262144",
    ]
    assert not FILE.exists()
    api.rollback(ground=ground(tmp_path))
    assert not list((root / "etc/sysctl.d").iterdir())


def test_nothing_is_written_when_a_file_cannot_be(profile: Profile, tmp_path: Path) -> None:
    folder = Path("/etc/systemd/system.conf.d")
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("in the way")

    report = api.apply(profile, keeping=Keeping(manager=True), prove=False, ground=ground(tmp_path))

    assert report.exit_code is ExitCode.ROLLED_BACK
    assert not FILE.exists()
    assert SOMAXCONN.read_text() == "4096\n"
    assert [
        each.state.value for each in api.history(state_dir=tmp_path / "state").transactions
    ] == ["undone"]


def test_a_namespace_has_no_boot(profile: Profile, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="what boot reads is the host's"):
        api.apply(profile, keeping=Keeping(), netns="1", ground=ground(tmp_path))


def test_a_journal_of_before_there_were_files_is_taken_on(profile: Profile, tmp_path: Path) -> None:
    on = ground(tmp_path)
    api.apply(profile, prove=False, ground=on)
    with sqlite3.connect(tmp_path / "state/journal.sqlite") as db:
        db.execute("DROP TABLE files")
        db.execute("PRAGMA user_version = 1")
    db.close()

    assert [each.files for each in api.history(state_dir=on.state_dir).transactions] == [0]
    api.persist(profile, ground=on)
    with opened(on.state_dir) as journal:
        assert [each.files for each in journal.transactions()] == [0, 1]
