"""What is taken out of the files of /proc and /lib/modules, from samples of them."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from tunekit.errors import ReadFailed
from tunekit.kernel.host import HostFacts, facts, identity, parse_capabilities, parse_memory
from tunekit.kernel.listeners import listening_ports
from tunekit.kernel.modules import loadable
from tunekit.kernel.readings import Cause
from tunekit.kernel.refusals import refused, words
from tunekit.kernel.rlimits import parse_start_time


def tree(root: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.mark.parametrize("name", [b"sleep", b"a b", b"a) S 1 (b", b")) 9 9"])
def test_the_start_time_is_field_22_whatever_the_name(name: bytes) -> None:
    tail = (
        b" S 1 42 42 0 -1 4194304 90 0 0 0 1 2 3 4 20 0 1 0 987654 5808128 200 18446744073709551615"
    )
    assert parse_start_time(b"42 (" + name + b")" + tail) == 987654


def test_memory_is_in_bytes() -> None:
    assert parse_memory("MemTotal:       24684084 kB\nMemFree:  1 kB\n") == 24684084 * 1024
    with pytest.raises(ReadFailed) as caught:
        parse_memory("MemFree: 1 kB\n")
    assert str(caught.value) == "/proc/meminfo: no MemTotal in it; mount /proc"


@pytest.mark.parametrize(
    ("bits", "names"),
    [
        ("0000000000000000", set()),
        ("0000000000001000", {"cap_net_admin"}),
        ("0000000001200000", {"cap_sys_admin", "cap_sys_resource"}),
        ("0000010000000001", {"cap_chown", "cap_checkpoint_restore"}),
        ("0000020000000000", {"cap_41"}),
    ],
)
def test_capabilities_have_names(bits: str, names: set[str]) -> None:
    assert parse_capabilities(f"Name:\tx\nCapPrm:\t0\nCapEff:\t{bits}\nCapBnd:\t0\n") == names


def test_identity_and_facts_come_from_the_tree_that_is_given(tmp_path: Path) -> None:
    proc = tree(
        tmp_path,
        {
            "thread-self/status": "CapEff:\t0000000000200000\n",
            "meminfo": "MemTotal: 1024 kB\n",
            "sys/kernel/random/boot_id": "5d0c1f8e-1111-2222-3333-444455556666\n",
            "sys/net/core/somaxconn": "4096\n",
        },
    )
    who = identity(proc=proc, cookie=7)
    assert who.boot_id == "5d0c1f8e-1111-2222-3333-444455556666"
    assert (who.netns_cookie, who.child_netns) == (7, True)
    assert who.capabilities == {"cap_sys_admin"}
    size = facts(proc=proc)
    assert size == HostFacts(ram=1048576, cpus=size.cpus, page_size=size.page_size)
    assert size.cpus >= 1
    assert size.page_size >= 4096


def test_without_proc_it_is_said_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ReadFailed) as caught:
        facts(proc=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/meminfo: cannot be read: No such file or directory; mount /proc"
    )


HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"


def test_listening_and_bound_ports_are_listed_and_connected_ones_are_not(tmp_path: Path) -> None:
    ones = "00000000:0000"
    sixes = "00000000000000000000000000000000"
    proc = tree(
        tmp_path,
        {
            "thread-self/net/tcp": HEAD
            + f"   0: 0100007F:1F90 {ones} 0A 00000000:00000000 00:00000000\n"
            + "   1: 0100007F:D431 0100007F:1F90 01 00000000:00000000 00:00000000\n"
            + "   2: 0100007F:D432 0100007F:1F90 06 00000000:00000000 03:00000A5F\n",
            "thread-self/net/tcp6": HEAD + f"   0: {sixes}:0016 {sixes}:0000 0A 0:0 00:0\n",
            "thread-self/net/udp": HEAD
            + f"  10: 00000000:0035 {ones} 07 00000000:00000000\n"
            + "  11: 0100007F:E000 0100007F:0035 01 00000000:00000000\n",
        },
    )
    assert listening_ports(proc=proc) == {8080, 22, 53}


RELEASE = "6.1.0-28-amd64"
MODULES = f"lib/modules/{RELEASE}"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("proc/modules", "tcp_bbr 20480 3 - Live 0x0000000000000000\n"),
        ("sys/module/tcp_bbr/parameters/x", "1\n"),
        (f"{MODULES}/modules.builtin", "kernel/net/ipv4/tcp_bbr.ko\n"),
        (f"{MODULES}/modules.builtin.modinfo", "x.license=GPL\0y.alias=tcp_bbr\0"),
        (f"{MODULES}/modules.dep", "kernel/net/ipv4/tcp_bbr.ko:\n"),
        (f"{MODULES}/modules.dep", "kernel/net/ipv4/tcp-bbr.ko.xz: kernel/a.ko.xz\n"),
    ],
)
@pytest.mark.parametrize("name", ["tcp_bbr", "tcp-bbr"])
def test_a_module_is_found_wherever_it_is(tmp_path: Path, path: str, text: str, name: str) -> None:
    root = tree(tmp_path, {path: text, "proc/sys/kernel/modprobe": "/sbin/modprobe\n"})
    assert loadable(name, root=root, release=RELEASE)
    assert not loadable("tcp_vegas", root=root, release=RELEASE)


@pytest.mark.parametrize(
    ("key", "text"), [("kernel/modules_disabled", "1\n"), ("kernel/modprobe", "\n")]
)
def test_a_file_does_not_count_where_the_kernel_loads_none(
    tmp_path: Path, key: str, text: str
) -> None:
    listed = {f"{MODULES}/modules.dep": "kernel/net/ipv4/tcp_bbr.ko:\n", f"proc/sys/{key}": text}
    assert not loadable("tcp_bbr", root=tree(tmp_path, listed), release=RELEASE)


def test_another_releases_modules_do_not_count(tmp_path: Path) -> None:
    root = tree(tmp_path, {"lib/modules/5.10.0/modules.dep": "kernel/net/ipv4/tcp_bbr.ko:\n"})
    assert not loadable("tcp_bbr", root=root, release=RELEASE)


@pytest.mark.parametrize("cause", Cause)
def test_every_cause_has_words_and_a_remedy_of_its_own(cause: Cause) -> None:
    message, hint = words(cause)
    assert message
    assert hint
    assert [words(other) for other in Cause].count((message, hint)) == 1


def test_a_refusal_crosses_between_processes() -> None:
    error = refused(Cause.REFUSED, key="a.b", errno=28)
    copy = pickle.loads(pickle.dumps(error))
    assert vars(copy) == vars(error)
    assert str(copy) == (
        "a.b: the kernel refused: No space left on device; see the kernel log (dmesg) for more"
    )
