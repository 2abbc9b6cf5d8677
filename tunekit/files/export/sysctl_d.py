"""A file for sysctl.d(5), read by systemd-sysctl and by procps alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tunekit.files.export import common
from tunekit.files.export.model import Bundle, Exported, Item

_LIMITS = "sysctl.d holds no limits: see --to systemd and --to shell"


def render(bundle: Bundle) -> Exported:
    """One assignment a key, optional ones behind a `-`."""
    left_out = common.literals(bundle.items)
    left_out += common.limits_left_out(bundle.limits, _LIMITS)
    return common.finish(
        [*common.heading(bundle), *body(bundle.items), *common.remembered(bundle)], left_out
    )


def body(items: Iterable[Item]) -> Iterator[str]:
    """The lines of the keys."""
    for item in items:
        yield ""
        yield from common.about(item)
        yield f"{'-' if item.optional else ''}{item.key} = {item.value}".rstrip()
