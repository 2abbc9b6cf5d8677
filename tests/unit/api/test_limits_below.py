"""The limits of a unit of another system, by its files alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import tunekit
from tests.unit.files.builders import make
from tunekit.check.model import Status
from tunekit.errors import UsageError

FILES = {
    "usr/lib/systemd/systemd": "",
    "usr/lib/systemd/systemd-sysctl": "",
    "usr/lib/systemd/system/web.service": "[Service]\nExecStart=/bin/true\n",
}
HUGE = {
    "etc/sysctl.d/a.conf": "fs.nr_open = 2000000000\n",
    "etc/systemd/system/web.service.d/o.conf": "[Service]\nLimitNOFILE=infinity\n",
}


def nofile(root: Path) -> tuple[str, str, str]:
    report = tunekit.inspect_limits(unit="web", root=root)
    (row,) = [each for each in report.data["limits"] if each["name"] == "nofile"]
    return row["soft"], row["hard"], row["hard_from"]


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, ("1024", "524288", "systemd's default")),
        (
            {"etc/systemd/system/web.service.d/o.conf": "[Service]\nLimitNOFILE=5000\n"},
            ("5000", "5000", "/etc/systemd/system/web.service.d/o.conf:2"),
        ),
        (
            HUGE,
            (
                "2000000000",
                "2000000000",
                "/etc/systemd/system/web.service.d/o.conf:2 (no limit: fs.nr_open)",
            ),
        ),
        (
            # More than this system's fs.nr_open, whatever the host's is: systemd's own instead.
            {"etc/systemd/system/web.service.d/o.conf": "[Service]\nLimitNOFILE=1048577\n"},
            ("524288", "524288", "/etc/systemd/system/web.service.d/o.conf:2"),
        ),
    ],
)
def test_the_limits_are_those_of_its_own_files(
    tmp_path: Path, files: dict[str, str], expected: tuple[str, str, str]
) -> None:
    assert nofile(make(tmp_path, FILES | files)) == expected


def test_what_does_harm_there_is_warned_of(tmp_path: Path) -> None:
    root = make(tmp_path, FILES | HUGE)

    report = tunekit.inspect_limits(unit="web", root=root)
    gate = tunekit.preflight(tunekit.load_profile("high-conn"), root=root, unit="web")

    for findings in (report.findings, gate.findings):
        warned = [each.observed for each in findings if each.status is Status.WARN]
        assert warned == ["infinity, which is fs.nr_open = 2000000000"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit": "nosuch"}, "no unit named nosuch.service below "),
        ({"unit": "web", "user": "root"}, "--limits with --root is about a unit alone"),
        ({}, "--limits with --root is about a unit alone"),
    ],
)
def test_what_another_root_cannot_tell_is_refused(
    tmp_path: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        tunekit.inspect_limits(root=make(tmp_path, FILES), **options)
