"""A profile of TuneD: tuned.conf(5)."""

from __future__ import annotations

from tunekit.files.exchange import LeftOut
from tunekit.files.export import common
from tunekit.files.export.model import Bundle, Exported


def render(bundle: Bundle) -> Exported:
    """The section `sysctl` of a tuned.conf."""
    left_out = common.literals(bundle.items)
    left_out += common.limits_left_out(bundle.limits, "TuneD sets no limits: see --to systemd")
    lines = [*common.heading(bundle), "", "[main]"]
    summary = common.plain(bundle.summary or bundle.name)
    # A value may not hold what TuneD would expand, nor what it takes for a comment.
    lines.append(f"summary={summary.replace('$', '').replace(' #', ' ')}")
    if bundle.items:
        lines += ["", "[sysctl]"]
    for index, item in enumerate(bundle.items):
        if "${" in item.value or "#" in item.value or item.value[:1] in "<>":
            why = "TuneD would take the value for something else"
            left_out.append(LeftOut(place=item.place, what=str(item.key), why=why))
            continue
        lines += [""] * bool(index)
        lines += common.about(item)
        lines.append(f"{item.key}={item.value}")
    return common.finish([*lines, *common.remembered(bundle)], left_out)
