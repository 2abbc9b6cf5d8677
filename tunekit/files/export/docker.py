"""A Compose file that adds to a service: `docker compose -f compose.yaml -f FILE up`."""

from __future__ import annotations

from collections.abc import Iterable

from tunekit.files.exchange import LeftOut
from tunekit.files.export import common
from tunekit.files.export.model import Bundle, Exported, Item, LimitItem

_HOST = "the whole host has one value: set it on the host"
# The names that the engine knows (go-units, ulimit.go).
_LIMITS = frozenset(
    (
        *("core", "cpu", "data", "fsize", "locks", "memlock", "msgqueue", "nice", "nofile"),
        *("nproc", "rss", "rtprio", "rttime", "sigpending", "stack"),
    )
)


def render(bundle: Bundle) -> Exported:
    """The sysctls that a container has of its own, and the limits."""
    own = [item for item in bundle.items if item.own]
    limits = [limit for limit in bundle.limits if limit.name in _LIMITS]
    left_out = host_keys(bundle.items) + common.literals(own)
    left_out += common.limits_left_out(
        (limit for limit in bundle.limits if limit.name not in _LIMITS),
        "the engine does not know this limit",
    )
    lines = common.heading(bundle, "add to your service: docker compose -f compose.yaml -f FILE up")
    lines += ["services:", "  app:"]
    if own:
        lines.append("    sysctls:")
    for item in own:
        lines += common.about(item, "      ")
        lines.append(f"      {item.key}: {common.quoted(item.value)}")
    if limits:
        lines.append("    ulimits:")
    for limit in limits:
        lines += common.comments([limit.reason] if limit.reason else [], "      ")
        lines += _limit(limit)
    if not own and not limits:
        lines[-1] += " {}"
    return common.finish(lines, left_out)


def _limit(limit: LimitItem) -> list[str]:
    soft, hard = (-1 if number is None else number for number in (limit.soft, limit.hard))
    return [f"      {limit.name}:", f"        soft: {soft}", f"        hard: {hard}"]


def host_keys(items: Iterable[Item]) -> list[LeftOut]:
    """The keys that no container can be given."""
    return [
        LeftOut(place=item.place, what=f"{item.key}: {item.demand}", why=_HOST)
        for item in items
        if not item.own
    ]
