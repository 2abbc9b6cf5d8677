"""Judging a wanted value by what is known of its key."""

from __future__ import annotations

import pytest

from tunekit import catalog
from tunekit.catalog.model import Tunable
from tunekit.catalog.validate import Problem, Severity, Wanted, needs_allow, problems
from tunekit.values import Numbers, Ports, SysctlKey, SysctlValue, Text


def known(key: str) -> Tunable:
    tunable = catalog.find(key)
    assert tunable is not None
    return tunable


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("net.core.somaxconn", (65_535,)),
        ("net.ipv4.tcp_wmem", (4096, 16_384, 4_194_304)),
        ("net.ipv4.tcp_wmem", (None, None, 4_194_304)),
        ("net.ipv4.ip_local_port_range", (16_384, 65_535)),
        ("net.ipv4.ip_local_reserved_ports", Ports.of([(9093, 9095)])),
        ("net.ipv4.tcp_congestion_control", Text("bbr")),
        ("fs.file-max", (2**63 - 1,)),
        ("net.ipv4.tcp_notsent_lowat", (4_294_967_295,)),
        ("rlimit.memlock", (-1, -1)),
        ("rlimit.memlock", (65_536, -1)),
    ],
)
def test_a_value_that_the_kernel_takes_has_no_problem(key: str, wanted: Wanted) -> None:
    assert problems(known(key), wanted) == []


@pytest.mark.parametrize(
    ("key", "wanted", "message", "hint"),
    [
        (
            "net.ipv4.tcp_wmem",
            (4096, 16_384),
            "takes 3 integers (min, default, max), not 2",
            "write keep for a field that shall stay",
        ),
        ("net.core.somaxconn", (1, 2), "takes an integer, not 2", "write one number"),
        (
            "net.core.somaxconn",
            (2**31,),
            "2147483648 is out of range",
            "the range is 0 to 2147483647 connections",
        ),
        (
            "net.ipv4.tcp_fin_timeout",
            (-5,),
            "-5 is out of range",
            "the range is 1 to 21474836 seconds, though the kernel would store it",
        ),
        (
            "net.ipv4.tcp_fin_timeout",
            (21_474_837,),
            "21474837 is out of range",
            "the range is 1 to 21474836 seconds",
        ),
        (
            "net.ipv4.tcp_rmem",
            (0, 131_072, 6_291_456),
            "min 0 is out of range",
            "the range is 1 to 2147483647 bytes",
        ),
        (
            "net.ipv4.tcp_rmem",
            (4096, 6_291_456, 131_072),
            "default 6291456 is over max 131072",
            "write min, default, max in rising order",
        ),
        (
            "net.ipv4.ip_local_port_range",
            (60_000, 40_000),
            "low 60000 is over high 40000",
            "write low, high in rising order",
        ),
        ("net.core.somaxconn", Text("many"), "takes an integer, not a text", "write an integer"),
        (
            "net.ipv4.tcp_wmem",
            Text("big"),
            "takes 3 integers (min, default, max), not a text",
            "write 3 integers (min, default, max)",
        ),
        (
            "net.ipv4.tcp_congestion_control",
            (1,),
            "takes a text, not a number",
            "write a name",
        ),
        (
            "net.ipv4.ip_local_reserved_ports",
            (8080,),
            "takes a list of ports, not a number",
            "write a list such as 8080,9000-9100",
        ),
        (
            "net.ipv4.tcp_congestion_control",
            Text("a-very-long-name"),
            "16 bytes, of which the kernel would keep the first 15",
            "write a shorter text",
        ),
        (
            "fs.file-nr",
            (1, 2, 3),
            "the kernel reports this value and nobody can set it",
            "leave it out, or set fs.file-max",
        ),
        (
            "net.core.netdev_rss_key",
            Text("00:11"),
            "the kernel reports this value and nobody can set it",
            "leave it out",
        ),
    ],
)
def test_a_wrong_value_says_what_is_wrong_and_what_to_do(
    key: str, wanted: Wanted, message: str, hint: str
) -> None:
    assert problems(known(key), wanted) == [Problem(message=message, hint=hint)]


@pytest.mark.parametrize(
    ("key", "wanted", "message", "hint"),
    [
        (
            "net.ipv4.tcp_mem",
            (1_048_576, 2_097_152, 4_194_304),
            "counts pages, not bytes",
            "write 4MiB // page_size",
        ),
        ("vm.min_free_kbytes", (67_108_864,), "counts KiB, not bytes", "write 64MiB // 1024"),
        (
            "net.core.somaxconn",
            (65_536,),
            "counts connections, not bytes",
            "write a plain number",
        ),
    ],
)
def test_a_size_in_bytes_is_refused_where_something_else_is_counted(
    key: str, wanted: Wanted, message: str, hint: str
) -> None:
    assert problems(known(key), wanted, sized=True) == [Problem(message=message, hint=hint)]


def test_a_size_in_bytes_fits_a_key_that_counts_bytes() -> None:
    assert problems(known("net.core.rmem_max"), (8_388_608,), sized=True) == []


@pytest.mark.parametrize(
    ("key", "wanted", "message", "hint"),
    [
        (
            "net.ipv4.tcp_syncookies",
            (1,),
            "this is a mode: no value of it is more than another",
            "write the value alone, without at_least or at_most",
        ),
        (
            "net.ipv4.tcp_congestion_control",
            Text("bbr"),
            "a text is neither more nor less than another",
            "write the text alone, or prefer: [FIRST, SECOND]",
        ),
    ],
)
def test_at_least_has_no_meaning_on_a_mode_or_a_name(
    key: str, wanted: Wanted, message: str, hint: str
) -> None:
    assert problems(known(key), wanted, directed=True) == [Problem(message=message, hint=hint)]


def test_at_least_has_a_meaning_on_ports() -> None:
    reserved = known("net.ipv4.ip_local_reserved_ports")
    assert problems(reserved, Ports.of([(80, 80)]), directed=True) == []


@pytest.mark.parametrize(
    ("key", "message", "hint"),
    [
        ("net.core.hot_list_length", "obsolete, removed in 2.6", "leave it out"),
        (
            "net.ipv4.tcp_tw_recycle",
            "obsolete, removed in 4.12",
            "use net.ipv4.tcp_tw_reuse, for outgoing connections",
        ),
        (
            "net.ipv4.tcp_fack",
            "obsolete, ignored by current kernels",
            "use net.ipv4.tcp_recovery",
        ),
        ("net.ipv4.udp_wmem_min", "obsolete, ignored by current kernels", "leave it out"),
    ],
)
def test_an_obsolete_key_is_a_warning_with_what_to_use(key: str, message: str, hint: str) -> None:
    assert problems(known(key), (1,)) == [
        Problem(message=message, hint=hint, severity=Severity.WARNING)
    ]


def test_every_field_that_is_out_of_range_is_named() -> None:
    found = problems(known("net.ipv4.tcp_wmem"), (0, -1, 2**31))
    assert [problem.message for problem in found] == [
        "min 0 is out of range",
        "default -1 is out of range",
        "max 2147483648 is out of range",
    ]


def test_a_secret_is_not_repeated() -> None:
    seed = known("net.ipv4.fib_multipath_hash_seed")
    [problem] = problems(seed, (2**40,))
    assert problem.message == "the value is out of range"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("net.core.somaxconn", Numbers((65_535,)), None),
        ("net.core.somaxconn", None, None),
        (
            "net.core.somaxconn",
            Numbers((0,)),
            "0 is under 1, below which the host breaks: a listener drops clients that arrive at "
            "the same time",
        ),
        (
            "vm.max_map_count",
            Numbers((0,)),
            "0 is under 4096, below which the host breaks: every program that asks for memory "
            "fails, the one that would undo it too",
        ),
        ("net.netfilter.nf_conntrack_max", Numbers((0,)), None),
        (
            "kernel.modules_disabled",
            Numbers((1,)),
            "there is no way back before the next boot: tracking, congestion controls and "
            "drivers that are not loaded stay out",
        ),
        (
            "kernel.yama.ptrace_scope",
            Numbers((3,)),
            "3 cannot be taken back before the next boot: 0 lets any program read the secrets of "
            "the user's others, 3 is for ever",
        ),
        (
            "kernel.core_pattern",
            Text("core"),
            "it guards the security of the host: the kernel runs it as root: whoever sets it owns "
            "the host",
        ),
        (
            "net.ipv4.ip_forward",
            Numbers((1,)),
            "it guards the security of the host: 1 makes a router of the host, 0 cuts containers "
            "and virtual machines off",
        ),
        ("rlimit.nofile", Numbers((1024, 4096)), None),
        (
            "rlimit.nofile",
            Numbers((3, 4096)),
            "3 is under 64, below which the host breaks: the process, and what it starts, cannot "
            "open its own files",
        ),
        (
            "abi.vsyscall32",
            Numbers((1,)),
            "abi.vsyscall32 is not in the catalogue: its range and its dangers are not known",
        ),
    ],
)
def test_what_can_hurt_needs_allow(key: str, value: SysctlValue | None, reason: str | None) -> None:
    assert needs_allow(SysctlKey.parse(key), catalog.find(key), value) == reason
