"""Reports as the commands make them, to be rendered."""

from __future__ import annotations

from tunekit.check.model import Finding, Status
from tunekit.engine.model import Change, Outcome, ScopeId, Subject
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.errors import ExitCode, Location, UsageError
from tunekit.kernel.host import HostIdentity
from tunekit.probe.model import Measurement
from tunekit.report.model import BootLine, BootRow, KeyRow, ProfileSummary, Report

BOOT = "5d0c1f8e-1111-2222-3333-444455556666"
HOST = HostIdentity(
    hostname="web1",
    boot_id=BOOT,
    kernel="6.1.0-28-amd64",
    machine="x86_64",
    netns_cookie=4097,
    child_netns=False,
    uid=0,
    euid=0,
    capabilities=frozenset({"cap_sys_admin", "cap_net_admin"}),
)
PROFILE = ProfileSummary(
    name="high-conn",
    path="/etc/tunekit/profiles/high-conn.yaml",
    parents=("base",),
    variables={"processes": 1, "connections": 10000},
)
NETNS = ScopeId("netns", f"{BOOT}/4097")


def change(key: str, outcome: Outcome, **fields: object) -> Change:
    """A change of a key of the network namespace."""
    return Change(subject=Subject(NETNS, key), outcome=outcome, **fields)  # type: ignore[arg-type]


SOMAXCONN = change(
    "net.core.somaxconn",
    Outcome.APPLIED,
    before="4096",
    wanted="65535",
    after="65535",
    requirement="at least 65535",
    reason="the kernel cuts every listen backlog to this",
    source="listen(2)",
    location=Location(file="high-conn.yaml", line=9),
)
WMEM = change(
    "net.ipv4.tcp_wmem",
    Outcome.ADJUSTED,
    before="4096\t16384\t4194304",
    wanted="4096 16384 8388608",
    after="4096\t16384\t8388608",
    requirement="at least 4096 16384 8388608",
    reason="a sender keeps what is not acknowledged yet",
    detail="the kernel rounded 8388607 up",
)
CONNTRACK = change(
    "net.netfilter.nf_conntrack_tcp_timeout_established",
    Outcome.APPLIED,
    before="432000",
    wanted="86400",
    after="86400",
    requirement="at most 86400",
    reason="five days of idle entries fill the table",
)
HOLDS = change(
    "net.ipv4.tcp_syncookies",
    Outcome.UNCHANGED,
    before="1",
    wanted="1",
    requirement="1",
    reason="a flood of SYNs must not shut out the others",
)
ABSENT = change(
    "fs.file-max",
    Outcome.ELSEWHERE,
    wanted="105536",
    requirement="at least 105536",
    optional=True,
    reason="every socket is an open file",
    remedy="set it on the host",
)
TRANSACTION = Transaction(
    id=3,
    state=TransactionState.APPLIED,
    profile="high-conn",
    path="/etc/tunekit/profiles/high-conn.yaml",
    started=1_767_225_600.25,
    finished=1_767_225_603.5,
    boot_id=BOOT,
    kernel="6.1.0-28-amd64",
    uid=0,
    loginuid=1000,
    command="tunekit apply high-conn",
    version="0.1.0",
    keys=5,
)
PROOF = Finding(
    check="connections",
    status=Status.PASS,
    subject="connections",
    expected="10000",
    observed="10000",
    reason="every one brought its own token back",
)
APPLY = Report(
    command="apply",
    changed=True,
    verdict="applied high-conn as transaction 3: 3 keys written, 1 already held",
    next_step="undo it with tunekit rollback 3",
    host=HOST,
    profile=PROFILE,
    transaction=TRANSACTION,
    changes=(SOMAXCONN, WMEM, CONNTRACK, HOLDS, ABSENT),
    findings=(PROOF,),
    measurements=(
        Measurement(name="connect.rate", measured=24920.23, unit="1/s"),
        *(
            Measurement(
                name="echo.latency",
                measured=seconds,
                unit="s",
                parameters={"quantile": quantile, "in_flight": 256},
            )
            for quantile, seconds in ((0.5, 0.00354), (0.9, 0.012), (0.99, 0.0801), (1, 0.0824))
        ),
        Measurement(
            name="memory.kernel_per_connection",
            measured=8694.17,
            predicted=10500,
            unit="B",
            parameters={"by": "slab"},
        ),
    ),
    notes=("4m is 4000000, not 4194304",),
)
INSPECT = Report(
    command="inspect",
    exit_code=ExitCode.NO,
    verdict="3 of 5 settings differ from high-conn",
    next_step="make it so: tunekit apply high-conn",
    host=HOST,
    profile=PROFILE,
    findings=(
        Finding(
            check="sysctl",
            status=Status.FAIL,
            subject="net.core.somaxconn",
            expected="65535",
            observed="4096",
            reason="the kernel cuts every listen backlog to this",
        ),
        Finding(
            check="sysctl",
            status=Status.FAIL,
            subject="net.ipv4.tcp_rmem",
            expected="4096 131072 33554432",
            observed="4096\t131072\t6291456",
            reason="a window of 32 MiB fills 2.5 Gbit/s over 100 ms",
        ),
        Finding(
            check="sysctl",
            status=Status.FAIL,
            subject="net.netfilter.nf_conntrack_tcp_timeout_established",
            expected="86400",
            observed="432000",
            reason="five days of idle entries fill the table",
        ),
        Finding(
            check="sysctl",
            status=Status.PASS,
            subject="net.ipv4.tcp_syncookies",
            expected="1",
            observed="1",
            reason="a flood of SYNs must not shut out the others",
        ),
        Finding(
            check="sysctl",
            status=Status.SKIP,
            subject="fs.file-max",
            expected="at least 105536",
            observed="this network namespace does not show the host's own keys",
            reason="every socket is an open file",
            remedy="set it on the host",
        ),
        Finding(
            check="limit",
            status=Status.WARN,
            subject="rlimit.nofile",
            expected="at least 11024",
            observed="1024 1048576",
            reason="a connection is an open file",
            remedy="tunekit run high-conn -- COMMAND",
        ),
    ),
)
KEYS = Report(
    command="inspect",
    host=HOST,
    keys=(
        KeyRow(
            key="net.core.somaxconn",
            value="4096",
            unit="connections",
            minimum="0",
            maximum="2147483647",
            default="4096",
            scope="network namespace",
            meaning="the longest accept queue that a listener may ask for",
        ),
        KeyRow(
            key="net.ipv4.tcp_rmem",
            value="4096\t131072\t6291456",
            unit="bytes",
            minimum="1",
            default="4096 131072 6291456",
            scope="network namespace",
            meaning="minimum, default and maximum of a TCP receive buffer",
        ),
        KeyRow(key="net.ipv4.tcp_fastopen_key", value=None, state="not permitted"),
        KeyRow(
            key="net.netfilter.nf_conntrack_tcp_timeout_established",
            value="432000",
            unit="seconds",
            meaning="how long an idle connection stays in the table",
        ),
    ),
)
HISTORY = Report(command="history", host=HOST, transactions=(TRANSACTION,))


def _granted(option: str, sndbuf: int | None, granted: int, note: str) -> Measurement:
    """What was granted for one option of a pair whose receive buffer is left to the kernel."""
    requested = sndbuf if option == "SO_SNDBUF" else None
    why = "not set: tuned by the kernel" if requested is None else "doubled"
    return Measurement(
        name="sockbuf.granted",
        measured=granted,
        unit="B",
        parameters={
            "option": option,
            "state": "pair",
            "why": why,
            "sndbuf": sndbuf,
            "rcvbuf": None,
            "family": "inet",
        },
        requested=requested,
        granted=granted,
        predicted=granted,
        note=note,
    )


def _filled(
    name: str, sndbuf: int | None, measured: int, predicted: int | None = None
) -> Measurement:
    return Measurement(
        name=f"sockbuf.{name}",
        measured=measured,
        predicted=predicted,
        unit="B",
        parameters={"sndbuf": sndbuf, "rcvbuf": None, "family": "inet"},
    )


_TUNED = "net.ipv4.tcp_rmem begins at 131072; it is tuned as data flows"
SOCKBUF = Report(
    command="sockbuf",
    host=HOST,
    measurements=(
        _granted("SO_SNDBUF", None, 16384, "net.ipv4.tcp_wmem begins at 16384"),
        _granted("SO_RCVBUF", None, 131072, _TUNED),
        _filled("accepted", None, 4243968, 4255691),
        _filled("unacked", None, 4130816),
        _filled("unsent", None, 4130816),
        _filled("unread", None, 113152),
        _granted("SO_SNDBUF", 4096, 8192, "2 * 4096"),
        _granted("SO_RCVBUF", 4096, 131072, _TUNED),
        _filled("accepted", 4096, 175589, 175589),
        _filled("unacked", 4096, 47616),
        _filled("unsent", 4096, 47616),
        _filled("unread", 4096, 127973),
    ),
    data={"sockbuf": {"sentences": {"fill": ["The first EAGAIN came at 45% to 100%."]}}},
)


def _called(
    mechanism: str, descriptors: int, active: int, microseconds: float, predicted: float | None
) -> Measurement:
    return Measurement(
        name="readiness.wait",
        measured=microseconds / 1e6,
        predicted=None if predicted is None else predicted / 1e6,
        unit="s",
        parameters={
            "family": "inet",
            "mechanism": mechanism,
            "timeout": "none",
            "descriptors": descriptors,
            "active": active,
        },
        samples=tuple(microseconds * each / 1e6 for each in (0.9, 1.0, 1.0, 1.1, 1.2)),
    )


def _of_readiness(name: str, mechanism: str, measured: float | None, note: str = "") -> Measurement:
    return Measurement(
        name=f"readiness.{name}",
        measured=measured,
        unit="B" if name == "memory" else "s",
        parameters={"family": "inet", "mechanism": mechanism, "descriptors": 3000},
        predicted=208 if (name, mechanism) == ("memory", "epoll") else None,
        note=note,
    )


READINESS = Report(
    command="readiness",
    host=HOST,
    verdict="with one active, epoll overtakes poll at about 12 descriptors",
    measurements=(
        Measurement(name="readiness.overhead", measured=4.1e-7, unit="s"),
        _called("select", 10, 1, 0.9, 0.9),
        _called("poll", 10, 1, 0.8, 0.8),
        _called("epoll", 10, 1, 1.04, 1.04),
        _called("poll", 10, 10, 1.6, 1.4),
        _called("epoll", 10, 10, 2.2, 2.3),
        _called("poll", 3000, 1, 674, 419),
        _called("epoll", 3000, 1, 1.05, 1.04),
        _called("poll", 3000, 30, 360, 419),
        _called("poll", 3000, 3000, 532, 228),
        _called("epoll", 3000, 3000, 1022, 437),
        _of_readiness("register", "epoll", 1.5e-6),
        _of_readiness("modify", "epoll", 5.5e-7),
        _of_readiness("remove", "epoll", 1.2e-6),
        _of_readiness("memory", "epoll", 213.5),
        _of_readiness(
            "wait",
            "select",
            None,
            "select cannot watch 3000: descriptor 3013 is past 1023, the last bit of an fd_set",
        ),
    ),
    data={
        "conclusions": [
            {
                "topic": "overtaking",
                "sentence": "with one active, epoll overtakes poll at about 12 descriptors",
                "figures": {"descriptors": 12.1},
            },
            {
                "topic": "all active",
                "sentence": "with every descriptor active epoll is worse than poll: 1.4 to 1.9 "
                "times its time; at 3,000 a call takes 1.02 ms and poll's 532 us",
                "figures": {},
            },
        ]
    },
)
VERIFY = Report(
    command="verify",
    exit_code=ExitCode.NO,
    host=HOST,
    verdict="only 4000 of 10000 connections were proved as nobody: fs.file-max stopped it",
    next_step="sysctl -w fs.file-max=105536",
    findings=(
        Finding(
            check="capacity",
            status=Status.PASS,
            subject="kernel.pid_max",
            expected="10000 connections",
            observed="allows 324851527 (32768, 189 in use)",
            reason="2 processes are needed",
        ),
        Finding(
            check="proof.connections",
            status=Status.FAIL,
            subject="connections",
            expected="10000 proved",
            observed="4000 proved, lost: 6000 ENFILE (connect)",
            reason="the host ran out of open files",
            remedy="sysctl -w fs.file-max=105536",
        ),
    ),
)
PREFLIGHT = Report(
    command="preflight",
    exit_code=ExitCode.NO,
    host=HOST,
    profile=PROFILE,
    verdict="not ready for high-conn: 1 failed, 1 cannot be told, 1 to be warned of, 1 waived",
    next_step="set what differs: tunekit apply high-conn",
    findings=(
        Finding(
            check="settings",
            status=Status.FAIL,
            subject="net.core.somaxconn",
            expected="65535",
            observed="4096",
            reason="the kernel cuts every listen backlog to this",
            remedy="sysctl -w net.core.somaxconn=65535",
            location=Location(file="profiles/high-conn.yaml", line=9),
        ),
        Finding(
            check="settings",
            status=Status.PASS,
            subject="net.ipv4.tcp_syncookies",
            expected="1",
            observed="1",
            reason="a flood of SYNs must not shut out the others",
            location=Location(file="profiles/high-conn.yaml", line=12),
        ),
        Finding(
            check="limits",
            status=Status.UNKNOWN,
            subject="rlimit.nofile",
            expected="at least 11024",
            observed="the limits of process 4711 cannot be read",
            reason="a connection is an open file",
            remedy="run as its user or as root, while it runs",
            location=Location(file="profiles/high-conn.yaml", line=21),
        ),
        Finding(
            check="capacity",
            status=Status.WARN,
            subject="memory",
            expected="10000 connections",
            observed="allows 9000 (90000000)",
            reason="9800 bytes a connection",
        ),
        Finding(
            check="capacity",
            status=Status.SKIP,
            subject="net.core.somaxconn",
            observed="bounds what waits to be accepted, not what is open (4096)",
        ),
        Finding(
            check="proc-sys",
            status=Status.WAIVED,
            subject="/proc/sys",
            expected="writable, or nothing left to write",
            observed="read-only, and 1 setting would have to be changed",
            waiver="waived until 2027-03-31: the image moves in March (high-conn.yaml:30)",
        ),
    ),
    data={"policy": "default"},
)
BAD_PROFILE = Report(
    command="apply",
    exit_code=ExitCode.USAGE,
    errors=(
        UsageError(
            "unknown key",
            hint="did you mean net.core.somaxconn?",
            key="net.core.somaxcon",
            location=Location(file="high-conn.yaml", line=14),
        ),
        UsageError("no such folder", path="/nowhere", errno=2),
    ),
)
BOOT_KEPT = Report(
    command="inspect",
    exit_code=ExitCode.NO,
    host=HOST,
    profile=PROFILE,
    verdict="1 of 2 settings of high-conn do not hold now or after boot",
    next_step="make it last: tunekit persist high-conn",
    boot=(
        BootRow(
            key="net.core.somaxconn",
            running="65535",
            boot="1024",
            wanted="at least 65535",
            status=Status.FAIL,
            reason="set in /etc/sysctl.d/99-local.conf:3",
            decided_by=BootLine(
                file="/etc/sysctl.d/99-local.conf",
                line=3,
                writer="sysctl.d",
                key="net/core/somaxconn",
                value="1024",
            ),
            shadowed=(
                BootLine(
                    file="/usr/lib/sysctl.d/50-web.conf",
                    line=9,
                    writer="sysctl.d",
                    key="net/core/somax*",
                    value="8192",
                    by="/etc/sysctl.d/99-local.conf:3",
                ),
            ),
        ),
        BootRow(
            key="net.ipv4.tcp_syncookies",
            running="1",
            boot="1",
            wanted="1",
            status=Status.PASS,
            reason="it is the kernel's default",
        ),
    ),
)
EVERY = {
    "boot": BOOT_KEPT,
    "apply": APPLY,
    "inspect": INSPECT,
    "keys": KEYS,
    "history": HISTORY,
    "sockbuf": SOCKBUF,
    "readiness": READINESS,
    "verify": VERIFY,
    "preflight": PREFLIGHT,
    "bad profile": BAD_PROFILE,
}
