"""Putting values where they belong, whatever it takes: the writing path of undo and rollback."""

from __future__ import annotations

from collections.abc import Mapping

from tunekit.engine.machine import Machine
from tunekit.engine.model import Subject
from tunekit.engine.order import Step, arrange
from tunekit.errors import InvalidValue, TunekitError
from tunekit.kernel.readings import Missing, Value
from tunekit.profile.evaluate import shown, value_of
from tunekit.values import written_form

# One pass does it but where a write resets what an earlier one has put back (ip_forward and its
# partners under both names); the second pass then finds the first one's work done.
_PASSES = 3


def restore(machine: Machine, targets: Mapping[Subject, str]) -> dict[Subject, str]:
    """Give each subject the value of `targets`, in an order that the kernel takes.

    What already has its value is not written. Subjects that are gone (a process that ended, an
    interface that was removed) need none. Returns why it failed for each subject that does not
    have its value in the end.
    """
    problems: dict[Subject, str] = {}
    for _ in range(_PASSES):
        steps = _steps(machine, targets)
        if not steps:
            break
        problems = {}
        for step in arrange(steps):
            try:
                machine.write(step.subject, written_form(step.after))
            except (TunekitError, OSError) as error:
                problems[step.subject] = str(getattr(error, "message", error))
    return {
        step.subject: problems.get(
            step.subject, f"it reads {shown(step.subject.name, str(step.before))} after the write"
        )
        for step in _steps(machine, targets)
    }


def _steps(machine: Machine, targets: Mapping[Subject, str]) -> list[Step]:
    steps = []
    for subject, text in targets.items():
        reading = machine.read(subject)
        if isinstance(reading, Missing):
            continue
        wanted = value_of(subject.name, text)
        try:
            present = value_of(subject.name, reading.text) if isinstance(reading, Value) else None
        except InvalidValue:
            present = None
        if present != wanted:
            steps.append(Step(subject, present if present is not None else wanted, wanted))
    return steps
