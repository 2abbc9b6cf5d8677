"""What is wanted: model, loading, expressions, inheritance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tunekit.profile.find import DEFAULT_SEARCH, looks_like_profile, names

if TYPE_CHECKING:
    from tunekit.kernel.host import HostFacts
    from tunekit.profile.model import Profile
    from tunekit.values import SysctlKey

__all__ = ["load", "looks_like_profile", "names"]

_NOTHING: Mapping[str, str] = MappingProxyType({})


def load(
    profile: str,
    *,
    variables: Mapping[str, str] = _NOTHING,
    facts: HostFacts,
    kernel_has: Callable[[SysctlKey], bool],
    search: Sequence[Path] = DEFAULT_SEARCH,
    trust: bool | None = None,
) -> Profile:
    """Load a profile, and those that it extends, from its path or name.

    `variables` are the texts of `--set`, `facts` what expressions may ask of the host.
    `kernel_has` is asked about keys that the catalogue does not know. Folders of `search` are
    where a bare name is looked for. `trust` says to believe whatever owner a file has; None
    means to be strict as root only. Raises ProfileError, which holds everything that is wrong.
    """
    # Each process of a load has what is imported here once more.
    import os

    from tunekit.profile.files import read
    from tunekit.profile.problems import Problems
    from tunekit.profile.resolve import resolve
    from tunekit.profile.trust import trusted_owners

    problems = Problems()
    if trust is None:
        trust = os.geteuid() != 0
    owners = None if trust else trusted_owners(os.environ)
    document = read(profile, search=search, owners=owners, problems=problems)
    return resolve(document, variables, facts, kernel_has, problems)
