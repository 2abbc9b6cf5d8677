"""Settings of each interface: net.ipv4.conf and net.ipv6.conf.

`all` and `default` are not interfaces. What a write to them does beyond their own value differs
from key to key, and is said by `moves`.
"""

from __future__ import annotations

from collections.abc import Iterator

from tunekit.catalog.model import Field, Lax, Risk, Scope, Tier, Tunable
from tunekit.catalog.shapes import COUNT_INT, FLAG_INT, IMMEDIATELY, INT_MAX, NAME, mode, number
from tunekit.values import Kind

_V4_SOURCE = "net/ipv4/devinet.c; include/linux/inetdevice.h"
_NOT_PASSED_ON = frozenset({"forwarding", "route_localnet", "promote_secondaries"})
_V6_SOURCE = "net/ipv6/addrconf.c"


def _v4(
    name: str,
    summary: str,
    *,
    fields: tuple[Field, ...] = FLAG_INT,
    unit: str = "flag",
    tier: Tier = Tier.TUNABLE,
    default: str = "0",
    risk: Risk = Risk.LOW,
    risk_note: str = "",
    source: str = _V4_SOURCE,
) -> Iterator[Tunable]:
    """Yield the entries of an IPv4 setting: one for every interface, one for `default`.

    A write to `default` also changes each interface on which nobody ever wrote the setting
    (devinet_conf_proc, devinet_copy_dflt_conf). The settings in _NOT_PASSED_ON have a handler of
    their own, which does not.
    """
    for interface, moves, takes_effect in (
        ("*", (), IMMEDIATELY),
        (
            "default",
            () if name in _NOT_PASSED_ON else (f"net.ipv4.conf.*.{name}",),
            "new interfaces"
            if name in _NOT_PASSED_ON
            else "new interfaces, and those where it was never written",
        ),
    ):
        yield Tunable(
            pattern=f"net.ipv4.conf.{interface}.{name}",
            fields=fields,
            unit=unit,
            tier=tier,
            scope=Scope.NETNS,
            summary=summary,
            takes_effect=takes_effect,
            default=default,
            moves=moves,
            before=moves,
            risk=risk,
            risk_note=risk_note,
            source=source,
        )


def _v6(
    name: str,
    summary: str,
    *,
    fields: tuple[Field, ...] = FLAG_INT,
    unit: str = "flag",
    tier: Tier = Tier.TUNABLE,
    default: str = "",
    all_moves: bool = False,
    risk: Risk = Risk.LOW,
    risk_note: str = "",
) -> Iterator[Tunable]:
    """Yield the entries of an IPv6 setting: one for every interface, one for `all` where the
    kernel passes that on to `default` and to each interface.
    """
    for interface in ("*", "all") if all_moves else ("*",):
        moves = (f"net.ipv6.conf.*.{name}",) if interface == "all" else ()
        yield Tunable(
            pattern=f"net.ipv6.conf.{interface}.{name}",
            fields=fields,
            unit=unit,
            tier=tier,
            scope=Scope.NETNS,
            summary=summary,
            takes_effect=IMMEDIATELY,
            default=default,
            moves=moves,
            before=moves,
            risk=risk,
            risk_note=risk_note,
            source=_V6_SOURCE,
        )


_FORWARDING = "Route packets that come in on this interface"

ENTRIES = (
    *_v4(
        "rp_filter",
        "Drop packets whose sender would be answered elsewhere: 1 yes, 2 if nowhere; the larger "
        "of `all` and this counts",
        fields=mode(0, 2, lax=Lax.BOTH),
        unit="mode",
        tier=Tier.SECURITY,
        default="0; systemd sets 2",
        risk=Risk.MEDIUM,
        risk_note="0 lets in forged senders, 1 breaks hosts with several ways out",
    ),
    *_v4(
        "accept_redirects",
        "Follow a router's advice to use another one",
        tier=Tier.SECURITY,
        default="1",
        risk=Risk.MEDIUM,
        risk_note="a neighbour can draw traffic to itself",
    ),
    *_v4(
        "secure_redirects",
        "Follow redirects only to gateways that are already known",
        tier=Tier.SECURITY,
        default="1",
        risk=Risk.MEDIUM,
        risk_note="a neighbour can draw traffic to itself",
    ),
    *_v4(
        "send_redirects",
        "Tell senders of a better router; `all` or the interface is enough",
        tier=Tier.SECURITY,
        default="1",
        risk=Risk.LOW,
        risk_note="shows the routes of this host to its neighbours",
    ),
    *_v4(
        "accept_source_route",
        "Take packets that say their own way; `all` and the interface must both say so",
        tier=Tier.SECURITY,
        default="0 on hosts; systemd sets 0",
        risk=Risk.HIGH,
        risk_note="gets around filters on the way",
    ),
    *_v4(
        "route_localnet",
        "Treat 127.0.0.0/8 as an ordinary network; `all` or the interface is enough",
        tier=Tier.SECURITY,
        risk=Risk.HIGH,
        risk_note="services that listen on loopback only can be reached from outside",
    ),
    *_v4(
        "log_martians",
        "Log packets with impossible addresses",
        tier=Tier.SECURITY,
        risk_note="anybody can fill the log",
    ),
    *_v4(
        "arp_ignore",
        "Which ARP requests are answered: 0 for any local address, 1 for those of the interface",
        fields=mode(0, 8, lax=Lax.BOTH),
        unit="mode",
        tier=Tier.SECURITY,
        risk=Risk.MEDIUM,
        risk_note="addresses of other interfaces may no longer be found",
    ),
    *_v4(
        "arp_announce",
        "Which own address ARP requests name: 0 any, 1 one that fits, 2 the best one",
        fields=mode(0, 2, lax=Lax.BOTH),
        unit="mode",
    ),
    *_v4("arp_notify", "Announce an address when the interface comes up"),
    *_v4(
        "arp_accept",
        "Learn neighbours from announcements that nobody asked for",
        fields=mode(0, 2, lax=Lax.BOTH),
        unit="mode",
        tier=Tier.SECURITY,
        risk=Risk.MEDIUM,
        risk_note="a neighbour can fill the table",
    ),
    *_v4("arp_filter", "Answer ARP only on the interface by which the asker is reached"),
    *_v4(
        "proxy_arp",
        "Answer ARP on behalf of hosts behind this one",
        tier=Tier.SECURITY,
        risk=Risk.MEDIUM,
        risk_note="draws traffic for other hosts here",
    ),
    *_v4(
        "accept_local",
        "Take packets from outside that bear an address of this host",
        tier=Tier.SECURITY,
        risk=Risk.MEDIUM,
        risk_note="others can pose as this host",
    ),
    *_v4("src_valid_mark", "Let the reverse-path check see the firewall mark"),
    *_v4("promote_secondaries", "Promote a second address when the first one goes"),
    *_v4("ignore_routes_with_linkdown", "Leave out routes over an interface without a link"),
    *_v4(
        "drop_gratuitous_arp",
        "Drop ARP announcements that nobody asked for",
        tier=Tier.SECURITY,
        risk_note="moved addresses are noticed late",
    ),
    *_v4(
        "forwarding",
        _FORWARDING,
        tier=Tier.SECURITY,
        risk=Risk.HIGH,
        risk_note="1 makes a router of the host, 0 cuts containers and virtual machines off",
        source="net/ipv4/devinet.c devinet_sysctl_forward",
    ),
    Tunable(
        pattern="net.ipv4.conf.all.forwarding",
        fields=FLAG_INT,
        unit="flag",
        tier=Tier.SECURITY,
        scope=Scope.NETNS,
        summary="The same switch as net.ipv4.ip_forward",
        takes_effect=IMMEDIATELY,
        default="0",
        moves=(
            "net.ipv4.ip_forward",
            "net.ipv4.conf.*.forwarding",
            "net.ipv4.conf.all.accept_redirects",
        ),
        before=("net.ipv4.conf.*.*",),
        related=("net.ipv4.ip_forward",),
        risk=Risk.HIGH,
        risk_note="1 makes a router of the host, 0 cuts containers and virtual machines off",
        since="2.2",
        source="net/ipv4/devinet.c inet_forward_change",
    ),
    *_v6(
        "disable_ipv6",
        "Take IPv6 off the interface, with all its addresses",
        tier=Tier.SECURITY,
        default="0",
        all_moves=True,
        risk=Risk.HIGH,
        risk_note="drops the addresses, and with them the connections",
    ),
    *_v6(
        "forwarding",
        _FORWARDING,
        tier=Tier.SECURITY,
        default="0",
        all_moves=True,
        risk=Risk.HIGH,
        risk_note="a router ignores the advertisements of others, and may lose its own routes",
    ),
    *_v6(
        "ignore_routes_with_linkdown",
        "Leave out routes over an interface without a link",
        default="0",
        all_moves=True,
    ),
    *_v6(
        "accept_redirects",
        "Follow a router's advice to use another one",
        tier=Tier.SECURITY,
        default="1",
        risk=Risk.MEDIUM,
        risk_note="a neighbour can draw traffic to itself",
    ),
    *_v6(
        "accept_source_route",
        "Take packets that say their own way: negative never, 0 and above those of type 2",
        fields=mode(-INT_MAX - 1, INT_MAX),
        unit="mode",
        tier=Tier.SECURITY,
        default="0",
        risk=Risk.MEDIUM,
        risk_note="gets around filters on the way",
    ),
    *_v6(
        "accept_ra",
        "Configure from router advertisements: 0 never, 1 unless forwarding, 2 always",
        fields=mode(0, 2, lax=Lax.BOTH),
        unit="mode",
        tier=Tier.SECURITY,
        default="1",
        risk=Risk.HIGH,
        risk_note="0 loses routes that come from the router, 2 trusts it even on a router",
    ),
    *_v6("autoconf", "Make addresses from advertised prefixes", default="1"),
    *_v6(
        "use_tempaddr",
        "Addresses that change: 0 or less none, 1 also, 2 preferred",
        fields=mode(-1, 2, lax=Lax.BOTH),
        unit="mode",
        default="0",
    ),
    *_v6(
        "accept_dad",
        "Check that an address is free: 0 no, 1 yes, 2 and switch IPv6 off when it is not",
        fields=mode(0, 2, lax=Lax.BOTH),
        unit="mode",
        default="1",
    ),
    *_v6("dad_transmits", "Probes that an address is free", fields=COUNT_INT, unit="probes"),
    *_v6("hop_limit", "Hops that packets may take", fields=number(1, 255), unit="hops"),
    *_v6("mtu", "Largest IPv6 packet", fields=number(1280), unit="bytes"),
    *_v6(
        "max_addresses",
        "Addresses that advertisements may give the interface; 0 is no limit",
        fields=COUNT_INT,
        unit="addresses",
        default="16",
    ),
    Tunable(
        pattern="net.ipv6.conf.*.stable_secret",
        kind=Kind.TEXT,
        fields=NAME,
        unit="IPv6 address",
        tier=Tier.SECURITY,
        scope=Scope.NETNS,
        secret=True,
        max_length=39,
        summary="Secret from which stable private addresses are made; reading it fails until set",
        takes_effect="addresses made afterwards",
        default="unset",
        risk=Risk.MEDIUM,
        risk_note="whoever knows it can follow the host from network to network",
        since="4.1",
        source="net/ipv6/addrconf.c addrconf_sysctl_stable_secret; RFC 7217",
    ),
)
