"""Traps that take the first network namespace, or a control group that forbids."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunekit.kernel.child import call
from tunekit.kernel.readings import Cause, Value
from tunekit.kernel.sysctl import Sysctls, WriteRefused
from tunekit.values import SysctlKey

SYSCTLS = Sysctls()
COPIED = {
    SysctlKey.parse("net.ipv4.tcp_rmem"): "4096\t140000\t7000000",
    SysctlKey.parse("net.ipv4.tcp_wmem"): "4096\t20000\t5000000",
    SysctlKey.parse("net.ipv4.tcp_congestion_control"): "reno",
    SysctlKey.parse("net.ipv4.conf.default.rp_filter"): "2",
}
NOT_COPIED = {
    SysctlKey.parse("net.core.somaxconn"): "5000",
    SysctlKey.parse("net.ipv4.tcp_keepalive_time"): "600",
    SysctlKey.parse("net.ipv4.ip_local_port_range"): "20000\t60000",
}
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_BPF = 321
_PROG_LOAD, _PROG_ATTACH = 5, 8
_TYPE_CGROUP_SYSCTL, _ATTACH_CGROUP_SYSCTL = 23, 18
# r0 = 0, exit: every access is forbidden (Documentation/bpf/prog_cgroup_sysctl.rst).
_FORBID = struct.pack("<BBhi", 0xB7, 0, 0, 0) + struct.pack("<BBhi", 0x95, 0, 0, 0)


def text(key: SysctlKey) -> str:
    reading = SYSCTLS.read(key)
    assert isinstance(reading, Value)
    return reading.text


@pytest.fixture
def as_before() -> Iterator[None]:
    before = {key: text(key) for key in (*COPIED, *NOT_COPIED)}
    yield
    for key, value in before.items():
        SYSCTLS.write(key, value)


@pytest.mark.usefixtures("as_before")
def test_a_new_namespace_copies_buffers_control_and_conf_and_nothing_else() -> None:
    defaults = {key: text(key) for key in NOT_COPIED}
    for key, value in (COPIED | NOT_COPIED).items():
        SYSCTLS.write(key, value)

    def inside() -> dict[SysctlKey, str]:
        assert _LIBC.unshare(_CLONE_NEWNET) == 0
        return {key: text(key) for key in (*COPIED, *NOT_COPIED)}

    assert call(inside) == COPIED | defaults


def _bpf(command: int, attributes: bytes) -> int:
    buffer = ctypes.create_string_buffer(attributes.ljust(144, b"\0"), 144)
    number: int = _LIBC.syscall(_BPF, command, buffer, 144)
    if number < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return number


def _forbid(group: Path) -> None:
    """Have every access to a sysctl refused to the processes of a control group."""
    program = ctypes.create_string_buffer(_FORBID, len(_FORBID))
    licence = ctypes.create_string_buffer(b"GPL")
    load = struct.pack(
        "<IIQQ",
        _TYPE_CGROUP_SYSCTL,
        len(_FORBID) // 8,
        ctypes.addressof(program),
        ctypes.addressof(licence),
    )
    loaded = _bpf(_PROG_LOAD, load)
    folder = os.open(group, os.O_RDONLY | os.O_DIRECTORY)
    _bpf(_PROG_ATTACH, struct.pack("<IIII", folder, loaded, _ATTACH_CGROUP_SYSCTL, 0))
    os.close(folder)


def test_a_write_that_a_control_group_forbids_is_told_from_one_of_the_mode() -> None:
    group = Path("/sys/fs/cgroup/forbidden")
    group.mkdir()
    _forbid(group)

    def inside() -> tuple[Cause, int | None, str]:
        (group / "cgroup.procs").write_text(str(os.getpid()))
        with pytest.raises(WriteRefused) as caught:
            SYSCTLS.write(SysctlKey.parse("net.core.somaxconn"), "5000")
        return caught.value.cause, caught.value.errno, caught.value.hint

    assert call(inside) == (
        Cause.NOT_PERMITTED,
        errno.EPERM,
        "the key asks for a capability of its own (see capabilities(7)), or a cgroup's BPF "
        "program forbids it",
    )
    assert text(SysctlKey.parse("net.core.somaxconn")) != "5000"
