"""Which keys a container may be given, and by whom.

Kubernetes: the safe set of pkg/kubelet/sysctl/safe_sysctls.go; any other namespaced key is unsafe
and needs the kubelet's --allowed-unsafe-sysctls. Docker, Podman and runc take the same namespaced
keys (libcontainer/configs/validate). Both test only the prefix `net.`, and a key of the whole host
passes it and then fails when the container starts; the catalogue's scope tells these apart.
"""

from __future__ import annotations

from tunekit.catalog.model import Scope, Tunable

SAFE_IN_KUBERNETES = {
    "kernel.shm_rmid_forced": "1.0",
    "net.ipv4.ip_local_port_range": "1.0",
    "net.ipv4.tcp_syncookies": "1.0",
    "net.ipv4.ping_group_range": "1.18",
    "net.ipv4.ip_unprivileged_port_start": "1.22",
    "net.ipv4.ip_local_reserved_ports": "1.27",
    "net.ipv4.tcp_keepalive_time": "1.29",
    "net.ipv4.tcp_keepalive_intvl": "1.29",
    "net.ipv4.tcp_keepalive_probes": "1.29",
    "net.ipv4.tcp_fin_timeout": "1.29",
    "net.ipv4.tcp_rmem": "1.32",
    "net.ipv4.tcp_wmem": "1.32",
}
"""The keys that a pod may set without the node's leave, and the release that began it."""

_IPC = (
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
)


def is_containers_own(key: str, tunable: Tunable | None) -> bool:
    """Tell whether a container with namespaces of its own has its own value of a key.

    A key that the catalogue does not know is taken for its own when it is below `net.`.
    """
    if key in _IPC or key.startswith("fs.mqueue."):
        return True
    if tunable is None:
        return key.startswith("net.")
    return tunable.scope is Scope.NETNS
