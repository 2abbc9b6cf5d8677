"""A profile that was written is read back as the same profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunekit.errors import InvalidValue, Location
from tunekit.kernel.host import HostFacts
from tunekit.profile import flow, load
from tunekit.profile.find import BUILT_IN
from tunekit.profile.model import Profile
from tunekit.profile.template import template
from tunekit.profile.writing import Draft, Entry, draft_of, setting_entry, write

FACTS = HostFacts(ram=1 << 34, cpus=4, page_size=4096)
NOWHERE = Location(file="", line=1)


def loaded(path: Path) -> Profile:
    return load(str(path), facts=FACTS, kernel_has=lambda key: False, trust=True)


def without_places(profile: Profile) -> Profile:
    """A profile without what its files alone decide."""
    return replace(
        profile,
        path="",
        parents=(),
        variables={},
        settings=tuple(replace(each, location=NOWHERE) for each in profile.settings),
        limits=tuple(replace(each, location=NOWHERE) for each in profile.limits),
        waivers=tuple(replace(each, location=NOWHERE) for each in profile.waivers),
        probe=profile.probe and replace(profile.probe, location=NOWHERE),
    )


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.yaml")), ids=lambda path: path.stem)
@pytest.mark.parametrize("places", [False, True])
def test_a_written_profile_is_read_back_as_the_same(
    path: Path, places: bool, tmp_path: Path
) -> None:
    profile = loaded(path)
    copy = tmp_path / path.name
    copy.write_text(write(draft_of(profile, places=places)), encoding="utf-8")

    assert without_places(loaded(copy)) == without_places(profile)


def test_waivers_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(
        "tunekit: 1\nsysctl: {net.core.somaxconn: 1}\nwaivers:\n"
        "  - {check: boot, subject: net.core.somaxconn, reason: later, expires: 2030-01-31}\n"
    )
    copy = tmp_path / "two.yaml"
    copy.write_text(write(draft_of(replace(loaded(path), name="one"))))

    assert without_places(loaded(copy)) == without_places(loaded(path))


def test_the_template_loads_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(template("my own: profile"), encoding="utf-8")

    profile = loaded(path)

    assert profile.name == "my own: profile"
    assert profile.warnings == ()
    assert [limit.name for limit in profile.limits] == ["nofile"]


PROSE = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Zl", "Zp"])).map(
    lambda text: " ".join(text.split())
)


@given(reason=PROSE, source=PROSE, summary=PROSE)
def test_any_prose_survives(reason: str, source: str, summary: str, tmp_path_factory) -> None:
    draft = Draft(
        name="x",
        summary=summary,
        settings=(
            Entry(
                name="net.core.somaxconn",
                demands=(("at_least", ("65535",)),),
                reason=reason,
                source=source,
            ),
        ),
    )
    path = tmp_path_factory.getbasetemp() / "prose.yaml"
    path.write_text(write(draft), encoding="utf-8")

    profile = loaded(path)

    assert (profile.summary, profile.settings[0].reason, profile.settings[0].source) == (
        summary,
        reason,
        source,
    )


def test_a_control_character_is_refused() -> None:
    with pytest.raises(InvalidValue) as caught:
        write(Draft(name="x", summary="a\x1bb"))

    assert str(caught.value) == "a control character in 'a\\x1bb'; remove it"


@pytest.mark.parametrize("path", sorted(BUILT_IN.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_entry_survives_as_one_line(path: Path) -> None:
    for setting in loaded(path).settings:
        entry = setting_entry(setting)
        assert flow.read(entry.name, flow.written(entry, prose=True)) == entry


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "{",
        "[at_least]",
        "{at_least: []}",
        "{optional: true}",
        "&a {at_least: *a}",
        "x" * 20_000,
    ],
)
def test_a_line_of_somebody_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue):
        flow.read("net.core.somaxconn", text)
