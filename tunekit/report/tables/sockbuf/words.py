"""Sizes and sentences as the tables of `sockbuf` write them."""

from __future__ import annotations

from collections.abc import Mapping

from tunekit.probe.model import Measurement, Scalar
from tunekit.report.escape import visible
from tunekit.report.layout import Page, prose
from tunekit.report.model import Report
from tunekit.report.style import Tone

_UNITS = ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def asked(size: Scalar) -> str:
    """A requested size: exact, with a unit where that is exact, too."""
    if size is None:
        return "auto"
    if isinstance(size, int):
        for scale, unit in _UNITS:
            if size >= scale and size % scale == 0:
                return f"{size // scale} {unit}"
    return visible(str(size))


def number(row: Measurement | None) -> str:
    """What was measured, or `-`."""
    return "-" if row is None or row.measured is None else str(row.measured)


def off(row: Measurement | None) -> str:
    """By how much a forecast was off, in per cent of what was measured; `-` without one."""
    if row is None or row.predicted is None or not row.measured:
        return "-"
    return f"{(row.predicted - row.measured) / row.measured:+.1%}"


def sentences(report: Report, part: str, page: Page) -> list[str]:
    """What a part's figures say in words."""
    found = report.data.get("sockbuf")
    by_part = found.get("sentences", {}) if isinstance(found, Mapping) else {}
    lines: list[str] = []
    for sentence in by_part.get(part, ()):
        lines += prose(visible(str(sentence)), page)
    return lines


def legend(text: str, page: Page) -> list[str]:
    """What the columns mean."""
    return prose(text, page, tone=Tone.DIM)
