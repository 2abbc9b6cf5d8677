"""Trees of sysctl.d with every syntax there is, for hypothesis to generate."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hypothesis import strategies as st

from tunekit.profile.evaluate import value_of
from tunekit.values import SysctlKey, SysctlValue

FOLDERS = ("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d")
_NAMES = (
    "10-a.conf",
    "50-b.conf",
    "90-c.conf",
    "99-sysctl.conf",
    "B.conf",
    "zz.conf",
    "é.conf",
    ".hidden.conf",
    "README",
    "50-b.conf.bak",
)
_SCALARS = ("0", "1", "2", "0x2", "01", "2 # two", "1 2", '"1"', "abc", "", "2x", "-", "1 =2")
_VECTORS = (
    "4096 16384 4194304",
    "8192\t65536\t8388608",
    "8192",
    "8192 32768",
    "5000 abc 70000",
    "5000 6000 7000 8000",
    "0x2000 020000",
    "none",
)
_PORTS = ("8080", "9000-9100,8080", "9093,9092", "", "70000", "8080, 9000")

# Every key has several spellings; wildcards are written for the ones that they may match.
_SCALAR_KEYS = (
    "net.core.somaxconn",
    "net/core/somaxconn",
    "/net/core/somaxconn",
    "net//core/somaxconn",
    "net/core/./somaxconn",
    "net/core/../core/somaxconn",
    "net..core.somaxconn",
    "net.core.somax*",
    "net.core.somaxcon[a-n]",
    "net.ipv4.tcp_max_syn_backlog",
    "net/ipv4/tcp_max_syn_backlog",
    "net.ipv4.tcp_max_syn_b?cklog",
    "net.*.tcp_max_syn_backlog",
    "net.ipv4.conf.v0/100.rp_filter",
    "net/ipv4/conf/v0.100/rp_filter",
    "net.ipv4.conf.v0.100.rp_filter",
    "net.ipv4.conf.v0/*.rp_filter",
    "net.ipv4.conf.veth0.rp_filter",
    "net/ipv4/conf/veth0/rp_filter",
    "net.ipv4.conf.all.rp_filter",
    "net.ipv4.conf.*.rp_filter",
    "net/ipv4/conf/*/rp_filter",
    "net.ipv4.conf.v*.rp_filter",
    "net.ipv4.conf.[!v]*.rp_filter",
    "net.ipv4.conf.[^a]*.rp_filter",
    "net.ipv4.conf.{veth0,all}.rp_f*",
    "net.ipv4.conf.?eth0.rp_filter",
    "net.ipv4.conf.*.rp_*",
    "net.ipv4.conf.[[:alpha:]]*.rp_filter",
    "net.ipv4.conf.veth[0.rp_filter",
    "net.ipv4.*.rp_filter",
    "net.ipv4.conf.nosuch.rp_filter",
    "nosuch.*.key",
)
_VECTOR_KEYS = ("net.ipv4.tcp_wmem", "net/ipv4/tcp_wmem", "net.ipv4.tcp_w?em", "net.ipv4.tcp_[w]*m")
_PORT_KEYS = ("net.ipv4.ip_local_reserved_ports", "net.ipv4.ip_local_res*")
KEYS = (
    "net/core/somaxconn",
    "net/ipv4/tcp_max_syn_backlog",
    "net/ipv4/conf/v0.100/rp_filter",
    "net/ipv4/conf/veth0/rp_filter",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv4/tcp_wmem",
    "net/ipv4/ip_local_reserved_ports",
)
"""Where to look what came of a tree."""

_BASE = {
    "net/core/somaxconn": "3",
    "net/ipv4/tcp_max_syn_backlog": "5",
    "net/ipv4/tcp_wmem": "4100 16400 4194400",
    "net/ipv4/ip_local_reserved_ports": "7000",
}

_GAPS = st.sampled_from(("", "", " ", "\t", "  "))
_PAIRS = st.one_of(
    *(
        st.tuples(st.sampled_from(keys), st.sampled_from(values))
        for keys, values in (
            (_SCALAR_KEYS, _SCALARS),
            (_SCALAR_KEYS, _SCALARS),
            (_VECTOR_KEYS, _VECTORS),
            (_PORT_KEYS, _PORTS),
        )
    )
)


@st.composite
def _lines(draw: st.DrawFn) -> str:
    key, value = draw(_PAIRS)
    form = draw(st.integers(0, 15))
    if form == 0:
        return f"{draw(_GAPS)}-{draw(_GAPS)}{key}{draw(_GAPS)}"
    if form == 1:
        return draw(
            st.sampled_from(("# net.core.somaxconn = 7", "; x", "", "   ", "=1", "-", "-=2"))
        )
    if form == 2:
        return key
    dash = draw(st.sampled_from(("", "", "", "-", "- ")))
    return f"{draw(_GAPS)}{dash}{key}{draw(_GAPS)}={draw(_GAPS)}{value}{draw(_GAPS)}"


_ENDS = st.sampled_from(("\n", "\n", "\n", "\n", "\r\n", "\n\n", "\r", "\0\n", "\n\r", "\v\n"))


@st.composite
def _texts(draw: st.DrawFn) -> str:
    lines = draw(st.lists(_lines(), min_size=1, max_size=5))
    text = "".join(line + draw(_ENDS) for line in lines)
    return text.rstrip("\n") if draw(st.integers(0, 7)) == 0 else text


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or link of a tree; `link` is where it leads, empty for a file."""

    path: str
    text: str = ""
    link: str = ""
    folder: bool = False


@st.composite
def trees(draw: st.DrawFn) -> list[Entry]:
    """Draw a tree: files in the four folders and perhaps /etc/sysctl.conf."""
    places = draw(
        st.lists(
            st.tuples(st.sampled_from(FOLDERS), st.sampled_from(_NAMES)),
            min_size=1,
            max_size=6,
            unique=True,
        )
    )
    found = []
    for folder, name in places:
        path = f"{folder}/{name}"
        kind = draw(st.integers(0, 13))
        if kind == 0:
            found.append(Entry(path))
        elif kind == 1:
            target = draw(
                st.sampled_from(
                    (
                        "/dev/null",
                        "../sysctl.conf",
                        "/etc/sysctl.conf",
                        "/nowhere",
                        "90-c.conf",
                        "../../../../../../etc/sysctl.d/10-a.conf",
                    )
                )
            )
            found.append(Entry(path, link=target))
        elif kind == 2 and draw(st.booleans()):
            found.append(Entry(path, folder=True))
        else:
            found.append(Entry(path, draw(_texts())))
    if draw(st.booleans()):
        found.append(Entry("etc/sysctl.conf", draw(_texts())))
    return found


def plant(root: Path, tree: list[Entry]) -> None:
    """Make a tree below a root, in place of the one that was there."""
    for folder in FOLDERS:
        for path in (root / folder).iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    (root / "etc/sysctl.conf").unlink(missing_ok=True)
    for entry in tree:
        path = root / entry.path
        if entry.link:
            path.symlink_to(entry.link)
        elif entry.folder:
            path.mkdir()
        else:
            path.write_bytes(entry.text.encode())


def _name(key: str) -> str:
    return str(SysctlKey.parse(key))


def values(texts: Mapping[str, str | None]) -> dict[str, SysctlValue | None]:
    """Values to compare, of texts by key."""
    return {key: None if t is None else value_of(_name(key), t) for key, t in texts.items()}


def base(key: str) -> str:
    """What a key is set to before a tree is tried."""
    return _BASE.get(key, "0")


def reset() -> None:
    """Set every key to what it is before a tree is tried; inside the fence."""
    # A key of an interface that was written once keeps out of what `default` is set to.
    for interface in os.listdir("/proc/sys/net/ipv4/conf"):  # noqa: PTH208
        Path(f"/proc/sys/net/ipv4/conf/{interface}/rp_filter").write_text("0")
    for key in KEYS:
        Path("/proc/sys", key).write_text(base(key))
