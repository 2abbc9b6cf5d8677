"""What is known of tunables, an entry a block: `explain`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tunekit.report.escape import cell, visible
from tunekit.report.layout import Page, field, prose
from tunekit.report.model import Report
from tunekit.report.style import Tone

_LABELS = {
    "status": "status",
    "type": "type",
    "unit": "unit",
    "range": "range",
    "unenforced": "not enforced",
    "special": "mind",
    "running": "running",
    "boot": "boot",
    "kernel_default": "kernel's own",
    "default": "default",
    "scope": "scope",
    "takes_effect": "takes effect",
    "related": "related",
    "risk": "risk",
    "history": "history",
    "instead": "instead",
    "source": "source",
}
_WIDTH = max(map(len, _LABELS.values()))


def section(report: Report, page: Page) -> list[str]:
    """Draw each entry: its name, what it is, its facts, and what else there is to say."""
    blocks = [list(_block(entry, page)) for entry in report.data["entries"]]
    return [line for block in blocks for line in ("", *block)][1:]


def _block(entry: Mapping[str, Any], page: Page) -> Iterator[str]:
    name = cell(entry["name"])
    if entry["also"]:
        name += f" ({', '.join(map(cell, entry['also']))})"
    yield from prose(f"{name}: {visible(entry['kind'])}", page, tone=Tone.HEAD)
    yield from prose(visible(entry["summary"]), page, indent=2)
    for member, label in _LABELS.items():
        if text := _text(entry, member):
            yield from field(label, text, page, labels=_WIDTH)
    if entry["text"]:
        yield ""
        yield from prose(visible(entry["text"]), page, indent=2)


def _text(entry: Mapping[str, Any], member: str) -> str:
    value = entry[member]
    if member == "running" and value is None:
        return f"({visible(entry['why_not'])})" if entry["why_not"] else ""
    if member == "boot":
        if value is None:
            return visible(entry["boot_source"])
        return f"{cell(value)} ({visible(entry['boot_source'])})"
    if isinstance(value, list):
        return "; ".join(map(visible, value))
    return cell(value) if value else ""
