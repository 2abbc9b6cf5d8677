"""Making the lifts of a ladder: what a profile would ask for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunekit import catalog
from tunekit.check.ladder import Lift, Rung

if TYPE_CHECKING:
    from tunekit.check.service import Service

ROOM_FOR_OTHERS = 65_536
"""What is left of a table of the whole host to all other programs."""


def liftable(
    service: Service, *, value: int, allows: int, why: str, lift: Lift, used: int | None = None
) -> Rung:
    """The rung of a sysctl that a profile can lift."""
    return Rung(
        limit=lift.key,
        value=value,
        used=used,
        allows=allows,
        why=why,
        remedy=lift.command if allows < service.connections else "",
        lift=lift,
    )


def linear(service: Service, *, key: str, each: int, others: int, reason: str, source: str) -> Lift:
    """The lift to so many `each` connection, and `others`."""
    times = "" if each == 1 else f"{each} * "
    return lift_to(
        key,
        (f"{times}connections + {others}", each * service.connections + others),
        reason=reason,
        source=source,
    )


def lift_to(
    key: str, *fields: tuple[str, int], reason: str, source: str, limit: bool = False
) -> Lift:
    """The lift to fields of an expression and its value each, never under what breaks a host."""
    tunable = None if limit else catalog.find(key)
    floor = tunable.floor if tunable and tunable.floor is not None else 0
    lifted = [
        (text if value >= floor else _above(floor, text), max(value, floor))
        for text, value in fields
    ]
    texts, values = zip(*lifted, strict=True)
    return Lift(key=key, at_least=texts, values=values, reason=reason, source=source, limit=limit)


def _above(floor: int, text: str) -> str:
    return str(floor) if text.isdigit() else f"max({floor}, {text})"


def counted(number: int, one: str, many: str) -> str:
    """A number with its noun."""
    return f"{number} {one if number == 1 else many}"
