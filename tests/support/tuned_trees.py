"""Trees of TuneD's profiles and settings, for hypothesis to generate."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st

from tests.support.boot_trees import Entry

_NAMES = ("one", "two", "three")
_KEYS = (
    "net.core.somaxconn",
    "net.core.somaxconn",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_max_syn_backlog",
    "net.ipv4.tcp_wmem",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.conf.veth0.rp_filter",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.v0/100.rp_filter",
    "net/ipv4/conf/v0.100/rp_filter",
    "net/core/somaxconn",
    "net..core.somaxconn",
    "net.ipv4.conf.*.rp_filter",
    "net.nosuch",
)
_VALUES = (
    "0",
    "1",
    "2",
    "7 # seven",
    "8#9",
    "; 3",
    '"4"',
    '"${low}"',
    "0x2",
    "",
    ">4",
    ">1",
    "<4",
    "<1",
    "> 6",
    ">${high}",
    "<",
    ">many",
    "${low}",
    "${high}",
    "${nosuch}",
    "\\${low}",
    "${low} ${high}",
    "4096 16384 4194304",
    "8192\t65536",
    "8080,9000-9100",
    "${f:strip: 3}",
    "3\n 4\n\n 5",
    "abc",
    "%(low)s",
)
_VARIABLES = (
    "low=1",
    "low=2",
    "high=9",
    "high=${low}",
    "low=${f:strip:1}",
    "a-b=3",
    "include=${i:PROFILE_DIR}/more.conf",
    "include=/etc/tuned/more.conf",
)
_ABOUT = (
    "type=sysctl",
    "type=nosuch",
    "enabled=false",
    "enabled=1",
    "enabled=yes",
    "replace=1",
    "replace=0",
    "drop=net.core.somaxconn, net.ipv4.tcp_wmem",
    "priority=-5",
    "priority=5",
    "devices=x",
)
_INCLUDES = ("one", "two", "three", "-nosuch", "two, three", "three;two", "/x/one")
_RARE_INCLUDES = ("nosuch", "${f:strip:two}", "")
_GAPS = st.sampled_from(("", "", "", " ", "  "))


def _mostly(*choices: Sequence[str]) -> st.SearchStrategy[str]:
    """One of the first, and now and then one of the second."""
    usual, rare = map(st.sampled_from, choices)
    return st.integers(0, 29).flatmap(lambda number: rare if number == 17 else usual)


@st.composite
def _option(draw: st.DrawFn) -> str:
    key, value = draw(st.sampled_from(_KEYS)), draw(st.sampled_from(_VALUES))
    return f"{key}{draw(_GAPS)}={draw(_GAPS)}{value}"


@st.composite
def _unit(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(("sysctl", "sysctl", "sysctl", "more", "more", "DEFAULT")))
    lines = [f"[{name}]"]
    if name == "more" and draw(st.integers(0, 5)):
        lines.append("type=sysctl")
    if draw(st.booleans()):
        lines.append(draw(st.sampled_from(_ABOUT)))
    return lines + draw(st.lists(_option(), min_size=1, max_size=4))


@st.composite
def _profile(draw: st.DrawFn) -> str:
    lines = [draw(st.sampled_from(("# a profile", "", "; another")))]
    lines += ["[main]", "summary=x"]
    if draw(st.booleans()):
        lines.append(f"include={draw(_mostly(_INCLUDES, _RARE_INCLUDES))}")
    if draw(st.booleans()):
        lines.append("[variables]")
        if draw(st.integers(0, 5)) == 0:
            lines.append("replace=1")
        lines += draw(st.lists(st.sampled_from(_VARIABLES), max_size=3))
    for unit in draw(st.lists(_unit(), min_size=1, max_size=3)):
        lines += unit
    if draw(st.integers(0, 49)) == 17:
        lines.append(draw(st.sampled_from(("nonsense", "=1", "[", "  [sysctl]"))))
    ends = draw(st.sampled_from(("\n", "\n", "\n", "\r\n", "\n\n")))
    return ends.join(lines) + "\n"


_MAIN = (
    "",
    "reapply_sysctl = 1\n",
    "reapply_sysctl = 0\n",
    "reapply_sysctl=no # not here\n",
    "reapply_sysctl=off\ndefault_instance_priority = 3\n",
    "reapply_sysctl_exclude = net.ipv4.*; net.core.x\n",
)
_RARE_MAIN = ("reapply_sysctl=maybe\n", "reapply_sysctl = 0\n[x]\nreapply_sysctl = 1\n", "x\n")
_ACTIVE = ("one\n", "two\n", "one two", "two one\n", "three  one")
_RARE_ACTIVE = ("one nosuch\n", "-nosuch one", "one /x/two", "")
_MODE = ("", "manual\n")
_RARE_MODE = ("x",)
_LATER = ("", "three\n", "one")
_MORE = ("low = 3 # three\nbare\n", "low=4\n[DEFAULT]\nhigh=5\n[y]\n")
_RARE_MORE = ("=1\n", "")
_RARE_LATER = ("two three",)


@st.composite
def tuned_trees(draw: st.DrawFn, folders: Sequence[str]) -> list[Entry]:
    """Draw what TuneD reads, with the profiles in these folders."""
    found = [
        Entry("etc/tuned/tuned-main.conf", draw(_mostly(_MAIN, _RARE_MAIN))),
        Entry("etc/tuned/active_profile", draw(_mostly(_ACTIVE, _RARE_ACTIVE))),
        Entry("etc/tuned/profile_mode", draw(_mostly(_MODE, _RARE_MODE))),
        Entry("etc/tuned/more.conf", draw(_mostly(_MORE, _RARE_MORE))),
    ]
    if draw(st.integers(0, 3)) == 0:
        text = draw(_mostly(_LATER, _RARE_LATER))
        found.append(Entry("etc/tuned/post_loaded_profile", text))
    for name in _NAMES:
        places = draw(st.sampled_from(((0,), (1,), (0, 1))))
        for index in places:
            folder = f"{folders[index]}/{name}"
            found.append(Entry(f"{folder}/tuned.conf", draw(_profile())))
            found.append(Entry(f"{folder}/more.conf", "[x]\nhigh=8\nlow=${high}\n"))
    return found


def plant_tuned(root: Path, tree: list[Entry]) -> None:
    """Put TuneD's files below a root, in place of those that were there."""
    for folder in ("etc/tuned", "usr/lib/tuned"):
        shutil.rmtree(root / folder, ignore_errors=True)
    for entry in tree:
        path = root / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(entry.text.encode())
