"""The checks of a gate, as data: what each asks, and why one should believe its answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from tunekit.records import dataclass

if TYPE_CHECKING:
    from tunekit.check.facts import Facts
    from tunekit.check.model import Finding

    Judge = Callable[[Facts], Iterable[Finding]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One question to a host.

    `home` is the module of this folder that answers it, and `function` the function in it.
    """

    name: str
    asks: str
    authority: str
    home: str
    function: str = "check"

    def run(self, facts: Facts) -> tuple[Finding, ...]:
        """Ask it of facts."""
        judge: Judge = getattr(import_module(f"tunekit.check.{self.home}"), self.function)
        return tuple(judge(facts))


CHECKS = (
    Check(
        name="settings",
        asks="does every setting of the profile hold in the running kernel?",
        authority="/proc/sys as this network namespace shows it, compared as values",
        home="settings",
    ),
    Check(
        name="limits",
        asks="will the service get every limit of the profile?",
        authority="prlimit(2), systemd.exec(5), limits.conf(5)",
        home="limits",
    ),
    Check(
        name="boot",
        asks="will every setting hold after the next boot, too?",
        authority="sysctl.d(5) and what reads it; the kernel's own defaults",
        home="next_boot",
    ),
    Check(
        name="cmdline",
        asks="does the kernel's command line set anything else?",
        authority="/proc/cmdline; sysctl.KEY= in the kernel's admin-guide/kernel-parameters",
        home="next_boot",
        function="from_command_line",
    ),
    Check(
        name="capacity",
        asks="is there room for the connections that the profile promises?",
        authority="the ladder of limits of `tunekit capacity`",
        home="room",
    ),
    Check(
        name="cgroup",
        asks="do the control groups leave room for the service?",
        authority="cgroups(7): memory.max and pids.max of every group above",
        home="room",
        function="of_groups",
    ),
    Check(
        name="conntrack",
        asks="can every connection be tracked, where connections are?",
        authority="net.netfilter.nf_conntrack_max and _count",
        home="room",
        function="of_conntrack",
    ),
    Check(
        name="kernel",
        asks="has this kernel every key and name that the profile needs?",
        authority="what is below /proc/sys, and the kernel's modules",
        home="features",
    ),
    Check(
        name="namespaces",
        asks="can this network namespace hold what the profile sets?",
        authority="which keys a network namespace has a copy of (network_namespaces(7))",
        home="namespaces",
    ),
    Check(
        name="proc-sys",
        asks="can settings be changed here at all?",
        authority="statvfs(3) of /proc/sys; proc_sys(5)",
        home="proc_sys",
    ),
    Check(
        name="drift",
        asks="is what was applied still so?",
        authority="the journal of `tunekit apply`",
        home="drift",
    ),
    Check(
        name="stale",
        asks="does nothing run on values from before a change?",
        authority="sock_diag(7) and /proc/PID/limits, as `tunekit stale` reads them",
        home="old",
    ),
)
"""Every check but the proof, in the order in which they are asked."""

PROBE = Check(
    name="probe",
    asks="does the host carry the connections when they are really opened?",
    authority="`tunekit verify`: a token of its own comes back on each connection",
    home="",
)
"""The proof with real sockets, which `--probe` asks for: it is no function of facts."""

WAIVERS = Check(
    name="waivers",
    asks="has no waiver of the profile expired?",
    authority="the profile's `waivers`",
    home="",
)
"""What the profile itself waives; see `tunekit.check.gate`."""

EVERY = (*CHECKS, PROBE, WAIVERS)


def find(name: str) -> Check | None:
    """The check of a name; None when there is none."""
    return next((check for check in EVERY if check.name == name), None)
