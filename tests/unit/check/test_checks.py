"""Every check of the gate with every status, and the whole text of what it says."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from datetime import date

import pytest

from tests.support.gate import ROOMY, SOMAXCONN, THIS_PROCESS, facts, told
from tests.unit.engine.builders import at, requirement, setting
from tunekit.check import gate
from tunekit.check.facts import Facts
from tunekit.check.model import Status
from tunekit.check.registry import CHECKS
from tunekit.kernel.readings import Cause, Denied, Elsewhere, Missing
from tunekit.profile.model import Waiver
from tunekit.values import Text

TODAY = date(2027, 3, 1)


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
capacity fs.nr_open: skip
expected: 1000 connections
observed: no process may have a higher limit, root included (1048576)
""",
    ),
    case(
        facts(),
        """
capacity fs.epoll.max_user_watches: pass
expected: 1000 connections
observed: allows 4999998 (5000000)
why: one watch for each connection of the user's, at its server
""",
    ),
    case(
        facts(capacity=replace(ROOMY, file_max=2000)),
        """
capacity fs.file-max: fail
expected: 1000 connections
observed: allows 493 (2000, 1000 in use)
why: both ends of a connection are open files of this host; root may pass the limit
remedy: sysctl -w fs.file-max=68549
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
observed: read-only, and 1 setting would have to be changed: net.core.somaxconn
why: where it is read-only nothing can be set from inside, not even by root
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
)
NAMES = [check.name for check in CHECKS]
STOPPING = [
    next(each for each in CASES if each.check == name and each.status is Status.FAIL)
    for name in NAMES
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.check}-{case.status.value}")
def test_a_check_says_what_it_found(case: Case) -> None:
    findings = gate.run(case.facts, gate.choose(only=[case.check]), TODAY)

    assert [told(row) for row in findings if row.subject == case.subject] == [case.text]


def test_every_check_passes_fails_and_does_not_know() -> None:
    found = {(case.check, case.status) for case in CASES}

    wanted = (Status.PASS, Status.FAIL, Status.UNKNOWN)
    assert [
        (name, status) for name in NAMES for status in wanted if (name, status) not in found
    ] == []


@pytest.mark.parametrize("case", STOPPING, ids=NAMES)
def test_every_check_can_be_made_to_warn(case: Case) -> None:
    choice = gate.choose(only=[case.check], warn=[case.check])
    text = case.text.replace(": fail\n", ": warn\n", 1)

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

    text = case.text.replace(": fail\n", ": waived\n", 1)
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
