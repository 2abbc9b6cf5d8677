"""Figures as a person reads them: three digits and a unit that keeps them small."""

from __future__ import annotations

_SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (0.0, "ns"))
_BYTES = ((2**30, 2**30, "GiB"), (2**20, 2**20, "MiB"), (100 * 2**10, 2**10, "KiB"))


def quantity(number: float | None, unit: str) -> str:
    """Write a number with its unit: `20.5 us`, `82.4 MiB`, `24,920/s`; `-` for None.

    Knows seconds (`s`), bytes (`B`), counts (`1`) and each of them per something (`1/s`,
    `s/connection`); another unit is written after the number as it is.
    """
    if number is None:
        return "-"
    base, slash, per = unit.partition("/")
    match base:
        case "s":
            text = _seconds(number)
        case "B":
            text = _bytes(number)
        case "1":
            text = digits(number)
        case _:
            text = f"{digits(number)} {base}"
    return f"{text}{slash}{per}".rstrip()


def digits(number: float) -> str:
    """Write an integer in full, and of another number what three digits can tell."""
    if isinstance(number, int):
        return f"{number}"
    size = abs(number)
    if size >= 1000:
        return f"{number:,.0f}"
    if size >= 100:
        return f"{number:.0f}"
    if size >= 10:
        return f"{number:.1f}"
    return f"{number:.2f}" if size >= 1 or not size else f"{number:.3g}"


def _seconds(number: float) -> str:
    if number == 0:
        return "0 s"
    scale, name = next(pair for pair in _SECONDS if abs(number) >= pair[0])
    return f"{digits(number / (scale or 1e-9))} {name}"


def _bytes(number: float) -> str:
    for least, scale, name in _BYTES:
        if abs(number) >= least:
            return f"{digits(number / scale)} {name}"
    return f"{digits(number)} B"
