"""What there is to say of a key beyond its entry: how to see that it binds, and what is mistaken
about it often. Loaded by `explain` alone.
"""

from __future__ import annotations

from collections.abc import Mapping

REMARKS: Mapping[str, str] = {
    "fs.file-max": "At the ceiling open(), socket() and accept() fail with ENFILE, but not for who "
    "has CAP_SYS_ADMIN: root does not notice. systemd sets it to 2^63-1 at boot, so that a profile "
    "with a fixed number often lowers it. The first number of fs.file-nr is what is in use.",
    "fs.nr_open": "Nobody may set a hard limit of open files above it, not even root. Lowering it "
    "below the hard limit of a running process leaves that process as it is, but one that sets the "
    "same limit again is refused.",
    "fs.epoll.max_user_watches": "Above it EPOLL_CTL_ADD fails with ENOSPC, which looks like a "
    "full disk. No capability passes it. Containers whose users are the same to the kernel share "
    "the count.",
    "net.core.somaxconn": "It cuts what listen() asks for, without an error, and bounds both the "
    "connections that wait to be accepted and those half open. A listener that is there keeps its "
    "backlog: see `tunekit stale`. Many programs ask for less by themselves.",
    "net.core.rmem_max": "It bounds only what a program asks for with SO_RCVBUF. The kernel's own "
    "sizing of TCP buffers goes up to the last number of tcp_rmem, whatever this is.",
    "net.core.wmem_max": "It bounds only what a program asks for with SO_SNDBUF. The kernel's own "
    "sizing of TCP buffers goes up to the last number of tcp_wmem, whatever this is.",
    "net.core.netdev_max_backlog": "It is for packets that come without a device's polling: over "
    "loopback, veth or RPS. The second column of /proc/net/softnet_stat counts what it drops. Most "
    "network cards never use this queue.",
    "net.core.netdev_budget": "A round also ends after netdev_budget_usecs. The third column of "
    "/proc/net/softnet_stat counts the rounds that ended with packets left.",
    "net.core.default_qdisc": "Devices that are there keep what they have. Loopback and veth have "
    "no queue whatever this says.",
    "net.ipv4.tcp_mem": "The numbers are pages, and count for all sockets of the host together. An "
    "idle connection takes none. Under pressure buffers shrink; above the last number the kernel "
    "refuses, and says so in its log.",
    "net.ipv4.tcp_rmem": "A listener hands its size on to what it accepts, so that one from before "
    "a change passes the old one on. The kernel does not check that the numbers rise. The last one "
    "divided by the round trip bounds the throughput of a connection.",
    "net.ipv4.tcp_wmem": "The middle number is what a socket has before it is connected; then the "
    "kernel sizes it by the congestion window, up to the last one.",
    "net.ipv4.tcp_max_syn_backlog": "It is looked at only while tcp_syncookies is 0. With cookies "
    "on, which is the default, a listener's backlog bounds what is half open, and raising this "
    "does nothing.",
    "net.ipv4.tcp_abort_on_overflow": "A full queue drops the SYN already, so that this concerns "
    "only handshakes that were under way: most clients time out all the same.",
    "net.ipv4.tcp_fin_timeout": "It does not shorten TIME_WAIT, which is always 60 seconds. It is "
    "for connections that this host has closed and the other one has not.",
    "net.ipv4.tcp_tw_reuse": "It helps who opens connections, and does nothing for a server that "
    "accepts them. A port can be taken again after one second, and only with timestamps.",
    "net.ipv4.tcp_max_tw_buckets": "Above it a connection ends without TIME_WAIT, and late packets "
    "of it may meet the next one on the same ports. TCPTimeWaitOverflow counts it.",
    "net.ipv4.tcp_max_orphans": "It counts what programs have closed and the kernel still "
    "finishes. The count is taken each 100 ms, so that short bursts pass.",
    "net.ipv4.tcp_congestion_control": "A connection keeps the one that it began with; what an old "
    "listener accepts has the one of now. In a network namespace only those of "
    "tcp_allowed_congestion_control can be set.",
    "net.ipv4.tcp_notsent_lowat": "No limit is written 4294967295; -1 is refused. A socket's own "
    "TCP_NOTSENT_LOWAT goes before it.",
    "net.ipv4.tcp_keepalive_time": "Only for sockets that asked for SO_KEEPALIVE, which most "
    "programs must be told to, and that did not set TCP_KEEPIDLE.",
    "net.ipv4.ip_local_port_range": "The range counts for each pair of a destination's address and "
    "port, not for the host. When it is used up connect() fails with EADDRNOTAVAIL, bind() to port "
    "0 with EADDRINUSE, and no counter moves. Past half of it connecting becomes slow, since the "
    "kernel tries the ports of one parity first.",
    "net.netfilter.nf_conntrack_max": "A full table loses SYNs without a word to the client and "
    "refuses UDP with EPERM, as a firewall would; the kernel's log says `table full`. It does not "
    "follow nf_conntrack_buckets.",
    "vm.max_map_count": "A thread's stack takes two mappings. Above it mmap() fails with ENOMEM "
    "however much memory there is.",
}
"""By the catalogue's pattern."""
