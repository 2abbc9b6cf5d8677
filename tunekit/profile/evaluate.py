"""What the kernel's text of a key means for a setting. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tunekit import catalog
from tunekit.catalog.model import Tunable
from tunekit.errors import InvalidValue
from tunekit.profile.model import Mode, Requirement, Setting
from tunekit.values import Kind, Numbers, SysctlValue, Text, guess, parse

RLIMIT_PREFIX = "rlimit."
"""The name of a resource limit, such as `rlimit.nofile`, where keys and limits stand together."""

SECRET = "(secret)"


def value_of(name: str, text: str) -> SysctlValue:
    """Read a kernel text by what the catalogue knows of its key or limit.

    Raises InvalidValue when the text is not of the key's kind.
    """
    tunable = catalog.find(name)
    if tunable is None and not name.startswith(RLIMIT_PREFIX):
        return guess(text)
    return parse(text, tunable.kind if tunable else Kind.NUMBERS)


def shown(name: str, text: str) -> str:
    """A value as it may be shown: a secret never is."""
    tunable = catalog.find(name)
    return SECRET if tunable is not None and tunable.secret else text


def requirement_text(setting: Setting) -> str:
    """What a setting asks for, in words."""
    if setting.prefer:
        text = "first of " + ", ".join(setting.prefer)
    else:
        text = "; ".join(map(str, setting.requirements))
    return shown(str(setting.key), text)


def chosen(setting: Setting, current: SysctlValue, choices: Mapping[str, str]) -> Requirement:
    """The first preference that this kernel can give, as a requirement.

    `choices` holds the candidates that it has or can load. Raises InvalidValue when it has none.
    """
    for name in setting.prefer:
        if name in choices:
            wanted = (int(name),) if isinstance(current, Numbers) else Text(name)
            return Requirement(mode=Mode.EXACTLY, wanted=wanted)
    raise InvalidValue(
        f"this kernel has none of {', '.join(setting.prefer)}",
        hint="install the module of one of them, or add one that it has",
    )


def named_values(setting: Setting) -> tuple[str, ...]:
    """The names that a setting would give its key, which a kernel may or may not have.

    Only for a setting with preferences, and for a congestion control: of that the kernel lists
    what it has, and refuses another name only when it is written.
    """
    if setting.prefer:
        return setting.prefer
    if str(setting.key) != "net.ipv4.tcp_congestion_control":
        return ()
    return tuple(r.wanted.text for r in setting.requirements if isinstance(r.wanted, Text))


def use_instead(tunable: Tunable) -> str:
    """What to do about a key that became obsolete, as a sentence that begins with a verb."""
    nothing = tunable.replacement.startswith(("nothing", "none"))
    return "leave it out" if nothing else f"use {tunable.replacement}"
