"""Random applies, outside changes and rollbacks in any order, against a model, on the real kernel.

Every key is always what its base and the remaining claims say, and back at the base at the end.
TUNEKIT_ORDER_EXAMPLES sets how many histories are tried.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kernel.test_crash import ground
from tunekit import api
from tunekit.errors import ExitCode, Location
from tunekit.profile.model import Mode, Profile, Requirement, Setting
from tunekit.values import SysctlKey

EXAMPLES = int(os.environ.get("TUNEKIT_ORDER_EXAMPLES", "60"))

# Key, number of fields, the smallest and largest number to try, and the field for which less is
# more generous.
KEYS = {
    "net.core.somaxconn": (1, 1000, 9000, None),
    "net.ipv4.tcp_wmem": (3, 4096, 90000, None),
    "net.ipv4.ip_local_port_range": (2, 20000, 60000, 0),
    "net.ipv4.tcp_keepalive_time": (1, 10, 9000, None),
}
Value = tuple[int, ...]
Demand = tuple[Mode, tuple[int | None, ...]]


def path(key: str) -> Path:
    return Path("/proc/sys", key.replace(".", "/"))


def read(key: str) -> Value:
    return tuple(map(int, path(key).read_text().split()))


def write(key: str, value: Value) -> None:
    path(key).write_text(" ".join(map(str, value)))


@dataclass
class Epoch:
    """What a key was before some claims, what was left there, and the claims, by transaction."""

    base: Value
    left: Value
    claims: dict[int, Demand] = field(default_factory=dict)

    def value(self, key: str) -> Value:
        value = self.base
        for demand in self.claims.values():
            value = met(key, value, demand)
        return value


def met(key: str, value: Value, demand: Demand) -> Value:
    mode, wanted = demand
    down = KEYS[key][3]
    out = []
    for index, (have, want) in enumerate(zip(value, wanted, strict=True)):
        if want is None:
            out.append(have)
        elif mode is Mode.EXACTLY:
            out.append(want)
        else:
            larger = (mode is Mode.AT_LEAST) != (index == down)
            out.append(max(have, want) if larger else min(have, want))
    return tuple(out)


class Model:
    """What the kernel and the journal should hold."""

    def __init__(self, start: dict[str, Value]) -> None:
        self.now = dict(start)
        self.epochs: dict[str, list[Epoch]] = {key: [] for key in start}
        self.standing: set[int] = set()
        self.paths: dict[int, str] = {}

    def claims_already(self, path: str, demands: dict[str, Demand]) -> bool:
        """Tell whether a profile claims all of this, and all of it holds."""
        return all(
            met(key, self.now[key], demand) == self.now[key]
            and any(
                self.paths[number] == path and claim == demand
                for epoch in self.epochs[key]
                for number, claim in epoch.claims.items()
            )
            for key, demand in demands.items()
        )

    def apply(self, number: int, path: str, demands: dict[str, Demand]) -> None:
        self.paths[number] = path
        for key, demand in demands.items():
            epochs = self.epochs[key]
            if not epochs or epochs[-1].left != self.now[key]:
                epochs.append(Epoch(self.now[key], self.now[key]))
            epochs[-1].claims[number] = demand
            self.now[key] = epochs[-1].left = met(key, self.now[key], demand)
        self.standing.add(number)

    def rollback(self, number: int, *, force: bool) -> bool:
        complete = True
        for key, epochs in self.epochs.items():
            mine = next((e for e in epochs if number in e.claims), None)
            if mine is not None:
                complete &= self._release(key, mine, number, force=force)
        if complete:
            self.standing.discard(number)
        return complete

    def _release(self, key: str, mine: Epoch, number: int, *, force: bool) -> bool:
        epochs = self.epochs[key]
        newest = mine is epochs[-1]
        joined = Epoch(mine.base, mine.left, dict(mine.claims))
        if force:
            for later in epochs[epochs.index(mine) + 1 :]:
                joined.claims.update(later.claims)
        with_it = joined.value(key)
        del joined.claims[number]
        target = joined.value(key)
        nothing_to_do = newest and (target == self.now[key] or target == with_it)
        if not nothing_to_do and not force and not (newest and self.now[key] == mine.left):
            return False
        if not nothing_to_do:
            self.now[key] = target
        if self.now[key] == target:
            joined.left = target
        del epochs[epochs.index(mine) :]
        if joined.claims:
            epochs.append(joined)
        return True


def numbers(key: str) -> st.SearchStrategy[Value]:
    fields, low, high, _ = KEYS[key]
    one = st.integers(low, high)
    if fields == 1:
        return one.map(lambda number: (number,))
    # In order: the catalogue refuses a minimum above its maximum, the kernel a range upside down.
    return st.lists(one, min_size=fields, max_size=fields, unique=True).map(
        lambda found: tuple(sorted(found))
    )


@st.composite
def demands(draw: st.DrawFn) -> dict[str, Demand]:
    keys = draw(st.lists(st.sampled_from(sorted(KEYS)), min_size=1, unique=True))
    found = {}
    for key in keys:
        mode = draw(st.sampled_from([Mode.AT_LEAST, Mode.AT_LEAST, Mode.EXACTLY]))
        wanted: tuple[int | None, ...] = draw(numbers(key))
        if len(wanted) == 3 and draw(st.booleans()):
            wanted = (None, *wanted[1:])
        found[key] = (mode, wanted)
    return found


def changes() -> st.SearchStrategy[tuple[str, Value]]:
    return st.sampled_from(sorted(KEYS)).flatmap(lambda key: st.tuples(st.just(key), numbers(key)))


STEP = st.one_of(
    st.tuples(st.just("apply"), st.tuples(st.sampled_from("ab"), demands())),
    st.tuples(st.just("apply"), st.tuples(st.sampled_from("ab"), demands())),
    st.tuples(st.just("outside"), changes()),
    st.tuples(st.just("rollback"), st.tuples(st.integers(0, 9), st.booleans())),
)


def profile(name: str, demanded: dict[str, Demand]) -> Profile:
    place = Location(file=f"{name}.yaml", line=1)
    return Profile(
        name=name,
        path=f"{name}.yaml",
        settings=tuple(
            Setting(
                key=SysctlKey.parse(key),
                requirements=(Requirement(mode=mode, wanted=wanted),),
                location=place,
            )
            for key, (mode, wanted) in demanded.items()
        ),
    )


@pytest.mark.slow
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(history=st.lists(STEP, max_size=14))
def test_every_key_is_what_its_base_and_the_remaining_claims_say(
    history: list[tuple[str, object]],
) -> None:
    start = {key: read(key) for key in KEYS}
    folder = Path(tempfile.mkdtemp())
    try:
        play(history, Model(start), folder, start)
    finally:
        shutil.rmtree(folder)
        for key, value in start.items():
            write(key, value)


def play(
    history: list[tuple[str, object]], model: Model, folder: Path, start: dict[str, Value]
) -> None:
    on = ground(folder)
    for verb, argument in history:
        if verb == "outside":
            key, value = argument  # type: ignore[misc]
            write(key, value)
            model.now[key] = value
        elif verb == "apply":
            name, demanded = argument  # type: ignore[misc]
            already = model.claims_already(name, demanded)
            report = api.apply(profile(name, demanded), prove=False, ground=on)
            assert report.exit_code is ExitCode.OK
            assert (report.transaction is None) is already
            if report.transaction is not None:
                model.apply(report.transaction.id, name, demanded)
        elif model.standing:
            index, force = argument  # type: ignore[misc]
            number = sorted(model.standing)[index % len(model.standing)]
            report = api.rollback(number, force=force, ground=on)
            complete = model.rollback(number, force=force)
            assert report.exit_code is (ExitCode.OK if complete else ExitCode.INCOMPLETE)
        assert {key: read(key) for key in KEYS} == model.now
    touched = {key for verb, argument in history if verb == "outside" for key in [argument[0]]}  # type: ignore[index]
    for number in sorted(model.standing, reverse=True):
        assert api.rollback(number, force=True, ground=on).exit_code is ExitCode.OK
        model.rollback(number, force=True)
    now = {key: read(key) for key in KEYS}
    assert now == model.now
    assert {k: v for k, v in now.items() if k not in touched} == {
        k: v for k, v in start.items() if k not in touched
    }
