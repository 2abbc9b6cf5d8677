"""A profile of TuneD: tuned.conf(5)."""

from __future__ import annotations

from tunekit.files.exchange import LeftOut
from tunekit.files.export import common
from tunekit.files.export.model import Bound, Bundle, Exported, Item
from tunekit.files.model import Only

_ONLY = {Bound.AT_LEAST: Only.MORE, Bound.AT_MOST: Only.LESS}


def render(bundle: Bundle) -> Exported:
    """The section `sysctl` of a tuned.conf."""
    left_out = common.literals(each for each in bundle.items if _only(each) is None)
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
        only = _only(item)
        lines.append(f"{item.key}={only.value if only else ''}{item.value}")
    return common.finish([*lines, *common.remembered(bundle)], left_out)


def _only(item: Item) -> Only | None:
    """How TuneD is told to raise or to lower a number alone, None where it has to set it.

    It compares one number, and knows of none that means "no limit"
    (_process_assignment_modifiers in tuned/plugins/base.py).
    """
    if len(item.fields) != 1 or item.unlimited:
        return None
    return _ONLY.get(item.fields[0].bound)
