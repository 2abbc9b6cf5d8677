"""What `explain` says of each thing that is known, and of what is not."""

from __future__ import annotations

from typing import Any

import pytest

import tunekit
from tunekit import catalog
from tunekit.catalog.topics import TOPICS
from tunekit.errors import ExitCode, UsageError
from tunekit.report.formats import Format, render


def entries(*names: str, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tunekit.explain(names, **options).data["entries"]
    return found


def test_a_key_is_explained_whole() -> None:
    (entry,) = entries("net/ipv4/ip_local_port_range")

    assert {name: entry[name] for name in ("name", "kind", "type", "unit", "range", "special")} == {
        "name": "net.ipv4.ip_local_port_range",
        "kind": "sysctl",
        "type": "2 numbers: low, high",
        "unit": "port",
        "range": "1..65535",
        "special": "a smaller low is more generous; the numbers must not fall",
    }
    assert entry["scope"] == "network namespace"
    assert entry["takes_effect"] == "the next bind or connect that picks a port"
    assert entry["related"][1] == (
        "net.ipv4.ip_unprivileged_port_start (net.ipv4.ip_unprivileged_port_start may not be above "
        "net.ipv4.ip_local_port_range)"
    )
    assert entry["risk"].startswith("medium: a client may take the port")
    assert entry["history"][0] == "since 2.2"
    assert entry["source"].endswith("ip(7)")
    assert "EADDRNOTAVAIL" in entry["text"]
    assert len(entry["running"].split()) == 2


@pytest.mark.parametrize(
    ("name", "unenforced"),
    [
        ("net.core.somaxconn", []),
        ("net.ipv4.tcp_syncookies", ["a number above 2 is stored all the same"]),
        (
            "net.ipv4.ip_forward",
            ["a number below 0 is stored all the same", "a number above 1 is stored all the same"],
        ),
        (
            "kernel.sem",
            [
                "per set, a number below 0 is stored all the same",
                "total, a number below 0 is stored all the same",
                "per call, a number below 0 is stored all the same",
            ],
        ),
    ],
)
def test_a_bound_that_the_kernel_does_not_enforce_is_said(name: str, unenforced: list[str]) -> None:
    report = tunekit.explain([name])

    assert report.data["entries"][0]["unenforced"] == unenforced
    words = " ".join(render(report, Format.TABLE, width=80, colour=False).split())
    said = f"not enforced {'; '.join(unenforced)}" if unenforced else "not enforced"
    assert (said in words) is bool(unenforced)


def test_a_key_that_is_gone_says_since_when_and_what_to_use() -> None:
    (entry,) = entries("net.ipv4.tcp_tw_recycle")

    assert (entry["status"], entry["instead"], entry["running"], entry["why_not"]) == (
        "gone since 4.12",
        "net.ipv4.tcp_tw_reuse, for outgoing connections",
        None,
        "this kernel has no such key",
    )
    assert (entry["type"], entry["scope"], entry["boot"]) == ("", "", None)


def test_a_secret_and_a_trigger_are_explained_and_not_read() -> None:
    secret, trigger = entries("net.ipv4.tcp_fastopen_key", "vm.drop_caches")

    assert (secret["running"], secret["why_not"]) == (None, "a secret, never shown")
    assert (trigger["running"], trigger["why_not"]) == (None, "reading it has a side effect")


def test_a_limit_is_found_by_each_of_its_names_with_its_value_here() -> None:
    by_name = [entries(name) for name in ("RLIMIT_NOFILE", "nofile", "rlimit.nofile", "ulimit -n")]

    assert by_name == [by_name[0]] * 4
    assert by_name[0][0]["range"] == "0..2147483584"
    assert len(by_name[0][0]["running"].split()) == 2


def test_names_are_explained_once_each_and_globs_are_those_of_the_catalogue() -> None:
    names = [row["name"] for row in entries("backlog", "listen", "net.ipv4.tcp_?mem", "backlog")]

    assert names == ["listen backlog", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("so_sndbuff", "so_sndbuff: is not known; did you mean SO_SNDBUF?"),
        (
            "net.core.somaxcon",
            "net.core.somaxcon: is not known, and this kernel has no such key; did you mean "
            "net.core.somaxconn?",
        ),
        ("zzz", "zzz: is not known; search with explain --search WORD"),
        ("zzz.*", "zzz.*: no entry matches; see them with explain --list"),
    ],
)
def test_an_unknown_name_is_an_error_with_the_nearest(name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        entries(name)
    assert str(caught.value) == message


def test_a_search_finds_each_word_anywhere_and_nothing_is_1() -> None:
    report = tunekit.explain(search="TIME_WAIT port")

    (listing,) = report.listings
    assert listing.title == f"{len(listing.rows)} entries with 'TIME_WAIT port'"
    assert "net.ipv4.tcp_tw_reuse" in [name for name, _ in listing.rows]
    assert [row["name"] for row in report.data["entries"]] == [name for name, _ in listing.rows]

    nothing = tunekit.explain(search="no such thing")
    assert (nothing.exit_code, nothing.data) == (ExitCode.NO, {"entries": []})


def test_every_entry_is_listed_and_has_the_same_members() -> None:
    report = tunekit.explain()

    (listing,) = report.listings
    topics = {topic.names[0] for topic in TOPICS}
    assert topics | {each.pattern for each in catalog.entries()} == {
        name for name, _ in listing.rows
    } | {topic.entry for topic in TOPICS if topic.entry}
    members = [tuple(row) for row in report.data["entries"]]
    assert set(members) == {members[0]}


def test_each_fits_into_80_columns() -> None:
    names = [topic.names[0] for topic in TOPICS]
    report = tunekit.explain([*names, "net.ipv4.tcp_rmem", "net.ipv4.conf.*.rp_filter"])

    text = render(report, Format.TABLE, width=80, colour=False)

    assert max(map(len, text.splitlines())) <= 80
    assert text.startswith(
        "RLIMIT_NOFILE (nofile, LimitNOFILE, ulimit -n, rlimit.nofile): resource"
    )
