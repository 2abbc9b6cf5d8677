"""Other network namespaces, containers among them, whose own copy of a setting differs.

Each namespace has its own net.* values, and a new one begins with the kernel's defaults but for a
few: what was applied here has not reached it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from tunekit import catalog
from tunekit.check.model import Finding, Status
from tunekit.check.stale.model import Wanted, counted, listed, pids
from tunekit.errors import InvalidValue
from tunekit.kernel.networks import Network
from tunekit.kernel.running import Running
from tunekit.profile.evaluate import value_of
from tunekit.profile.model import Requirement
from tunekit.profile.requirement import all_met

CHECK = "stale.network"


def judge(running: Running, wanted: Wanted) -> Iterator[Finding]:
    """Judge the namespaces that could be entered, those that are alike together, and name the
    others.
    """
    alike: dict[_Likeness, list[Network]] = {}
    for network in running.networks:
        if not network.closed:
            alike.setdefault(_Likeness.of(network, wanted), []).append(network)
    for what, networks in alike.items():
        yield _compared(what, networks, wanted)
    closed = [each for each in running.networks if each.closed]
    if closed:
        yield Finding(
            check=CHECK,
            status=Status.UNKNOWN,
            subject=_label(closed),
            observed=closed[0].closed,
            reason="its own copies of the settings cannot be read from outside",
            remedy="run as root; entering takes CAP_SYS_ADMIN",
        )
    if running.astray:
        yield Finding(
            check=CHECK,
            status=Status.UNKNOWN,
            subject=counted(running.astray, "process", "processes"),
            observed="the network namespace may not be seen",
            reason="another one has its own copies of the settings",
            remedy="run as root; in a container CAP_SYS_PTRACE is needed too",
        )


class _Likeness(NamedTuple):
    """What namespaces are grouped by."""

    name: str
    programs: tuple[str, ...]
    carries_load: bool
    differing: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, network: Network, wanted: Wanted) -> _Likeness:
        return cls(
            network.name,
            network.programs,
            network.carries_load,
            tuple(
                (key, " ".join(network.values[key].split()))
                for key, requirements in wanted.settings.items()
                if key in network.values and not _holds(key, network.values[key], requirements)
            ),
        )


def _compared(what: _Likeness, networks: Sequence[Network], wanted: Wanted) -> Finding:
    total = len(networks[0].values)
    finding = Finding(
        check=CHECK,
        status=Status.PASS,
        subject=_label(networks),
        expected="as the profile wants" if wanted.profile else "as here",
        observed=f"{counted(total, 'setting')} in line",
    )
    if not what.differing:
        return finding
    details = [
        f"{key} {value} (wanted {' and '.join(map(str, wanted.settings[key]))})"
        for key, value in what.differing
    ]
    finding = replace(
        finding,
        status=Status.WARN,
        observed=f"{len(what.differing)} of {total} settings differ",
        reason=f"each has its own copy, which nothing that is done here changes: "
        f"{listed(details, 5)}",
        remedy=_remedy(networks, wanted),
    )
    if what.carries_load:
        return finding
    return replace(
        finding,
        status=Status.SKIP,
        reason="it has a loopback and no TCP socket, and so no load",
    )


def _holds(key: str, text: str, requirements: tuple[Requirement, ...]) -> bool:
    try:
        return all_met(value_of(key, text), requirements, catalog.find(key))
    except InvalidValue:
        return False


def _label(networks: Sequence[Network]) -> str:
    first = networks[0]
    if first.name and len(networks) == 1:
        return f"network {first.name}"
    containers = [each.container for each in networks if each.container]
    if containers:
        return f"{_number(networks, 'container')} {listed(containers)}"
    names = [each.name or f"that of {_programs(each)}" for each in networks]
    if len(set(names)) > 1 or first.name:
        return f"{_number(networks, 'network')}: {listed(names)}"
    numbers = [each.pids[0] for each in networks]
    return f"{_number(networks, 'network')} of {_programs(first)} ({pids(numbers)})"


def _number(networks: Sequence[Network], noun: str) -> str:
    return noun if len(networks) == 1 else counted(len(networks), noun)


def _programs(network: Network) -> str:
    return listed(network.programs, 2)


def _remedy(networks: Sequence[Network], wanted: Wanted) -> str:
    command = f"tunekit apply {wanted.profile or 'PROFILE'} --netns"
    specs = [each.spec for each in networks]
    if len(specs) == 1:
        command = f"{command} {specs[0]}"
    else:
        command = f"for network in {' '.join(specs)}; do {command} $network; done"
    if networks[0].container:
        return f"{command}; for good: --sysctl KEY=VALUE where the container is started"
    return command
