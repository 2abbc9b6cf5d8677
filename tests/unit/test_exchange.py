"""An import of an export is the same profile; what cannot be carried over is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tunekit.api import load_profile
from tunekit.api.exporting import export_profile
from tunekit.api.importing import import_text
from tunekit.api.profiles import diff_profiles
from tunekit.errors import UsageError
from tunekit.files.export import Target
from tunekit.files.importing import Form
from tunekit.profile.find import BUILT_IN

FOREIGN = """\
# A longer queue
net.core.somaxconn = 0100
; net.core.somaxconn = 1
-net.ipv4.conf.*.rp_filter
net.ipv4.tcp_wmem=4096\t16384 4194304
net.ipv4.tcp_tw_recycle=1
net.foo.bar=1
-net/ipv4/conf/eth0.1/accept_redirects = 0
nonsense
net.ipv4.conf.*.rp_filter = 1
net.ipv4.tcp_rmem = 1 2
kernel.modules_disabled=1
net.core.somaxconn=300
fs.file-nr = 1 2 3
"""
TUNED = """\
[main]
summary=One
include=throughput-performance
[sysctl]
net.core.somaxconn=4000
vm.max_map_count=${maps}
[cpu]
governor=performance
"""


def profile_of(text: str, tmp_path: Path):
    path = tmp_path / "back.yaml"
    path.write_text(text)
    return load_profile(path)


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("target", [Target.SYSCTL_D, Target.TUNED], ids=lambda each: each.value)
def test_an_import_of_an_export_is_the_same_profile(
    path: Path, target: Target, tmp_path: Path
) -> None:
    profile = load_profile(path)

    report = import_text(export_profile(profile, target).text.encode(), file="exported")
    back = profile_of(report.text, tmp_path)

    assert diff_profiles(profile, back).listings[0].rows == ()
    assert (back.name, back.summary) == (profile.name, profile.summary)
    reasons = [(each.reason, each.source) for each in (*back.settings, *back.limits)]
    assert reasons == [(each.reason, each.source) for each in (*profile.settings, *profile.limits)]


def test_a_value_that_was_edited_is_taken_as_it_is(tmp_path: Path) -> None:
    text = export_profile(load_profile("base"), Target.SYSCTL_D).text
    edited = text.replace("net.core.somaxconn = 4096", "net.core.somaxconn = 5000")

    report = import_text(edited.encode(), file="e.conf")

    settings = {str(each.key): each for each in profile_of(report.text, tmp_path).settings}
    assert str(settings["net.core.somaxconn"].requirements[0]) == "5000"
    assert str(settings["net.ipv4.tcp_wmem"].requirements[0]).startswith("at least ")
    assert [note for note in report.notes if "edited since" in note] == [
        "e.conf:7: net.core.somaxconn: the value is not the one of the comment above it, so it was "
        "edited since; taken as exactly that"
    ]


def test_what_cannot_be_carried_over_is_listed_with_its_line(tmp_path: Path) -> None:
    report = import_text(FOREIGN.encode(), file="x.conf", name="x")

    assert report.listings[0].rows == (
        ("x.conf:4", "net.ipv4.conf.*.rp_filter", "only keeps the key out of patterns"),
        ("x.conf:9", "nonsense", "no key and value in it"),
        ("x.conf:10", "net.ipv4.conf.*.rp_filter", "a pattern; a profile names each key"),
        ("x.conf:2", "net.core.somaxconn", "set again in line 13, which wins"),
        (
            "x.conf:6",
            "net.ipv4.tcp_tw_recycle",
            "obsolete; use net.ipv4.tcp_tw_reuse, for outgoing connections",
        ),
        ("x.conf:7", "net.foo.bar", "neither the catalogue nor this kernel has it"),
        ("x.conf:11", "net.ipv4.tcp_rmem", "takes 3 integers (min, default, max), not 2"),
        ("x.conf:14", "fs.file-nr", "the kernel reports it and nobody can set it"),
    )
    profile = profile_of(report.text, tmp_path)
    assert {str(each.key): each.optional for each in profile.settings} == {
        "net.ipv4.tcp_wmem": False,
        "net.ipv4.conf.eth0/1.accept_redirects": True,
        "kernel.modules_disabled": False,
        "net.core.somaxconn": False,
    }
    assert "kernel.modules_disabled" in map(str, profile.allow)
    assert all(
        f"# not carried over: {': '.join(row)}\n" in report.text for row in report.listings[0].rows
    )


def test_an_octal_number_is_the_one_that_the_kernel_would_store(tmp_path: Path) -> None:
    report = import_text(b"# why\nnet.core.somaxconn = 010000\n", file="x")

    (setting,) = profile_of(report.text, tmp_path).settings
    assert (str(setting.requirements[0]), setting.reason) == ("4096", "why")


def test_a_profile_of_tuned_is_told_from_its_sections(tmp_path: Path) -> None:
    report = import_text(TUNED.encode(), file="tuned.conf")

    assert [str(each.key) for each in profile_of(report.text, tmp_path).settings] == [
        "net.core.somaxconn"
    ]
    assert [row[:2] for row in report.listings[0].rows] == [
        ("tuned.conf:3", "[main] include"),
        ("tuned.conf:6", "vm.max_map_count"),
        ("tuned.conf:8", "[cpu] governor"),
    ]


@pytest.mark.parametrize(
    ("comment", "line", "demand"),
    [
        ("", ">4000", "at least 4000"),
        ("", "<4000", "at most 4000"),
        ("# tunekit: {at_least: 4000}", ">4000", "at least 4000"),
        ("# tunekit: {at_least: 4000}", ">5000", "at least 5000"),
        ("# tunekit: {at_least: 4000}", "4000", "at least 4000"),
        ("# tunekit: {at_least: 4000}", "<4000", "at most 4000"),
        ("# tunekit: {exactly: 4000}", ">4000", "at least 4000"),
    ],
)
def test_what_tuned_only_raises_or_lowers_stays_a_bound(
    comment: str, line: str, demand: str, tmp_path: Path
) -> None:
    text = f"[sysctl]\n{comment}\nnet.core.somaxconn={line}\n"

    report = import_text(text.encode(), file="tuned.conf")

    (setting,) = profile_of(report.text, tmp_path).settings
    assert str(setting.requirements[0]) == demand
    assert report.listings[0].rows == ()


def test_of_sysctl_a_only_what_is_harmless_to_set_is_kept(tmp_path: Path) -> None:
    text = "net.core.somaxconn = 4096\nkernel.modules_disabled = 0\nfs.file-nr = 1\t0\t2\n"

    report = import_text(text.encode(), file="-", form=Form.SYSCTL_A)

    profile = profile_of(report.text, tmp_path)
    assert [str(each.key) for each in profile.settings] == ["net.core.somaxconn"]
    assert profile.allow == frozenset()


@pytest.mark.parametrize(
    "data", [b"\x00\xff\x1b[31m=1\n", b"=\n", b"", b"a" * 5000, b"[x\n[y]\n=\n"]
)
def test_nonsense_makes_an_empty_profile_or_an_error(data: bytes, tmp_path: Path) -> None:
    report = import_text(data, file="n\x1b")

    assert profile_of(report.text, tmp_path).settings == ()


def test_a_huge_file_is_refused() -> None:
    with pytest.raises(UsageError, match="larger than"):
        import_text(b"#" * (1 << 21), file="x")
