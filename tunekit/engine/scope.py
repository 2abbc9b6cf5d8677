"""Whose value a key is: the host's, this network namespace's or one process's."""

from __future__ import annotations

from tunekit.catalog.model import Scope, Tunable
from tunekit.engine.model import ScopeId, ScopeKind, Subject
from tunekit.kernel.host import HostIdentity
from tunekit.profile.evaluate import RLIMIT_PREFIX
from tunekit.values import SysctlKey


def host_scope(host: HostIdentity) -> ScopeId:
    """The host, for this boot."""
    return ScopeId(ScopeKind.HOST.value, host.boot_id)


def netns_scope(host: HostIdentity) -> ScopeId:
    """The network namespace that the identity was taken in."""
    return ScopeId(ScopeKind.NETNS.value, f"{host.boot_id}/{host.netns_cookie}")


def process_scope(host: HostIdentity, pid: int, start_time: int) -> ScopeId:
    """One process; its start time tells it from a later one with the same number."""
    return ScopeId(ScopeKind.PROCESS.value, f"{host.boot_id}/{pid}/{start_time}")


def process_of(scope: ScopeId) -> tuple[int, int]:
    """The pid and start time of a process scope."""
    _, pid, start_time = scope.identity.split("/")
    return int(pid), int(start_time)


def boot_of(scope: ScopeId) -> str:
    """The boot that a scope belongs to."""
    return scope.identity.split("/", 1)[0]


def subject_of(key: SysctlKey, tunable: Tunable | None, host: HostIdentity) -> Subject:
    """Place a key in its scope.

    A key that the catalogue does not know is its namespace's when it is below net, as nearly all
    of those are, and the host's otherwise.
    """
    in_netns = key.parts[0] == "net" if tunable is None else tunable.scope is Scope.NETNS
    return Subject(netns_scope(host) if in_netns else host_scope(host), str(key))


def limit_subject(name: str, host: HostIdentity, pid: int, start_time: int) -> Subject:
    """Place a resource limit in its process."""
    return Subject(process_scope(host, pid, start_time), RLIMIT_PREFIX + name)
