"""Facts for the checks of a gate: a host where everything is in order, to be spoilt by tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tests.unit.engine.builders import at, at_least, limit, profile, setting, snapshot
from tunekit.check.facts import Arriving, Facts, Past
from tunekit.check.model import Finding
from tunekit.check.stale import Wanted
from tunekit.files.boot import Boot
from tunekit.files.model import Assignment, Origin, Reader
from tunekit.kernel.capacity_facts import CapacityFacts
from tunekit.kernel.readings import Reading, Value
from tunekit.kernel.running import Running
from tunekit.profile.model import ProbeWanted, Setting

ROOMY = CapacityFacts(
    cpus=2,
    page_size=4096,
    nofile_soft=1024,
    nofile_hard=20_000,
    may_raise_nofile=False,
    nr_open=1_048_576,
    file_max=1 << 62,
    files_open=1000,
    port_low=32_768,
    port_high=60_999,
    ports=28_232,
    somaxconn=4096,
    memory_available=24 << 30,
    tcp_mem=(287_898, 383_867, 575_796),
    tcp_mem_used=10,
    max_user_watches=5_000_000,
    pid_max=4_194_304,
    tasks=200,
)
THIS_PROCESS = Arriving(
    whose="this process",
    limits={"nofile": Value("20000 20000")},
    remedy="tunekit run p.yaml -- COMMAND",
)
BOOT = Boot(
    reader=Reader.SYSTEMD,
    lines=(
        Assignment(
            path="net/core/somaxconn",
            value="8192",
            origin=Origin(file="/etc/sysctl.d/50-web.conf", line=3),
        ),
    ),
)
SOMAXCONN = setting("net.core.somaxconn", at_least(8192))


def facts(
    *settings: Setting,
    readings: Mapping[str, str | Reading] | None = None,
    shown: Mapping[str, Any] | None = None,
    connections: int | None = 1000,
    nofile: str | Reading = "20000 20000",
    optional: bool = False,
    **more: Any,
) -> Facts:
    """Facts of a host that a profile of one setting, one limit and a probe is content with.

    `readings` are what the kernel shows, `shown` other members of the snapshot, `more` other
    facts.
    """
    settings = settings or (replace(SOMAXCONN, optional=optional),)
    wanted = profile(*settings, limits=(limit("nofile", at_least(11_024), optional=optional),))
    reading = Value(nofile) if isinstance(nofile, str) else nofile
    given: dict[str, Any] = {
        "profile": replace(
            wanted,
            probe=ProbeWanted(connections=connections, location=at(12)) if connections else None,
        ),
        "snapshot": replace(
            snapshot({"net.core.somaxconn": "8192", **(readings or {})}), **dict(shown or {})
        ),
        "arriving": replace(THIS_PROCESS, limits={"nofile": reading}),
        "capacity": ROOMY,
        "read_only": frozenset(),
        "boot": BOOT,
        "past": Past(),
        "running": Running(programs=(), present={"net.core.somaxconn": "8192"}, processes=7),
        "wanted": Wanted(),
        "seconds_up": 273_900.0,
        "apply": "tunekit apply p.yaml",
        "persist": "tunekit persist p.yaml",
    }
    return Facts(**{**given, **more})


def told(finding: Finding) -> str:
    """The whole text of a finding, as the tests compare it."""
    lines = {
        f"{finding.check} {finding.subject}": finding.status.value,
        "expected": finding.expected,
        "observed": finding.observed,
        "why": finding.reason,
        "remedy": finding.remedy,
        "waiver": finding.waiver,
        "at": str(finding.location or ""),
    }
    return "\n".join(f"{label}: {text}" for label, text in lines.items() if text)
