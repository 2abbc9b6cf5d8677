"""What the survey of a kernel (survey.py) cannot try, and where kernels differ and why.

The catalogue has the widest range that any kernel in use accepts. Here is said which kernels are
narrower. A difference that neither names is a failure of tests/vm/test_catalogue_vm.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tunekit.catalog.model import Field
from tunekit.catalog.shapes import LONG_MAX, SECONDS_MAX, UINT_MAX
from tunekit.values import SysctlKey

FRESH_BOOT = {
    "kernel.pid_max": "its least leaves no room for another program",
    "kernel.threads-max": "its least leaves no room for another program",
    "net.core.bpf_jit_enable": "2 is for the kernel's developers and floods its log",
    "vm.overcommit_memory": "2 may leave no memory to another program",
}
"""Keys that would spoil the machine for what comes next: tried on a boot of their own.

So are those of which a value cannot be taken back before the next boot.
"""

NOT_TRIED = {
    "kernel.core_pattern": "a text of its own syntax; its traps have tests",
    "kernel.modprobe": "the kernel would start the program",
    "vm.compact_memory": "a command, which keeps no value",
    "vm.drop_caches": "a command, which keeps no value",
    "vm.min_free_kbytes": "its largest leaves no memory to anybody",
    "vm.nr_hugepages": "its largest takes all of the memory",
    "vm.stat_refresh": "a command, which keeps no value",
    "net.ipv4.route.flush": "a command, which keeps no value",
    "net.ipv6.route.flush": "a command, which keeps no value",
}
"""Keys that no boot survives, or that hold nothing, and why."""

_UNLIMITED = ("kernel.sched_rt_runtime_us", "-1")

FIRST: Mapping[str, tuple[tuple[str, str], ...]] = {
    "kernel.sched_rt_period_us": (_UNLIMITED,),
    "kernel.sched_rt_runtime_us": (_UNLIMITED, ("kernel.sched_rt_period_us", "2147483647")),
    "net.ipv4.ip_local_port_range": (("net.ipv4.ip_unprivileged_port_start", "0"),),
    "net.ipv4.ip_unprivileged_port_start": (("net.ipv4.ip_local_port_range", "65535 65535"),),
    "net.ipv4.ipfrag_high_thresh": (("net.ipv4.ipfrag_low_thresh", "0"),),
    "net.ipv4.ipfrag_low_thresh": (("net.ipv4.ipfrag_high_thresh", "18446744073709551615"),),
    "net.ipv4.tcp_reordering": (("net.ipv4.tcp_max_reordering", "2147483647"),),
    "net.ipv6.ip6frag_high_thresh": (("net.ipv6.ip6frag_low_thresh", "0"),),
    "net.ipv6.ip6frag_low_thresh": (("net.ipv6.ip6frag_high_thresh", "18446744073709551615"),),
}
"""What is written before a key is tried: a partner that the kernel keeps it in order with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrower:
    """Why some kernels refuse a value.

    `value` is the one that they refuse, None for any of the key.
    """

    why: str
    value: int | None = None


_LOSES = "bits only go: those above 32 are cut off, and what a write took stays away"
_HZ = "kept in ticks, of which there are 100 to 1000 in a second"
_IPC = "32768 without the boot option ipcmni_extend"
_RMEM = "at least a page, by patch level"
_REORDERING = "at least 1, by patch level"
_BY_CHARACTER = "taken a character at a time, by patch level of 6.1.y"
_SMALL_6_1 = "neither negative nor large, by patch level of 6.1.y"

NARROWER: Mapping[str, tuple[Narrower, ...]] = {
    "kernel.core_pipe_limit": (Narrower(value=-1, why="not below 0 in newer kernels"),),
    "kernel.msgmni": (Narrower(value=2**24, why=_IPC),),
    "kernel.sem": (Narrower(value=2**24, why=_IPC),),
    "kernel.shmmni": (Narrower(value=2**24, why=_IPC),),
    "kernel.usermodehelper.*": (Narrower(value=UINT_MAX, why=_LOSES),),
    "net.core.bpf_jit_limit": (
        Narrower(value=LONG_MAX, why="at most the size of the module area"),
    ),
    "net.core.max_skb_frags": (Narrower(value=45, why="at most CONFIG_MAX_SKB_FRAGS"),),
    "net.core.mem_pcpu_rsv": (
        Narrower(value=16, why="at least 1 MiB of pages, which is 16 of 64 KiB"),
    ),
    "net.core.netdev_budget_usecs": (Narrower(value=0, why="at least two ticks, since 6.1"),),
    "net.core.optmem_max": (Narrower(value=-1, why="not below 0, since 6.8"),),
    "net.core.rps_sock_flow_entries": (
        Narrower(value=2**29, why="takes 2 GiB of memory, and this machine has no more"),
    ),
    "net.ipv4.neigh.*.unres_qlen": (
        Narrower(value=2**31 - 1, why="kept in bytes: by the size of a packet's buffer"),
    ),
    "net.ipv4.tcp_ecn": (Narrower(value=5, why="3 to 5 are accurate ECN, since 7.0"),),
    "net.ipv4.tcp_max_reordering": (Narrower(value=0, why=_REORDERING),),
    "net.ipv4.tcp_reordering": (Narrower(value=0, why=_REORDERING),),
    "net.ipv4.tcp_rmem": (Narrower(value=1, why=_RMEM),),
    "net.ipv4.tcp_tso_rtt_log": (Narrower(value=255, why="bounded by patch level of 6.12.y"),),
    "net.ipv6.conf.*.forwarding": (Narrower(why=_BY_CHARACTER),),
    "net.ipv6.conf.*.ignore_routes_with_linkdown": (Narrower(why=_SMALL_6_1),),
    "net.ipv6.conf.*.mtu": (Narrower(value=2**31 - 1, why="at most the MTU of the device"),),
    "net.ipv6.neigh.*.unres_qlen": (
        Narrower(value=2**31 - 1, why="kept in bytes: by the size of a packet's buffer"),
    ),
    "net.unix.max_dgram_qlen": (Narrower(value=-1, why="not below 0, by patch level"),),
}
"""Keys of the catalogue's patterns of which some kernels refuse what the widest one stores."""

# The most that ticks can be kept of at HZ=100, in an int, an unsigned and a long.
_MOST_OF_TICKS = (SECONDS_MAX, UINT_MAX // 100, LONG_MAX // 100)


def why_narrower(key: SysctlKey, field: Field, number: int) -> str:
    """Say why a kernel may refuse a number that the catalogue says a kernel stores, or ""."""
    if number == field.maximum and number in _MOST_OF_TICKS:
        return _HZ
    for pattern, reasons in NARROWER.items():
        if key.matches(pattern):
            for each in reasons:
                if each.value in (None, number):
                    return each.why
    return ""
