"""In which order values must be written. Pure.

Four things decide: the kernel refuses a write that breaks an invariant between two keys; a write
to some keys resets others, which must follow; a limit that others must fit under comes first; and
otherwise raising comes before lowering, in the order given.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from tunekit import catalog
from tunekit.engine.model import Subject
from tunekit.profile.requirement import generosity
from tunekit.records import dataclass
from tunekit.values import Numbers, SysctlKey, SysctlValue


@dataclass(frozen=True, slots=True)
class Step:
    """One value on its way from `before` to `after`."""

    subject: Subject
    before: SysctlValue
    after: SysctlValue

    @property
    def lowers(self) -> bool:
        """Tell whether some field becomes less generous."""
        if not (isinstance(self.before, Numbers) and isinstance(self.after, Numbers)):
            return False
        tunable = catalog.find(self.subject.name)
        pairs = zip(self.before.fields, self.after.fields, strict=False)
        return any(
            generosity(new, tunable, i) < generosity(old, tunable, i)
            for i, (old, new) in enumerate(pairs)
        )


def arrange(steps: Sequence[Step]) -> list[Step]:
    """Order steps so that the kernel takes each, and none undoes an earlier one.

    A step whose target is the zero that the kernel writes by itself when the other key of an
    exclusive pair is set (vm.dirty_bytes and vm.dirty_ratio) is left out when that other key is
    among the steps: the zero cannot be written.
    """
    steps = [step for step in steps if not _follows_by_itself(step, steps)]
    followers: dict[int, set[int]] = {i: set() for i in range(len(steps))}
    waiting = dict.fromkeys(range(len(steps)), 0)
    for first, second in _edges(steps):
        if second not in followers[first]:
            followers[first].add(second)
            waiting[second] += 1
    ready = [_rank(steps, i) for i, count in waiting.items() if not count]
    heapq.heapify(ready)
    ordered = []
    while waiting:
        # Two keys that move each other, as ip_forward and conf.all.forwarding do, form a circle:
        # they are one value under two names, so any order serves.
        index = heapq.heappop(ready)[-1] if ready else min(waiting)
        if index not in waiting:
            continue
        del waiting[index]
        ordered.append(steps[index])
        for follower in followers[index]:
            if follower in waiting:
                waiting[follower] -= 1
                if not waiting[follower]:
                    heapq.heappush(ready, _rank(steps, follower))
    return ordered


def _rank(steps: Sequence[Step], index: int) -> tuple[bool, bool, int]:
    step = steps[index]
    return step.subject.scope.is_process, step.lowers, index


def _follows_by_itself(step: Step, steps: Sequence[Step]) -> bool:
    tunable = catalog.find(step.subject.name)
    if tunable is None or not tunable.exclusive or not _is_zero(step.after):
        return False
    return any(
        other.subject.name == tunable.exclusive and not _is_zero(other.after) for other in steps
    )


def _is_zero(value: SysctlValue) -> bool:
    return isinstance(value, Numbers) and not any(value.fields)


def _edges(steps: Sequence[Step]) -> list[tuple[int, int]]:
    edges = []
    for i, step in enumerate(steps):
        tunable = catalog.find(step.subject.name)
        if tunable is None:
            continue
        for pattern in (*tunable.before, *tunable.moves):
            edges += [
                (i, j)
                for j, other in enumerate(steps)
                if i != j and _matches(other.subject, pattern)
            ]
    by_name = {(step.subject.scope, step.subject.name): i for i, step in enumerate(steps)}
    for invariant in catalog.INVARIANTS:
        (low_name, low_field), (high_name, high_field) = invariant.low, invariant.high
        for (scope, name), low in by_name.items():
            high = by_name.get((scope, high_name))
            if name != low_name or high is None:
                continue
            new_low = _field(steps[low].after, low_field)
            old_high = _field(steps[high].before, high_field)
            edges.append((low, high) if new_low <= old_high else (high, low))
    return edges


def _field(value: SysctlValue, index: int) -> int:
    assert isinstance(value, Numbers), value
    return value.fields[index]


def _matches(subject: Subject, pattern: str) -> bool:
    return not subject.scope.is_process and SysctlKey.parse(subject.name).matches(pattern)
