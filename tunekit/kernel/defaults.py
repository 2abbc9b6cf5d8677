"""What the kernel gives a key by itself, seen in a network namespace that nobody has written to.

A new namespace starts with the values that the first one had when the kernel started, but for a
few that are copied from it or from its parent (inet_init_net in net/ipv4/af_inet.c, tcp_sk_init in
net/ipv4/tcp_ipv4.c, devinet_init_net in net/ipv4/devinet.c).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tunekit import catalog
from tunekit.catalog.model import Scope
from tunekit.errors import NamespaceError, TunekitError
from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.values import SysctlKey

_CLONE_NEWNET = 0x40000000
_COPIED = ("net.ipv4.conf.*.*", "net.ipv6.conf.*.*")
_COPIED_KEYS = frozenset(
    {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem", "net.ipv4.tcp_congestion_control"}
)


def kernel_defaults(keys: Iterable[SysctlKey]) -> Mapping[SysctlKey, str]:
    """What this kernel gives keys of a network namespace before anybody writes them.

    Only for keys that each namespace has of its own and that are not copied to a new one; nothing
    where no namespace can be made.
    """
    from tunekit.kernel.child import call

    wanted = [key for key in keys if _starts_anew(key)]
    if not wanted:
        return {}
    try:
        return call(lambda: _look(wanted))
    except TunekitError:
        return {}


def _starts_anew(key: SysctlKey) -> bool:
    tunable = catalog.find(key)
    return (
        tunable is not None
        and tunable.scope is Scope.NETNS
        and str(key) not in _COPIED_KEYS
        and not any(map(key.matches, _COPIED))
    )


def _look(keys: list[SysctlKey]) -> dict[SysctlKey, str]:
    import ctypes

    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET) != 0:
        raise NamespaceError("no new network namespace", errno=ctypes.get_errno())
    sysctls = Sysctls()
    found = {key: sysctls.read(key) for key in keys}
    return {key: reading.text for key, reading in found.items() if isinstance(reading, Value)}
