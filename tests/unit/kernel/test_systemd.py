"""What systemctl says of a unit, understood."""

from __future__ import annotations

from pathlib import Path

from tunekit.kernel import systemd
from tunekit.kernel.systemd import LoadedUnit


def test_its_properties_are_read() -> None:
    text = (
        "MainPID=4711\nLimitCPU=infinity\nLimitCPUSoft=infinity\nLimitNOFILE=524288\n"
        "LimitNOFILESoft=1024\nLimitCORE=18446744073709551615\nLimitCORESoft=0\n"
        "LimitNPROC=[not set]\nLimitNPROCSoft=[not set]\nId=nginx.service\nLoadState=loaded\n"
        "NeedDaemonReload=yes\nUser=www-data\n"
    )
    assert systemd.parse_properties(text) == LoadedUnit(
        name="nginx.service",
        load="loaded",
        main_pid=4711,
        stale=True,
        user="www-data",
        limits={"cpu": (-1, -1), "nofile": (1024, 524_288), "core": (0, -1)},
    )


def test_a_unit_that_does_not_run_has_no_process() -> None:
    text = "MainPID=0\nId=x.service\nLoadState=not-found\nNeedDaemonReload=no\nUser=\n"
    assert systemd.parse_properties(text) == LoadedUnit(name="x.service", load="not-found")


def test_without_its_folder_it_does_not_run_the_host(tmp_path: Path) -> None:
    assert not systemd.is_running(tmp_path / "system")
    assert systemd.is_running(tmp_path)
