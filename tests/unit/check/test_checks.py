"""Every check of the gate with every status, and the whole text of what it says."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from datetime import date

import pytest

from tests.support.gate import BOOT, ROOMY, SOMAXCONN, THIS_PROCESS, facts, told
from tests.unit.engine.builders import HOST, at, at_least, requirement, setting
from tunekit.check import gate
from tunekit.check.facts import Applied, Facts, Past
from tunekit.check.model import Status
from tunekit.check.registry import CHECKS
from tunekit.files.model import Assignment, Origin, Unread, Writer
from tunekit.kernel.cgroups import CgroupLimit
from tunekit.kernel.readings import Cause, Denied, Elsewhere, Missing, Value
from tunekit.profile.model import Waiver
from tunekit.values import Text

TODAY = date(2027, 3, 1)


QUIET = facts().running


def line(path: str, value: str) -> Assignment:
    """A line of a file that is read last."""
    origin = Origin(file="/etc/sysctl.d/99-late.conf", line=1)
    return Assignment(path=path, value=value, origin=origin)


def parameter(path: str, value: str) -> Assignment:
    """A parameter of the kernel's command line."""
    origin = Origin(file="/proc/cmdline")
    return Assignment(path=path, value=value, origin=origin, writer=Writer.KERNEL)


def applied(now: str) -> Applied:
    """A value that another profile's transaction holds."""
    return Applied(
        name="net.core.somaxconn",
        requirements=(at_least(4096),),
        transaction=2,
        profile="other",
        command="tunekit apply other.yaml --set connections=5",
        reading=Value(now),
    )


@dataclass(frozen=True, kw_only=True)
class Case:
    """Facts, and what a check says of one subject."""

    facts: Facts
    text: str
    check: str
    status: Status
    subject: str


def case(facts: Facts, text: str) -> Case:
    """Read the check, the subject and the status off the first line of what is expected."""
    head, _, status = text.strip().partition("\n")[0].rpartition(": ")
    check, _, subject = head.partition(" ")
    return Case(facts=facts, text=text.strip(), check=check, status=Status(status), subject=subject)


CASES = (
    case(
        facts(),
        """
settings net.core.somaxconn: pass
expected: 8192
observed: 8192
why: because
at: p.yaml:5
""",
    ),
    case(
        facts(readings={"net.core.somaxconn": "128"}),
        """
settings net.core.somaxconn: fail
expected: 8192
observed: 128
why: because
remedy: sysctl -w net.core.somaxconn=8192
at: p.yaml:5
""",
    ),
    case(
        facts(readings={"net.core.somaxconn": "128"}, enter="ip netns exec blue "),
        """
settings net.core.somaxconn: fail
expected: 8192
observed: 128
why: because
remedy: ip netns exec blue sysctl -w net.core.somaxconn=8192
at: p.yaml:5
""",
    ),
    case(
        facts(readings={"net.core.somaxconn": "128"}, read_only=frozenset({SOMAXCONN.key})),
        """
settings net.core.somaxconn: fail
expected: 8192
observed: 128
why: because
remedy: from outside, by `docker run --sysctl` or the pod's securityContext.sysctls: \
net.core.somaxconn=8192
at: p.yaml:5
""",
    ),
    case(
        facts(
            setting("net.ipv4.tcp_rmem", requirement((4096, None, 8192))),
            readings={"net.ipv4.tcp_rmem": "4096\t131072\t6291456"},
        ),
        """
settings net.ipv4.tcp_rmem: fail
expected: 4096 131072 8192
observed: 4096	131072	6291456
why: because
remedy: sysctl -w 'net.ipv4.tcp_rmem=4096 131072 8192'
at: p.yaml:5
""",
    ),
    case(
        facts(
            readings={"net.core.somaxconn": "128"},
            shown={"refusals": {setting("net.core.somaxconn").key: Cause.ELSEWHERE}},
        ),
        """
settings net.core.somaxconn: fail
expected: 8192
observed: 128
why: because
remedy: on the host: sysctl -w net.core.somaxconn=8192
at: p.yaml:5
""",
    ),
    case(
        facts(
            setting("net.ipv4.tcp_fastopen_key", requirement(Text("1-2"))),
            readings={"net.ipv4.tcp_fastopen_key": "3-4"},
        ),
        """
settings net.ipv4.tcp_fastopen_key: fail
expected: (secret)
observed: (secret)
why: because
remedy: sysctl -w net.ipv4.tcp_fastopen_key=...
at: p.yaml:5
""",
    ),
    case(
        facts(
            setting("net.ipv4.tcp_congestion_control", prefer=("bbr", "reno")),
            readings={"net.ipv4.tcp_congestion_control": "cubic"},
            shown={
                "choices": {setting("net.ipv4.tcp_congestion_control").key: {"reno": ""}},
            },
        ),
        """
settings net.ipv4.tcp_congestion_control: fail
expected: reno
observed: cubic
why: because
remedy: sysctl -w net.ipv4.tcp_congestion_control=reno
at: p.yaml:5
""",
    ),
    case(
        facts(
            setting("net.ipv4.tcp_congestion_control", prefer=("bbr", "dctcp")),
            readings={"net.ipv4.tcp_congestion_control": "cubic"},
        ),
        """
settings net.ipv4.tcp_congestion_control: fail
expected: first of bbr, dctcp
observed: cubic: this kernel has none of bbr, dctcp
why: because
remedy: install the module of one of them, or add one that it has
at: p.yaml:5
""",
    ),
    case(
        facts(readings={"net.core.somaxconn": Missing()}),
        """
settings net.core.somaxconn: unknown
expected: at least 8192
observed: this kernel has no such key
why: because
remedy: check the name; the key may need a kernel module or another kernel
at: p.yaml:5
""",
    ),
    case(
        facts(readings={"net.core.somaxconn": Denied(Cause.NOT_PERMITTED, errno.EACCES)}),
        """
settings net.core.somaxconn: unknown
expected: at least 8192
observed: not permitted
why: because
remedy: run as root; in a container or user namespace, set it on the host
at: p.yaml:5
""",
    ),
    case(
        facts(readings={"net.core.somaxconn": Elsewhere()}, optional=True),
        """
settings net.core.somaxconn: skip
expected: at least 8192
observed: belongs to the host and cannot be set in this network namespace
why: because
remedy: set it on the host, outside the container or namespace
at: p.yaml:5
""",
    ),
    case(
        facts(),
        """
limits rlimit.nofile: pass
expected: at least 11024
observed: 20000 for this process
why: One more than the highest descriptor number that the process may open
at: p.yaml:9
""",
    ),
    case(
        facts(nofile="1024 20000"),
        """
limits rlimit.nofile: fail
expected: at least 11024
observed: soft 1024, hard 20000 for this process
why: One more than the highest descriptor number that the process may open
remedy: tunekit run p.yaml -- COMMAND
at: p.yaml:9
""",
    ),
    case(
        facts(
            arriving=replace(
                THIS_PROCESS,
                whose="process 4711",
                remedy="prlimit --pid 4711 --{name}={soft}:{hard}",
                limits=facts(nofile="1024 4096").arriving.limits,
            )
        ),
        """
limits rlimit.nofile: fail
expected: at least 11024
observed: soft 1024, hard 4096 for process 4711
why: One more than the highest descriptor number that the process may open
remedy: prlimit --pid 4711 --nofile=11024:11024
at: p.yaml:9
""",
    ),
    case(
        facts(nofile=Denied(Cause.NOT_PERMITTED, errno.EPERM)),
        """
limits rlimit.nofile: unknown
expected: at least 11024
observed: the limits of this process cannot be read
why: One more than the highest descriptor number that the process may open
remedy: run as its user or as root, while it runs
at: p.yaml:9
""",
    ),
    case(
        facts(nofile=Missing(), optional=True),
        """
limits rlimit.nofile: skip
expected: at least 11024
observed: the limits of this process cannot be read
why: One more than the highest descriptor number that the process may open
remedy: run as its user or as root, while it runs
at: p.yaml:9
""",
    ),
    case(
        facts(),
        """
capacity net.core.somaxconn: skip
expected: 1000 connections
observed: bounds what waits to be accepted, not what is open (4096)
""",
    ),
    case(
        facts(),
        """
capacity fs.epoll.max_user_watches: pass
expected: 1000 connections
observed: allows 4999996 (5000000)
why: one watch for each socket, counted for the user; what others of it take is not shown
""",
    ),
    case(
        facts(capacity=replace(ROOMY, file_max=2000)),
        """
capacity fs.file-max: fail
expected: 1000 connections
observed: allows 936 (2000, 1000 in use)
why: each socket is an open file of this host; CAP_SYS_ADMIN passes the limit
remedy: sysctl -w fs.file-max=68600
""",
    ),
    case(
        facts(capacity=replace(ROOMY, file_max=None)),
        """
capacity fs.file-max: unknown
expected: 1000 connections
observed: not shown here
""",
    ),
    case(
        facts(connections=None),
        """
capacity connections: skip
observed: the profile promises none
remedy: add `probe: {connections: N}` to the profile to have this checked
""",
    ),
    case(
        facts(),
        """
proc-sys /proc/sys: pass
expected: writable, or nothing left to write
observed: writable
why: where it is read-only nothing can be set from inside, not even by root
""",
    ),
    case(
        facts(read_only=frozenset({SOMAXCONN.key})),
        """
proc-sys /proc/sys: pass
expected: writable, or nothing left to write
observed: read-only in part, and every setting there holds or is not to be seen
why: where it is read-only nothing can be set from inside, not even by root
""",
    ),
    case(
        facts(read_only=frozenset({SOMAXCONN.key}), readings={"net.core.somaxconn": "128"}),
        """
proc-sys /proc/sys: fail
expected: writable, or nothing left to write
observed: read-only, and 1 setting would have to be changed
why: where it is read-only nothing can be set from inside, not even by root: net.core.somaxconn
remedy: set them from outside: `docker run --sysctl KEY=VALUE`, the pod's \
securityContext.sysctls, or on the host
""",
    ),
    case(
        facts(read_only=None),
        """
proc-sys /proc/sys: unknown
expected: writable, or nothing left to write
observed: cannot be looked at
why: where it is read-only nothing can be set from inside, not even by root
remedy: mount /proc
""",
    ),
    case(
        facts(),
        """
boot net.core.somaxconn: pass
expected: at least 8192
observed: 8192, set in /etc/sysctl.d/50-web.conf:3
why: what is set at run time is gone with the next boot
at: p.yaml:5
""",
    ),
    case(
        facts(boot=replace(BOOT, lines=())),
        """
boot net.core.somaxconn: fail
expected: at least 8192
observed: 4096, no file sets it, and the kernel's default does not do
why: what is set at run time is gone with the next boot
remedy: tunekit persist p.yaml
at: p.yaml:5
""",
    ),
    case(
        facts(boot=replace(BOOT, lines=()), defaults={SOMAXCONN.key: "16384"}),
        """
boot net.core.somaxconn: pass
expected: at least 8192
observed: 16384, it is the kernel's default
why: what is set at run time is gone with the next boot
at: p.yaml:5
""",
    ),
    case(
        facts(boot=replace(BOOT, lines=(*BOOT.lines, line("net/core/somaxconn", "512")))),
        """
boot net.core.somaxconn: fail
expected: at least 8192
observed: 512, set in /etc/sysctl.d/99-late.conf:1, which overrides /etc/sysctl.d/50-web.conf:3
why: what is set at run time is gone with the next boot
remedy: tunekit persist p.yaml
at: p.yaml:5
""",
    ),
    case(
        facts(
            boot=replace(
                BOOT, lines=(), unread=(Unread(path="/etc/sysctl.d", cause="permission denied"),)
            ),
            defaults={SOMAXCONN.key: "16384"},
        ),
        """
boot net.core.somaxconn: unknown
expected: at least 8192
observed: 16384, /etc/sysctl.d cannot be read
why: what is set at run time is gone with the next boot
remedy: run as root
at: p.yaml:5
""",
    ),
    case(
        facts(
            boot=replace(
                BOOT,
                lines=(),
                unread=(Unread(path="/etc/x", cause="TuneD chooses later", undecided=True),),
            ),
            defaults={SOMAXCONN.key: "16384"},
        ),
        """
boot net.core.somaxconn: unknown
expected: at least 8192
observed: 16384, /etc/x: TuneD chooses later
why: what is set at run time is gone with the next boot
at: p.yaml:5
""",
    ),
    case(
        # 4194304 is the default from 6.18 on alone.
        facts(
            setting("net.core.rmem_max", at_least(4194304)),
            readings={"net.core.rmem_max": "4194304"},
        ),
        """
boot net.core.rmem_max: warn
expected: at least 4194304
observed: no file sets it, so that the kernel's default comes back
why: what is set at run time is gone with the next boot
remedy: tunekit persist p.yaml
at: p.yaml:5
""",
    ),
    case(
        facts(
            setting("fs.epoll.max_user_watches", at_least(1000)),
            readings={"fs.epoll.max_user_watches": "5000"},
        ),
        """
boot fs.epoll.max_user_watches: warn
expected: at least 1000
observed: no file sets it, so that the kernel's default comes back
why: what is set at run time is gone with the next boot
remedy: tunekit persist p.yaml
at: p.yaml:5
""",
    ),
    case(
        facts(shown={"host": replace(HOST, child_netns=True)}),
        """
boot net.core.somaxconn: skip
expected: at least 8192
observed: boot sets the host's network namespace, and this is another
why: what is set at run time is gone with the next boot
at: p.yaml:5
""",
    ),
    case(
        facts(readings={"net.core.somaxconn": Missing()}),
        """
boot net.core.somaxconn: unknown
expected: at least 8192
observed: the key is not to be seen here
why: what is set at run time is gone with the next boot
at: p.yaml:5
""",
    ),
    case(
        facts(),
        """
cmdline /proc/cmdline: pass
expected: nothing that contradicts the profile
observed: sets nothing of the profile
why: the kernel sets these before anything else runs (do_sysctl_args, fs/proc)
""",
    ),
    case(
        facts(boot=replace(BOOT, earlier=(parameter("net/core/somaxconn", "9000"),))),
        """
cmdline net.core.somaxconn: pass
expected: at least 8192
observed: sysctl.net.core.somaxconn=9000
why: the kernel sets these before anything else runs (do_sysctl_args, fs/proc)
at: p.yaml:5
""",
    ),
    case(
        facts(boot=replace(BOOT, lines=(), earlier=(parameter("net/core/somaxconn", "128"),))),
        """
cmdline net.core.somaxconn: fail
expected: at least 8192
observed: sysctl.net.core.somaxconn=128
why: the kernel sets these before anything else runs (do_sysctl_args, fs/proc)
remedy: take it off the kernel's command line in the boot loader's settings (with GRUB: \
/etc/default/grub, then update-grub)
at: p.yaml:5
""",
    ),
    case(
        facts(boot=replace(BOOT, earlier=(parameter("net/core/somaxconn", "128"),))),
        """
cmdline net.core.somaxconn: warn
expected: at least 8192
observed: sysctl.net.core.somaxconn=128, until it is set in /etc/sysctl.d/50-web.conf:3
why: the kernel sets these before anything else runs (do_sysctl_args, fs/proc)
remedy: take it off the kernel's command line in the boot loader's settings (with GRUB: \
/etc/default/grub, then update-grub)
at: p.yaml:5
""",
    ),
    case(
        facts(boot=replace(BOOT, unread=(Unread(path="/proc/cmdline", cause="not permitted"),))),
        """
cmdline /proc/cmdline: unknown
expected: nothing that contradicts the profile
observed: cannot be read
why: the kernel sets these before anything else runs (do_sysctl_args, fs/proc)
remedy: mount /proc
""",
    ),
    case(
        facts(),
        """
cgroup memory cgroup: pass
expected: room for the service
observed: no group limits it
why: past its limits a group's processes are killed, or cannot be started
""",
    ),
    case(
        facts(groups_shown=False),
        """
cgroup memory cgroup: unknown
expected: room for the service
observed: the control groups of this process are not shown here
why: past its limits a group's processes are killed, or cannot be started
remedy: mount /sys/fs/cgroup
""",
    ),
    case(
        facts(
            capacity=replace(ROOMY, cgroup_pids=CgroupLimit(path="/g/pids.max", limit=20, used=10))
        ),
        """
cgroup pids cgroup: fail
expected: room for 17 tasks
observed: 10 left (20, 10 in use)
why: past its limits a group's processes are killed, or cannot be started
remedy: echo 44 > /g/pids.max
""",
    ),
    case(
        facts(
            connections=None,
            capacity=replace(
                ROOMY, cgroup_memory=CgroupLimit(path="/g/memory.max", limit=1000, used=950)
            ),
        ),
        """
cgroup memory cgroup: warn
expected: room for the service
observed: 950 of 1000 bytes in use
why: past its limits a group's processes are killed, or cannot be started
remedy: raise /g/memory.max
""",
    ),
    case(
        facts(),
        """
conntrack net.netfilter.nf_conntrack_max: skip
observed: connections are not tracked here
why: when the table is full, the first packet of a connection is lost without a word
""",
    ),
    case(
        facts(connections=None, capacity=replace(ROOMY, conntrack_max=1000, conntrack_count=10)),
        """
conntrack net.netfilter.nf_conntrack_max: pass
expected: room in the table
observed: 10 of 1000 in use
why: when the table is full, the first packet of a connection is lost without a word
""",
    ),
    case(
        facts(connections=None, capacity=replace(ROOMY, conntrack_max=1000, conntrack_count=910)),
        """
conntrack net.netfilter.nf_conntrack_max: warn
expected: room in the table
observed: 910 of 1000 in use
why: when the table is full, the first packet of a connection is lost without a word
remedy: sysctl -w net.netfilter.nf_conntrack_max=2000
""",
    ),
    case(
        facts(
            capacity=replace(ROOMY, conntrack_max=1500, conntrack_count=900),
            enter="ip netns exec blue ",
        ),
        """
conntrack net.netfilter.nf_conntrack_max: fail
expected: 1000 connections
observed: allows 600 (1500, 900 in use)
why: an entry for each connection that a firewall rule tracks
remedy: ip netns exec blue sysctl -w net.netfilter.nf_conntrack_max=67436
""",
    ),
    case(
        facts(capacity=replace(ROOMY, conntrack_max=1500)),
        """
conntrack net.netfilter.nf_conntrack_max: unknown
observed: how much of 1500 is in use is not shown here
why: when the table is full, the first packet of a connection is lost without a word
remedy: run as root, in the host's network namespace
""",
    ),
    case(
        facts(),
        """
kernel features: pass
expected: every key and name of the profile
observed: Linux 6.18.0 has them
why: a key comes with a version, a build option or a module of the kernel
""",
    ),
    case(
        facts(
            setting("net.netfilter.nf_conntrack_max", at_least(1)),
            readings={"net.netfilter.nf_conntrack_max": Missing()},
        ),
        """
kernel net.netfilter.nf_conntrack_max: fail
expected: a kernel that has it
observed: Linux 6.18.0 has no such key
why: it is there since Linux 2.6.18, with the module nf_conntrack
remedy: modprobe nf_conntrack
at: p.yaml:5
""",
    ),
    case(
        facts(
            setting("net.ipv4.tcp_congestion_control", prefer=("bbr", "dctcp"), optional=True),
            readings={"net.ipv4.tcp_congestion_control": "cubic"},
            shown={"choices": {setting("net.ipv4.tcp_congestion_control").key: {}}},
        ),
        """
kernel net.ipv4.tcp_congestion_control: skip
expected: bbr or dctcp
observed: neither loaded, nor a module that could be
why: the kernel takes a name only of what it has
remedy: install the kernel's extra modules, or add a name that \
net.ipv4.tcp_available_congestion_control lists
at: p.yaml:5
""",
    ),
    case(
        facts(),
        """
namespaces network namespace: pass
expected: holds every key of the profile
observed: the host's own network namespace, which holds every key of the profile
why: a container has its own copy of some keys, sees others and cannot see the rest
""",
    ),
    case(
        facts(
            readings={"net.core.somaxconn": "128"},
            shown={"refusals": {SOMAXCONN.key: Cause.ELSEWHERE}},
        ),
        """
namespaces net.core.somaxconn: fail
expected: at least 8192
observed: the host's own, seen from here: 128
why: a container has its own copy of some keys, sees others and cannot see the rest
remedy: on the host: sysctl -w net.core.somaxconn=8192
at: p.yaml:5
""",
    ),
    case(
        facts(readings={"net.core.somaxconn": Elsewhere()}),
        """
namespaces net.core.somaxconn: unknown
expected: at least 8192
observed: the host's own: neither seen nor set from here
why: a container has its own copy of some keys, sees others and cannot see the rest
remedy: run this check on the host, outside of the container, too
at: p.yaml:5
""",
    ),
    case(
        facts(),
        """
drift time since boot: pass
observed: 3 d 4 h
why: other programs write sysctls, too, and a boot takes every value with it
""",
    ),
    case(
        facts(past=Past(ended=3)),
        """
drift time since boot: warn
expected: the profile applied in this boot
observed: 3 d 4 h; transaction 3 applied it before
why: of what was applied before a boot only what the files set is left
remedy: tunekit apply p.yaml
""",
    ),
    case(
        facts(past=Past(applied=(applied("8192"),))),
        """
drift journal: pass
expected: every applied value still in force
observed: 1 applied value, none changed since
why: other programs write sysctls, too, and a boot takes every value with it
""",
    ),
    case(
        facts(past=Past(applied=(applied("512"),))),
        """
drift net.core.somaxconn: fail
expected: at least 4096, as transaction 2 left it
observed: 512
why: somebody changed it since other was applied
remedy: tunekit apply other.yaml --set connections=5
""",
    ),
    case(
        facts(past=Past(error="not permitted to read it")),
        """
drift journal: unknown
expected: every applied value still in force
observed: not permitted to read it
why: other programs write sysctls, too, and a boot takes every value with it
remedy: run as root
""",
    ),
    case(
        facts(),
        """
stale processes: pass
expected: nothing on old values
observed: 7 processes, none of them on old values
why: listeners and processes keep what they were started with
""",
    ),
    case(
        facts(running=replace(QUIET, hidden=True)),
        """
stale processes: unknown
observed: this mount of /proc hides the processes of others (hidepid)
why: a program that is not shown may run on old values
remedy: run as root
""",
    ),
)
NAMES = [check.name for check in CHECKS]
STOPPING = [
    next(each for each in CASES if each.check == name and each.status in stopping)
    for name in NAMES
    if (stopping := (Status.UNKNOWN,) if name == "stale" else (Status.FAIL,))
]
NEVER = {
    # Other programs than the one that is to come stop nothing.
    ("stale", Status.FAIL),
    # Whether a kernel has a key can always be told, but for those that `namespaces` names.
    ("kernel", Status.UNKNOWN),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}-{case.status.value}")
def test_a_check_says_what_it_found(case: Case) -> None:
    findings = gate.run(case.facts, gate.choose(only=[case.check]), TODAY)

    assert [told(row) for row in findings if row.subject == case.subject] == [case.text]


def test_every_check_passes_fails_and_does_not_know() -> None:
    found = {(case.check, case.status) for case in CASES} | NEVER

    wanted = (Status.PASS, Status.FAIL, Status.UNKNOWN)
    assert [
        (name, status) for name in NAMES for status in wanted if (name, status) not in found
    ] == []


@pytest.mark.parametrize("case", STOPPING, ids=NAMES)
def test_every_check_can_be_made_to_warn(case: Case) -> None:
    choice = gate.choose(only=[case.check], warn=[case.check])
    text = case.text.replace(f": {case.status.value}\n", ": warn\n", 1)

    findings = gate.run(case.facts, choice, TODAY)

    assert [told(row) for row in findings if row.subject == case.subject] == [text]
    assert [row for row in findings if row.status is Status.FAIL] == []


@pytest.mark.parametrize("case", STOPPING, ids=NAMES)
@pytest.mark.parametrize("whole", [True, False], ids=["the check", "the subject"])
def test_every_check_can_be_waived(case: Case, whole: bool) -> None:
    waiver = Waiver(
        check=case.check,
        subject="" if whole else case.subject,
        reason="the new kernel comes in March",
        expires=TODAY,
        location=at(20),
    )
    profile = replace(case.facts.profile, waivers=(waiver,))

    findings = gate.run(replace(case.facts, profile=profile), gate.choose(only=[case.check]), TODAY)

    text = case.text.replace(f": {case.status.value}\n", ": waived\n", 1)
    note = "waiver: waived until 2027-03-01: the new kernel comes in March (p.yaml:20)"
    head, separator, place = text.partition("\nat: ")
    assert [told(row) for row in findings if row.subject == case.subject] == [
        f"{head}\n{note}{separator}{place}"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_check_can_be_left_out_and_says_so(name: str) -> None:
    findings = gate.run(facts(), gate.choose(skip=[name]), TODAY)

    asks = next(check.asks for check in CHECKS if check.name == name)
    assert [told(row) for row in findings if row.check == name] == [
        f"{name} {name}: skip\nobserved: left out by --skip\nwhy: {asks}"
    ]
    assert {row.check for row in findings} == {*NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_check_can_be_asked_alone(name: str) -> None:
    findings = gate.run(facts(), gate.choose(only=[name]), TODAY)

    assert {row.check for row in findings} == {name}
