"""Measuring how the readiness calls scale."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from tunekit.api.session import Observer, Silent, here, within
from tunekit.engine.interrupts import Guard
from tunekit.probe.load import Family
from tunekit.report.model import Report

BUDGET = 0.001
"""Seconds that a call may take, when nothing is said."""


def readiness(
    *,
    descriptors: Sequence[int] | None = None,
    families: Sequence[Family] | None = None,
    rounds: int | None = None,
    budget: float = BUDGET,
    quick: bool = False,
    cross_check: bool = False,
    netns: str | None = None,
    observer: Observer | None = None,
) -> Report:
    """Measure select, poll and epoll over a ladder of descriptors, and say what it means.

    `descriptors` are the sizes, cut to what nofile and the memory allow; `rounds` the least
    number of samples of each figure, 25 or more; `budget` the seconds that a
    call may take, for the verdict. `quick` takes fewer sizes and one family. `cross_check` has
    sockperf measure the same. Nothing on the host is changed. Raises UsageError and ProbeRefused.
    """
    from tunekit.probe.readiness.measure import measure
    from tunekit.probe.readiness.model import study
    from tunekit.probe.readiness.verdict import conclude

    if cross_check:
        from tunekit.probe.readiness import yardstick

        yardstick.check()
    plan = study(descriptors=descriptors, rounds=rounds, quick=quick, cross_check=cross_check)
    chosen = families or ((Family.INET,) if quick else (Family.INET, Family.UNIX))
    watch = observer or Silent()

    def operation() -> Report:
        with Guard() as guard, guard.raising():
            outcome = measure(plan, chosen, observe=watch.note)
        conclusions = conclude(outcome.measurements, budget=budget)
        return Report(
            command="readiness",
            host=here(),
            verdict=conclusions[0].sentence if conclusions else "",
            measurements=outcome.measurements,
            notes=outcome.notes,
            data={"conclusions": [asdict(each) for each in conclusions]},
        )

    return within(netns, operation)
