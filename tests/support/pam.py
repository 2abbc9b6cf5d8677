"""Limits files made up at random, in everything that pam_limits knows."""

from __future__ import annotations

import random

USER, UID, GID = "app", 1234, 1235
GROUPS = {"app": GID, "web": 1300}
"""The groups that the user is in, the primary one first."""

_DOMAINS = (
    *(USER, USER, "other", "root", "*", "*", "@web", "@app", "@other", "%", "%web", "@"),
    *(":1234", "1000:", "1000:2000", "2000:", ":1300", "1:2", "0:"),
    *("@:1300", "@:1235", "@1000:", "@1000:1234", "@1000:1300", "@:1", "x:y", ":", "12:x"),
)
_KINDS = ("soft", "soft", "hard", "hard", "-", "-", "HARD", "both")
# Those that a program can be short of and still run.
_ITEMS = ("nofile", "nofile", "rss", "core", "memlock", "sigpending", "nice", "msgqueue")
_VALUES = (
    *("unlimited", "infinity", "-1", "-", "UNLIMITED", "1024", "4096", "65536", "1048576"),
    *("1048577", "2000000", "0100", "77x1", "12abc", "abc", "-5", "+77", "19", "-20", "50"),
    *("18446744073709551615", "99999999999999999999", "307445734561825860"),
)
_ODD = (
    "# a comment",
    "",
    "   \t ",
    "app",
    "app soft nofile",
    "app -",
    "@web -",
    "other -",
    "* -",
    ":1234 -",
    "@:1 -",
    "app soft nofile 2222 and more",
    "app soft nofile 3333 # a comment",
    "\tapp\thard\tnofile\t4444",
    "app soft nosuch 5",
)


def some_lines(chance: random.Random, most: int = 7) -> str:
    """A limits file of a few lines."""
    lines = []
    for _ in range(chance.randint(0, most)):
        if chance.random() < 0.12:
            lines.append(chance.choice(_ODD))
        else:
            words = (_DOMAINS, _KINDS, _ITEMS, _VALUES)
            lines.append(" ".join(chance.choice(each) for each in words))
    return "\n".join(lines) + chance.choice(("\n", ""))
