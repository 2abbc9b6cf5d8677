"""Who a user is, with all groups: what a rule for sessions goes by."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import dataclass

from tunekit.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A user: `gid` is the primary group, `groups` and `gids` are all, that one included."""

    name: str
    uid: int
    gid: int
    groups: frozenset[str]
    gids: frozenset[int]


def find_person(name: str) -> Person:
    """Look a user up by name. Raises UsageError when there is none."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        raise UsageError(f"no user named {name!r}", hint="see getent passwd") from None
    gids = frozenset(os.getgrouplist(entry.pw_name, entry.pw_gid))
    names = set()
    for gid in gids:
        try:
            names.add(grp.getgrgid(gid).gr_name)
        except KeyError:
            continue
    return Person(
        name=entry.pw_name,
        uid=entry.pw_uid,
        gid=entry.pw_gid,
        groups=frozenset(names),
        gids=gids,
    )
