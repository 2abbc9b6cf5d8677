"""Which host this is, and how large."""

from __future__ import annotations

import os
import re
from pathlib import Path

from tunekit.errors import ReadFailed
from tunekit.kernel import namespaces
from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls
from tunekit.records import dataclass
from tunekit.values import SysctlKey


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


def identity(
    *, proc: Path = Path("/proc"), sysctls: Sysctls | None = None, cookie: int | None = None
) -> HostIdentity:
    """Tell which host, boot, network namespace and user this is.

    `cookie` is the network namespace's, asked of the kernel when not given. Raises ReadFailed
    when /proc is not there.
    """
    sysctls = sysctls or Sysctls(proc / "sys")
    boot = sysctls.read(SysctlKey(("kernel", "random", "boot_id")))
    system = os.uname()
    return HostIdentity(
        hostname=system.nodename,
        boot_id=boot.text if isinstance(boot, Value) else "",
        kernel=system.release,
        machine=system.machine,
        netns_cookie=namespaces.cookie() if cookie is None else cookie,
        child_netns=sysctls.hides_host_keys,
        uid=os.getuid(),
        euid=os.geteuid(),
        capabilities=parse_capabilities(_read(proc / "thread-self" / "status")),
    )


def facts(*, proc: Path = Path("/proc")) -> HostFacts:
    """Tell how large this host is, for this process: memory, processors it may use, page size.

    Raises ReadFailed when /proc is not there.
    """
    return HostFacts(
        ram=parse_memory(_read(proc / "meminfo")),
        cpus=len(os.sched_getaffinity(0)),
        page_size=os.sysconf("SC_PAGE_SIZE"),
    )


def parse_memory(meminfo: str) -> int:
    """Take MemTotal out of /proc/meminfo, in bytes. Raises ReadFailed when it is not there."""
    if match := re.search(r"^MemTotal:\s+(\d+) kB$", meminfo, re.MULTILINE):
        return int(match[1]) * 1024
    raise ReadFailed("no MemTotal in it", path="/proc/meminfo", hint="mount /proc")


def parse_capabilities(status: str) -> frozenset[str]:
    """Take the effective capabilities out of /proc/PID/status, such as `cap_net_admin`.

    One that this table does not know yet comes by its number, such as `cap_41`.
    """
    match = re.search(r"^CapEff:\s+([0-9a-f]+)$", status, re.MULTILINE)
    if match is None:
        raise ReadFailed("no CapEff in it", path="/proc/thread-self/status", hint="mount /proc")
    bits = int(match[1], 16)
    return frozenset(
        f"cap_{_CAPABILITIES[bit] if bit < len(_CAPABILITIES) else bit}"
        for bit in range(bits.bit_length())
        if bits >> bit & 1
    )


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError as error:
        raise ReadFailed(
            f"cannot be read: {error.strerror}",
            path=str(path),
            errno=error.errno,
            hint="mount /proc",
        ) from error


# include/uapi/linux/capability.h, by bit.
_CAPABILITIES = (
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
)
