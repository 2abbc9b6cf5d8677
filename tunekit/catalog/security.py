"""What guards the host: a profile sets these only where it says so twice."""

from __future__ import annotations

from tunekit.catalog.model import Direction, Field, Lax, Risk, Scope, Tier, Tunable
from tunekit.catalog.shapes import (
    FLAG,
    FLAG_INT,
    IMMEDIATELY,
    INT_MAX,
    NAME,
    UINT_MAX,
    mode,
    vector,
)
from tunekit.values import Kind

_RUNS_AS_ROOT = "the kernel runs it as root: whoever sets it owns the host"
_SWITCH_ON = mode(1, 1)
"""A switch that can only be turned on; it reads 0 until then."""


def _program(key: str, summary: str, default: str, source: str, length: int = 255) -> Tunable:
    return Tunable(
        pattern=key,
        kind=Kind.TEXT,
        fields=NAME,
        unit="path",
        tier=Tier.SECURITY,
        max_length=length,
        summary=summary,
        takes_effect=IMMEDIATELY,
        default=default,
        risk=Risk.HIGH,
        risk_note=_RUNS_AS_ROOT,
        source=source,
    )


def _guard(
    key: str,
    fields: tuple[Field, ...],
    unit: str,
    summary: str,
    *,
    default: str,
    risk_note: str,
    since: str,
    source: str,
    one_way: bool = False,
    final: frozenset[int] = frozenset(),
    risk: Risk = Risk.MEDIUM,
    related: tuple[str, ...] = (),
    takes_effect: str = IMMEDIATELY,
) -> Tunable:
    return Tunable(
        pattern=key,
        fields=fields,
        unit=unit,
        tier=Tier.SECURITY,
        summary=summary,
        takes_effect=takes_effect,
        default=default,
        one_way=one_way,
        final=final,
        related=related,
        risk=risk,
        risk_note=risk_note,
        since=since,
        source=source,
    )


ENTRIES = (
    _program(
        "kernel.core_pattern",
        "Name of core dumps, a program that gets them after `|`, a socket after `@`",
        "core",
        "fs/coredump.c format_corename; core(5)",
        length=127,
    ),
    _program(
        "kernel.modprobe",
        "Program that loads kernel modules on demand",
        "/sbin/modprobe",
        "kernel/module/kmod.c",
    ),
    _program(
        "kernel.hotplug",
        "Program for events of devices; kernels of today are built without it",
        "empty",
        "lib/kobject_uevent.c",
    ),
    _program(
        "kernel.poweroff_cmd",
        "Program that shuts the host down in good order",
        "/sbin/poweroff",
        "kernel/reboot.c",
    ),
    _guard(
        "kernel.core_pipe_limit",
        mode(0, INT_MAX, lax=Lax.BELOW),
        "core dumps",
        "Core dumps piped to programs at the same time; 0 sets no limit",
        default="0",
        risk_note="a crash loop can start any number of root processes",
        since="2.6.32",
        source="fs/coredump.c; core(5)",
        related=("kernel.core_pattern",),
    ),
    _guard(
        "kernel.modules_disabled",
        _SWITCH_ON,
        "switch",
        "Load no kernel module until the next boot",
        default="0",
        risk_note="tracking, congestion controls and drivers that are not loaded stay out",
        since="2.6.31",
        source="kernel/module/main.c",
        one_way=True,
        risk=Risk.HIGH,
    ),
    _guard(
        "kernel.kexec_load_disabled",
        _SWITCH_ON,
        "switch",
        "Load no other kernel until the next boot",
        default="0",
        risk_note="crash dumps cannot be set up again",
        since="3.14",
        source="kernel/kexec_core.c",
        one_way=True,
    ),
    *(
        _guard(
            f"kernel.usermodehelper.{name}",
            vector("low", "high", maximum=UINT_MAX, direction=Direction.NONE),
            "capability bits",
            f"{what} of programs that the kernel starts",
            default="4294967295 511",
            risk_note="bits that are gone never come back",
            since="3.0",
            source="kernel/umh.c proc_cap_handler",
            one_way=True,
            risk=Risk.HIGH,
        )
        for name, what in (
            ("bset", "Capability bounding set"),
            ("inheritable", "Inheritable capabilities"),
        )
    ),
    _guard(
        "kernel.yama.ptrace_scope",
        mode(0, 3),
        "mode",
        "Who may trace a process: 0 its user, 1 its ancestors, 2 root, 3 nobody for ever",
        default="1",
        risk_note="0 lets any program read the secrets of the user's others, 3 is for ever",
        since="3.4",
        source="security/yama/yama_lsm.c yama_dointvec_minmax",
        final=frozenset({3}),
    ),
    _guard(
        "kernel.unprivileged_bpf_disabled",
        mode(0, 2),
        "mode",
        "Keep eBPF from ordinary users: 0 no, 1 for ever, 2 until changed",
        default="2",
        risk_note="0 opens a large part of the kernel to every user, 1 is for ever",
        since="4.4",
        source="kernel/bpf/syscall.c bpf_unpriv_handler",
        final=frozenset({1}),
        risk=Risk.HIGH,
    ),
    _guard(
        "kernel.sysrq",
        mode(0, INT_MAX, lax=Lax.BELOW),
        "flags",
        "What the magic keys of the console may do",
        default="438 or 16, by distribution",
        risk_note="whoever has the console can stop the host",
        since="2.4",
        source="drivers/tty/sysrq.c",
    ),
    _guard(
        "fs.suid_dumpable",
        mode(0, 2),
        "mode",
        "Core dumps of programs that changed user: 0 none, 1 all, 2 readable by root only",
        default="0",
        risk_note="1 shows the memory of privileged programs to their users",
        since="2.6.13",
        source="fs/exec.c; proc_sys_fs(5)",
        related=("kernel.core_pattern",),
        risk=Risk.HIGH,
    ),
    _guard(
        "kernel.randomize_va_space",
        mode(0, 2, lax=Lax.BOTH),
        "mode",
        "Programs at random addresses: 0 no, 1 all but the heap, 2 all",
        default="2",
        risk_note="less makes exploits easier",
        since="2.6.12",
        source="mm/memory.c; fs/binfmt_elf.c",
        takes_effect="programs started afterwards",
        risk=Risk.HIGH,
    ),
    _guard(
        "kernel.kptr_restrict",
        mode(0, 2),
        "mode",
        "Hide the addresses of the kernel: 0 hashed, 1 from ordinary users, 2 from all",
        default="0",
        risk_note="addresses help exploits",
        since="2.6.38",
        source="lib/vsprintf.c; kernel/printk/sysctl.c",
    ),
    _guard(
        "kernel.dmesg_restrict",
        FLAG,
        "flag",
        "Keep the kernel's log from ordinary users",
        default="by distribution",
        risk_note="the log shows addresses and hardware",
        since="2.6.37",
        source="kernel/printk/printk.c check_syslog_permissions",
    ),
    _guard(
        "kernel.perf_event_paranoid",
        mode(-1, 4, lax=Lax.BOTH),
        "level",
        "How much of perf ordinary users may have; higher is less",
        default="2; 3 on Debian",
        risk_note="-1 shows the kernel to everybody",
        since="2.6.31",
        source="kernel/events/core.c; perf_event_open(2)",
    ),
    _guard(
        "kernel.io_uring_disabled",
        mode(0, 2),
        "mode",
        "Who may use io_uring: 0 all, 1 a group, 2 nobody",
        default="0",
        risk_note="servers that use io_uring stop at 2, the kernel is wider open at 0",
        since="6.6",
        source="io_uring/io_uring.c io_uring_allowed",
        takes_effect="rings set up afterwards",
    ),
    _guard(
        "kernel.unprivileged_userns_clone",
        FLAG_INT,
        "flag",
        "Let ordinary users make user namespaces; a patch of Debian and Ubuntu",
        default="1",
        risk_note="1 opens more of the kernel, 0 stops rootless containers",
        since="a patch of distributions",
        source="kernel/fork.c, Debian",
        related=("user.max_user_namespaces",),
    ),
    *(
        _guard(
            f"fs.protected_{name}",
            mode(0, most),
            "mode",
            f"Guard {what} in folders that all may write to",
            default="by distribution, mostly on",
            risk_note="off, a user can trick programs of others in /tmp",
            since=since,
            source="fs/namei.c; proc_sys_fs(5)",
        )
        for name, most, what, since in (
            ("symlinks", 1, "symbolic links", "3.6"),
            ("hardlinks", 1, "hard links", "3.6"),
            ("fifos", 2, "named pipes", "4.19"),
            ("regular", 2, "files", "4.19"),
        )
    ),
    *(
        Tunable(
            pattern=f"net.{family}.route.flush",
            fields=(Field(direction=Direction.NONE),),
            tier=Tier.SECURITY,
            scope=Scope.NETNS,
            one_way=True,
            summary="Forget learnt routes now",
            takes_effect="when it is written; it keeps no value",
            risk=Risk.LOW,
            risk_note="a command, not a setting",
            since="2.2",
            source=source,
        )
        for family, source in (
            ("ipv4", "net/ipv4/route.c ipv4_sysctl_rtcache_flush"),
            ("ipv6", "net/ipv6/route.c ipv6_sysctl_rtcache_flush"),
        )
    ),
)
