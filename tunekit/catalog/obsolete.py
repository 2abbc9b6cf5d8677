"""Names that old guides still carry: what became of them, and what does their work now."""

from __future__ import annotations

from tunekit.catalog.model import Scope, Tier, Tunable
from tunekit.catalog.shapes import NOTHING

_NOTHING = "nothing: leave it out"
_SCHEDULER = "/sys/kernel/debug/sched, for experiments"


def _gone(key: str, removed: str, summary: str, replacement: str, *, since: str = "") -> Tunable:
    """A key whose file is no longer there."""
    return Tunable(
        pattern=key,
        tier=Tier.OBSOLETE,
        summary=summary,
        takes_effect=NOTHING,
        since=since,
        removed=removed,
        replacement=replacement,
        source="kernel history",
    )


def _ignored(
    key: str,
    summary: str,
    replacement: str,
    *,
    history: str,
    scope: Scope = Scope.NETNS,
    default: str = "0",
    source: str = "ip-sysctl",
) -> Tunable:
    """A key whose file is still there, and that nothing reads."""
    return Tunable(
        pattern=key,
        tier=Tier.OBSOLETE,
        scope=scope,
        summary=summary,
        takes_effect=NOTHING,
        default=default,
        history=(history,),
        replacement=replacement,
        source=source,
    )


ENTRIES = (
    _gone(
        "net.core.hot_list_length",
        "2.6",
        "Packet buffers that each processor kept for reuse; the slab allocator does that now",
        _NOTHING,
        since="2.2",
    ),
    _gone(
        "net.ipv4.tcp_tw_recycle",
        "4.12",
        "Ended TIME_WAIT early, and refused clients that share an address behind a NAT",
        "net.ipv4.tcp_tw_reuse, for outgoing connections",
        since="2.4",
    ),
    _gone(
        "net.ipv4.tcp_abc", "3.9", "Grew the window by bytes acknowledged", _NOTHING, since="2.6.15"
    ),
    _gone(
        "net.ipv4.tcp_frto_response",
        "3.10",
        "What to do after a timeout that was none",
        "net.ipv4.tcp_frto",
        since="2.6.22",
    ),
    _gone(
        "net.ipv4.tcp_max_ssthresh",
        "3.10",
        "Slowed slow start down above a window",
        _NOTHING,
        since="2.6.21",
    ),
    _gone(
        "net.ipv4.tcp_cookie_size",
        "3.10",
        "Size of cookies of an experiment against forged connections",
        "net.ipv4.tcp_syncookies",
        since="2.6.33",
    ),
    _gone(
        "net.ipv4.tcp_thin_dupack",
        "4.11",
        "Repeated segments of thin streams sooner",
        "net.ipv4.tcp_recovery",
        since="2.6.34",
    ),
    _gone(
        "net.ipv4.tcp_dma_copybreak",
        "3.19",
        "Size from which a copy engine took over",
        _NOTHING,
        since="2.6.24",
    ),
    _gone(
        "net.ipv4.tcp_rx_skb_cache",
        "5.16",
        "Kept a packet buffer with each socket for receiving",
        "net.core.skb_defer_max",
        since="5.3",
    ),
    _gone(
        "net.ipv4.tcp_tx_skb_cache",
        "5.16",
        "Kept a packet buffer with each socket for sending",
        "net.core.skb_defer_max",
        since="5.3",
    ),
    _gone(
        "net.ipv4.ip_conntrack_max",
        "2.6.24",
        "Flows that the old connection tracking followed",
        "net.netfilter.nf_conntrack_max",
        since="2.4",
    ),
    _gone(
        "net.ipv4.netfilter.ip_conntrack_max",
        "4.9",
        "Flows that the old connection tracking followed",
        "net.netfilter.nf_conntrack_max",
    ),
    _gone(
        "net.ipv4.netfilter.ip_conntrack_tcp_timeout_established",
        "4.9",
        "Time that a quiet connection was remembered",
        "net.netfilter.nf_conntrack_tcp_timeout_established",
    ),
    _gone(
        "net.netfilter.nf_conntrack_helper",
        "6.0",
        "Attached protocol helpers to every flow that looked right",
        "a rule that names the helper (CT target, ct helper)",
        since="3.5",
    ),
    *(
        _gone(
            f"net.netfilter.nf_conntrack_dccp_{name}",
            "6.17",
            "Tracking of DCCP, a protocol that the kernel no longer speaks",
            _NOTHING,
            since="2.6.26",
        )
        for name in (
            "loose",
            "timeout_request",
            "timeout_respond",
            "timeout_partopen",
            "timeout_open",
            "timeout_closereq",
            "timeout_closing",
            "timeout_timewait",
        )
    ),
    _gone(
        "net.ipv4.route.secret_interval",
        "3.6",
        "How often the hash of the route cache changed",
        _NOTHING,
    ),
    _gone("net.ipv4.inet_peer_gc_mintime", "3.6", "Pause between collections of peers", _NOTHING),
    _gone("net.ipv4.inet_peer_gc_maxtime", "3.6", "Pause between collections of peers", _NOTHING),
    _gone(
        "fs.epoll.max_user_instances",
        "2.6.28",
        "Instances of epoll that one user might have",
        "rlimit.nofile",
    ),
    _gone(
        "fs.inode-max",
        "2.4",
        "Inodes that the kernel would keep; it keeps as many as memory allows",
        _NOTHING,
    ),
    _gone(
        "kernel.sched_child_runs_first",
        "6.6",
        "Ran the child first after a fork",
        _NOTHING,
        since="2.6.23",
    ),
    *(
        _gone(
            f"kernel.sched_{name}",
            "5.13",
            "How the old scheduler divided time",
            _SCHEDULER,
            since="2.6.23",
        )
        for name in (
            "latency_ns",
            "min_granularity_ns",
            "wakeup_granularity_ns",
            "migration_cost_ns",
            "nr_migrate",
            "tunable_scaling",
        )
    ),
    _ignored(
        "net.ipv4.tcp_low_latency",
        "Once skipped a queue before the receiving process",
        "net.core.busy_read, or SO_BUSY_POLL in the program",
        history="4.14: without effect",
        scope=Scope.HOST,
        source="net/ipv4/sysctl_net_ipv4.c",
    ),
    _ignored(
        "net.ipv4.tcp_fack",
        "Once took everything before the highest acknowledged segment for lost",
        "net.ipv4.tcp_recovery",
        history="4.15: without effect",
    ),
    _ignored(
        "net.ipv4.tcp_adv_win_scale",
        "Once the share of the receive buffer that was offered as a window",
        "nothing: the kernel measures it for each socket",
        history="6.6: without effect",
        default="1",
        source="net/ipv4/tcp_input.c, scaling_ratio",
    ),
    _ignored(
        "net.ipv4.route.max_size",
        "Once bounded the cache of routes, which is gone",
        _NOTHING,
        history="3.6: without effect",
        scope=Scope.HOST,
        default="2147483647",
        source="net/ipv4/route.c",
    ),
    _ignored(
        "net.ipv6.route.max_size",
        "Once bounded the cache of IPv6 routes",
        _NOTHING,
        history="6.3, and the long-term kernels: without effect",
        default="2147483647",
        source="net/ipv6/route.c",
    ),
    *(
        _ignored(
            f"net.ipv4.route.{name}",
            "Once collected the cache of routes, which is gone",
            _NOTHING,
            history="3.6: without effect",
            scope=Scope.HOST,
            source="net/ipv4/route.c",
        )
        for name in ("gc_thresh", "gc_elasticity", "gc_timeout", "gc_interval", "gc_min_interval")
    ),
    _ignored(
        "net.ipv4.ipfrag_secret_interval",
        "Once how often the hash of fragments changed",
        _NOTHING,
        history="4.17: without effect",
        scope=Scope.HOST,
        source="net/ipv4/ip_fragment.c",
    ),
    _gone(
        "vm.block_dump",
        "5.13",
        "Logged every access to a disk",
        "the block tracepoints",
        since="2.6",
    ),
)
