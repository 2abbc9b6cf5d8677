"""What is worth knowing beside the keys: limits, socket options and queues that have no key.

Loaded by `explain` alone.
"""

from __future__ import annotations

from tunekit.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Something that is tuned otherwise than by a key. `names` are what it is called, the usual one
    first; `entry` is the catalogue's entry that it adds to, empty where there is none.
    """

    names: tuple[str, ...]
    kind: str
    summary: str
    value: str = ""
    unit: str = ""
    range: str = ""
    default: str = ""
    scope: str = ""
    takes_effect: str = ""
    related: tuple[str, ...] = ()
    risk: str = ""
    history: tuple[str, ...] = ()
    source: str = ""
    text: str = ""
    entry: str = ""


TOPICS = (
    Topic(
        names=("RLIMIT_NOFILE", "nofile", "LimitNOFILE", "ulimit -n"),
        kind="resource limit",
        entry="rlimit.nofile",
        summary="One more than the highest descriptor number that the process may open",
        related=("fs.nr_open", "fs.file-max"),
        source="getrlimit(2); systemd.exec(5); limits.conf(5)",
        text="Each process has a soft limit, which counts, and a hard one, up to which it may "
        "raise the soft one itself. At the soft limit accept(), socket() and open() fail with "
        "EMFILE, and a connection that cannot be accepted stays in the queue. Nobody, root "
        "included, may set a hard limit above fs.nr_open. A service gets what systemd gives it "
        "(LimitNOFILE=), a login what PAM gives it (limits.conf), and neither looks at the other. "
        "A running process is changed by prlimit(1) or by tunekit apply --pid; one that sized its "
        "tables when it began does not notice. The soft limit of 1024 is kept low on purpose, for "
        "programs that use select().",
    ),
    Topic(
        names=("SO_SNDBUF", "SO_SNDBUFFORCE"),
        kind="socket option",
        summary="Size of a socket's send buffer, set by the program",
        value="a number; reads back doubled",
        unit="bytes",
        range="up to net.core.wmem_max, without an error above it; at least 4608 reads back",
        default="TCP: the middle number of net.ipv4.tcp_wmem, then sized by the kernel; others: "
        "net.core.wmem_default",
        scope="socket",
        takes_effect="at once, for this socket; an accepted one inherits it",
        related=("net.core.wmem_max", "net.ipv4.tcp_wmem", "net.ipv4.tcp_notsent_lowat"),
        risk="setting it turns off the kernel's own sizing of this buffer, which for TCP is nearly "
        "always better",
        history=("5.14: SO_BUF_LOCK tells whether it was set, and can undo that",),
        source="net/core/sock.c sock_setsockopt; socket(7); tcp(7)",
        text="The kernel doubles what is asked for, since what it keeps beside the data counts "
        "too: getsockopt() returns twice the number, cut to twice net.core.wmem_max. A send() that "
        "does not block is answered with EAGAIN when the buffer is full. The throughput of one "
        "connection is at most the buffer divided by the round trip. SO_SNDBUFFORCE passes the "
        "ceiling and takes CAP_NET_ADMIN. `tunekit sockbuf` measures what a size does.",
    ),
    Topic(
        names=("SO_RCVBUF", "SO_RCVBUFFORCE"),
        kind="socket option",
        summary="Size of a socket's receive buffer, set by the program",
        value="a number; reads back doubled",
        unit="bytes",
        range="up to net.core.rmem_max, without an error above it; at least 2304 reads back",
        default="TCP: the middle number of net.ipv4.tcp_rmem, then sized by the kernel; others: "
        "net.core.rmem_default",
        scope="socket",
        takes_effect="at once; the window scale of TCP is fixed by the SYN, so before connect() or "
        "listen()",
        related=("net.core.rmem_max", "net.ipv4.tcp_rmem", "net.ipv4.tcp_moderate_rcvbuf"),
        risk="setting it turns off the kernel's own sizing of this buffer, which for TCP is nearly "
        "always better",
        history=("5.14: SO_BUF_LOCK tells whether it was set, and can undo that",),
        source="net/core/sock.c sock_setsockopt; socket(7); tcp(7)",
        text="What a sender may have on the way is what the receiver's window offers, and the "
        "window is a part of this buffer. A listener hands the size on to what it accepts. UDP "
        "drops a datagram that does not fit, and counts it as RcvbufErrors.",
    ),
    Topic(
        names=("SO_REUSEPORT",),
        kind="socket option",
        summary="Several sockets on one address and port, which share what comes",
        value="0 or 1",
        unit="flag",
        default="0",
        scope="socket",
        takes_effect="before bind(), on each of the sockets",
        related=("net.ipv4.tcp_migrate_req", "listen backlog"),
        risk="a socket that is closed takes the connections in its own accept queue with it",
        history=(
            "3.9: TCP and UDP",
            "4.5: a BPF program may choose the socket",
            "5.14: net.ipv4.tcp_migrate_req moves what waits at a listener that is closed",
        ),
        source="net/core/sock_reuseport.c; socket(7)",
        text="Each listener has an accept queue of its own, so that workers need not share one, "
        "and the backlog counts for each. The choice is by a hash of the addresses and ports: with "
        "few clients it is uneven, and it does not look at which worker is idle. All sockets must "
        "belong to the same user.",
    ),
    Topic(
        names=("listen backlog", "backlog", "listen", "accept queue"),
        kind="argument of a system call",
        summary="How many connections may wait at a listener to be accepted",
        value="a number",
        unit="connections",
        range="0..net.core.somaxconn; a larger one is cut to it, without an error",
        default="what the program asks for: nginx and Redis 511, Python and sshd 128, Go and "
        "systemd as much as there may be",
        scope="socket",
        takes_effect="with listen(); a second call on the same socket changes it and keeps what "
        "waits",
        related=(
            "net.core.somaxconn",
            "net.ipv4.tcp_max_syn_backlog",
            "net.ipv4.tcp_syncookies",
            "net.ipv4.tcp_abort_on_overflow",
        ),
        risk="above it a client's handshake is dropped and tried again after 1, 3 and 7 seconds",
        history=("2.2: it counts what is established, not what is half open",),
        source="net/socket.c __sys_listen_socket; include/net/sock.h; listen(2)",
        text="One more than the backlog may wait. It bounds the half-open connections as well. "
        "What it really is stands in the Send-Q column of `ss -lt`, and what waits in Recv-Q; the "
        "counts of ListenOverflows and ListenDrops say that it was too short. Raising somaxconn "
        "changes no listener that is there: `tunekit stale` names those.",
    ),
    Topic(
        names=("NAPI budget", "NAPI", "napi weight", "softirq budget"),
        kind="kernel mechanism",
        summary="How many packets the kernel takes from devices before others get their turn",
        value="three keys",
        unit="packets, microseconds",
        default="300 packets or 2 ticks (8 ms at HZ=250) a round; 64 packets a device's turn",
        scope="host",
        takes_effect="at once",
        related=(
            "net.core.netdev_budget",
            "net.core.netdev_budget_usecs",
            "net.core.dev_weight",
            "net.core.netdev_max_backlog",
        ),
        risk="a larger budget lets packets keep programs from the processor",
        history=("4.12: netdev_budget_usecs",),
        source="net/core/dev.c net_rx_action; Documentation/networking/napi.rst",
        text="A round ends after netdev_budget packets or netdev_budget_usecs, whichever comes "
        "first. When packets are left then, the third column of /proc/net/softnet_stat counts one "
        "(time_squeeze), and the rest is for ksoftirqd. Raise it only where that column grows and "
        "the processor has time left. What a device's queue could not take is counted by the "
        "device (ethtool -S), and no budget mends it.",
    ),
    Topic(
        names=("TCP_NOTSENT_LOWAT",),
        kind="socket option",
        summary="Bytes not yet sent above which a TCP socket is no longer reported writable",
        value="a number",
        unit="bytes",
        range="0..4294967295; 0 leaves it to the key",
        default="net.ipv4.tcp_notsent_lowat, which by itself is no limit",
        scope="socket",
        takes_effect="at once, for this socket",
        related=("net.ipv4.tcp_notsent_lowat", "net.ipv4.tcp_wmem", "SO_SNDBUF"),
        risk="a very small one wakes the program for every segment",
        history=("3.12",),
        source="include/net/tcp.h tcp_notsent_lowat; tcp(7)",
        text="A send buffer holds what is on the way and what waits to be sent. Only the second "
        "part makes data old before it leaves; this bounds it, and the buffer can stay as large as "
        "the path needs. 16 to 128 KiB are usual for servers that choose late what to send.",
    ),
)


def find_topic(name: str) -> Topic | None:
    """Find a topic by any of its names, whatever their case."""
    wanted = " ".join(name.lower().split())
    for topic in TOPICS:
        if wanted in (each.lower() for each in topic.names):
            return topic
    return None
