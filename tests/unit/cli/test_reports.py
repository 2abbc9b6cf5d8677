"""`--report FORMAT=FILE`: what is written where, and what becomes of what was there."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from tests.support.reports import PREFLIGHT
from tunekit.cli.output import Look, deliver
from tunekit.cli.reports import ReportFile, replace_file, report_file
from tunekit.errors import UsageError
from tunekit.report import Format
from tunekit.report.model import Report


def test_a_report_names_a_format_and_a_file() -> None:
    assert report_file("junit=a=b.xml") == ReportFile(format=Format.JUNIT, path=Path("a=b.xml"))


@pytest.mark.parametrize("text", ["junit", "junit=", "=x", "xml=x", "JUNIT=x", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        report_file(text)
    assert str(caught.value) == (
        f"--report: {text!r} is not a format and a file; write FORMAT=FILE, with one of table, "
        "json, junit, tap, github, prometheus, sarif, markdown"
    )


def test_one_run_writes_several_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    look = Look(
        format=Format.GITHUB,
        reports=tuple(
            ReportFile(format=format, path=tmp_path / format.value)
            for format in (Format.JSON, Format.JUNIT, Format.TABLE)
        ),
    )

    assert deliver("preflight", look, lambda: PREFLIGHT) == 1

    assert json.loads((tmp_path / "json").read_text())["command"] == "preflight"
    assert (tmp_path / "junit").read_text().startswith("<?xml")
    assert "net.core.somaxconn" in (tmp_path / "table").read_text()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["json", "junit", "table"]
    said = capsys.readouterr()
    assert all(line.startswith("::") for line in said.out.splitlines())
    assert said.err == ""


def test_what_went_wrong_is_in_the_files_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = ReportFile(format=Format.JSON, path=tmp_path / "report.json")

    def operation() -> Report:
        raise UsageError("no such profile", key="hihg-conn")

    assert deliver("preflight", Look(format=Format.TAP, reports=(file,)), operation) == 2
    assert json.loads(file.path.read_text())["exit_code"] == 2
    assert capsys.readouterr().out.splitlines()[:3] == [
        "TAP version 13",
        "1..1",
        "not ok 1 - error: hihg-conn",
    ]


def test_a_file_that_cannot_be_written_is_said_and_changes_no_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = ReportFile(format=Format.JSON, path=tmp_path / "nowhere" / "report.json")
    look = Look(reports=(file,))

    assert deliver("preflight", look, lambda: PREFLIGHT) == 1
    assert deliver("preflight", look, lambda: Report(command="preflight")) == 3
    assert capsys.readouterr().err == (
        f"tunekit: error: cannot write {file.path}: No such file or directory\n" * 2
    )


def test_a_file_is_replaced_whole_with_the_permissions_of_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    path.write_text("what was there before")
    path.chmod(0o600)
    before = path.open()

    replace_file(path, "new \udcff\n")

    assert path.read_bytes() == b"new \\udcff\n"
    assert stat.S_IMODE(path.stat().st_mode) & 0o600 == 0o600
    assert before.read() == "what was there before"
    before.close()
    assert [each.name for each in tmp_path.iterdir()] == ["report.xml"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "report.xml"
    link.symlink_to(tmp_path / "real/report.xml")

    replace_file(link, "x\n")

    assert link.is_symlink()
    assert (tmp_path / "real/report.xml").read_text() == "x\n"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()

    replace_file(pipe, "x\n")

    reader.join(10)
    assert read == ["x\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
