"""Which host this is, and how large."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HostIdentity:
    """The host, the boot and the network namespace that a result is true of.

    `netns_cookie` is SO_NETNS_COOKIE (Linux 5.14), 0 where the kernel has none. `child_netns`
    says that this network namespace does not show the host's own keys. `capabilities` are the
    effective ones in lower case, such as `cap_net_admin`.
    """

    hostname: str
    boot_id: str
    kernel: str
    machine: str
    netns_cookie: int
    child_netns: bool
    uid: int
    euid: int
    capabilities: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """What an expression in a profile may ask for: bytes of memory, processors online, bytes a
    page.
    """

    ram: int
    cpus: int
    page_size: int
