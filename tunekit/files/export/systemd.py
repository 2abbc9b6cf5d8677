"""A drop-in for a service: the limits of systemd.exec(5)."""

from __future__ import annotations

from tunekit.files.exchange import LeftOut
from tunekit.files.export import common
from tunekit.files.export.model import Bundle, Exported, LimitItem

_KEYS = "a unit holds no sysctls: see --to sysctl.d"


def render(bundle: Bundle) -> Exported:
    """The section `Service` with a line a limit, soft and hard."""
    where = "save as /etc/systemd/system/UNIT.d/90-tunekit.conf, then: systemctl daemon-reload"
    lines = [*common.heading(bundle, where), "", "[Service]"]
    for limit in bundle.limits:
        lines += common.comments([limit.reason] if limit.reason else [])
        lines.append(f"Limit{limit.name.upper()}={_pair(limit)}")
    left_out = [
        LeftOut(place=i.place, what=f"{i.key}: {i.demand}", why=_KEYS) for i in bundle.items
    ]
    return common.finish(lines, left_out)


def _pair(limit: LimitItem) -> str:
    soft, hard = ("infinity" if n is None else str(n) for n in (limit.soft, limit.hard))
    return soft if soft == hard else f"{soft}:{hard}"
