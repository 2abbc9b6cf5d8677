"""What /proc/sys refuses, hides and moves: each trap by its name, on the real kernel.

How values are parsed and stored is in test_write_traps.py.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support import fence
from tests.support.sysctls import SYSCTLS, numbers, refusal, text
from tunekit.errors import InvalidKey, InvalidValue
from tunekit.kernel.readings import Cause, Denied, Elsewhere, Missing, Value
from tunekit.kernel.sysctl import Sysctls, WriteRefused
from tunekit.values import Kind, SysctlKey, parse

SOMAXCONN = SysctlKey.parse("net.core.somaxconn")
RANGE = SysctlKey.parse("net.ipv4.ip_local_port_range")
RESERVED = SysctlKey.parse("net.ipv4.ip_local_reserved_ports")
FORWARD = SysctlKey.parse("net.ipv4.ip_forward")


# Permissions and what is not there


def test_a_key_that_nobody_may_write_is_told_as_such() -> None:
    key = SysctlKey.parse("net.ipv4.tcp_available_congestion_control")
    assert refusal(key, "cubic").cause is Cause.READ_ONLY_KEY
    assert SYSCTLS.write_refusal(key) is Cause.READ_ONLY_KEY


def test_a_read_only_file_system_is_told_as_such() -> None:
    key = SysctlKey.parse("fs.file-max")
    error = refusal(key, "1000000")
    assert (error.errno, error.cause) == (errno.EROFS, Cause.READ_ONLY_FILESYSTEM)
    assert str(error) == (
        "fs.file-max: /proc/sys is mounted read-only here; "
        "set it on the host, or let the container's runtime set it"
    )
    assert SYSCTLS.write_refusal(key) is Cause.READ_ONLY_FILESYSTEM


@pytest.mark.parametrize("name", ["net.core.netdev_max_backlog", "net.ipv4.tcp_mem"])
def test_a_host_key_that_this_namespace_hides_is_elsewhere(name: str) -> None:
    key = SysctlKey.parse(name)
    assert SYSCTLS.hides_host_keys
    assert SYSCTLS.read(key) == Elsewhere()
    assert SYSCTLS.write_refusal(key) is Cause.ELSEWHERE
    assert str(refusal(key, "1")) == (
        f"{name}: belongs to the host and cannot be set in this network namespace; "
        "set it on the host, outside the container or namespace"
    )


def test_a_host_key_that_this_namespace_shows_read_only_is_elsewhere_for_writing() -> None:
    key = SysctlKey.parse("net.core.rmem_max")
    # Absent before 6.12, mode 0444 since: the verdict is the same.
    assert SYSCTLS.write_refusal(key) is Cause.ELSEWHERE
    assert refusal(key, "1000000").cause is Cause.ELSEWHERE


def test_a_key_that_neither_kernel_nor_catalogue_knows_is_missing() -> None:
    assert SYSCTLS.read(SysctlKey.parse("net.core.nosuch")) == Missing()
    assert SYSCTLS.read(SysctlKey.parse("fs.nosuch")) == Missing()
    assert not SYSCTLS.has(SysctlKey.parse("fs.nosuch"))


def test_a_folder_is_not_a_key() -> None:
    folder = SysctlKey.parse("net.core")
    assert SYSCTLS.read(folder) == Missing()
    assert SYSCTLS.write_refusal(folder) is Cause.MISSING
    assert not SYSCTLS.has(folder)


def test_a_trigger_cannot_be_read() -> None:
    assert SYSCTLS.read(SysctlKey.parse("net.ipv4.route.flush")) == Denied(
        Cause.WRITE_ONLY, errno.EACCES
    )


def test_a_secret_that_was_never_set_is_not_set() -> None:
    key = SysctlKey.parse("net.ipv6.conf.all.stable_secret")
    if not SYSCTLS.has(key):
        pytest.skip("needs IPv6: boot without ipv6.disable=1")
    assert SYSCTLS.read(key) == Denied(Cause.NOT_SET, errno.EIO)


def test_a_process_without_a_descriptor_left_is_told_so() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    SYSCTLS.read(SOMAXCONN)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        reading = SYSCTLS.read(SOMAXCONN)
        cause = SYSCTLS.write_refusal(SOMAXCONN)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert reading == Denied(Cause.NO_DESCRIPTOR, errno.EMFILE)
    assert cause is Cause.NO_DESCRIPTOR


def test_another_user_may_not_write_but_may_read() -> None:
    os.seteuid(65534)
    try:
        error = refusal(SysctlKey.parse("net.core.somaxconn"), "100")
        reading = SYSCTLS.read(SOMAXCONN)
    finally:
        os.seteuid(0)
    assert (error.errno, error.cause) == (errno.EACCES, Cause.NOT_PERMITTED)
    assert isinstance(reading, Value)


@pytest.mark.parametrize(
    "text", ["//.//.tmp.x", "../../etc/passwd", "net/../../etc", "/etc/passwd"]
)
def test_a_key_does_not_lead_out_of_the_tree(text: str) -> None:
    with pytest.raises(InvalidKey):
        SysctlKey.parse(text)


# Keys that move others, namespaces


def test_ip_forward_resets_the_interfaces() -> None:
    redirects = SysctlKey.parse("net.ipv4.conf.lo.accept_redirects")
    forwarding = SysctlKey.parse("net.ipv4.conf.lo.forwarding")
    everything = SysctlKey.parse("net.ipv4.conf.all.accept_redirects")
    SYSCTLS.write(FORWARD, "0")
    SYSCTLS.write(everything, "1")
    SYSCTLS.write(redirects, "1")
    SYSCTLS.write(FORWARD, "1")
    assert (text(everything), text(forwarding)) == ("0", "1")


def test_conf_default_moves_an_interface_until_it_was_written_itself() -> None:
    default = SysctlKey.parse("net.ipv4.conf.default.rp_filter")
    # Not lo: an address pins an interface too (ipv4_devconf_setall in net/ipv4/devinet.c).
    added = subprocess.run(["ip", "link", "add", "tk0", "type", "veth"], check=False)
    if added.returncode != 0:
        pytest.skip("needs a virtual interface: modprobe veth")
    interface = SysctlKey.parse("net.ipv4.conf.tk0.rp_filter")
    SYSCTLS.write(default, "2")
    assert text(interface) == "2"
    SYSCTLS.write(interface, "1")
    SYSCTLS.write(default, "0")
    assert text(interface) == "1"


@pytest.mark.parametrize("value", ["010,0x1f90", "010-0x20", "8080,", "\n8080\n"])
def test_port_lists_take_every_radix_and_a_trailing_comma(value: str) -> None:
    SYSCTLS.write(RESERVED, value)
    assert parse(value, Kind.PORTS) == parse(text(RESERVED), Kind.PORTS)


@pytest.mark.parametrize("value", ["8080, 9090", ",8080", "8080,,9090", ",", "9-8", "1-2-3", "-5"])
def test_what_the_kernel_takes_for_no_port_list_is_none_here_either(value: str) -> None:
    assert refusal(RESERVED, value).cause is Cause.OUT_OF_RANGE
    with pytest.raises(InvalidValue):
        parse(value, Kind.PORTS)


def test_an_interface_name_with_a_dot_keeps_it() -> None:
    key = SysctlKey.parse("net.ipv4.conf.eth0/100.rp_filter")
    assert key.path == "net/ipv4/conf/eth0.100/rp_filter"


def test_a_descriptor_opened_before_entering_a_namespace_stays_with_the_old_one() -> None:
    SYSCTLS.write(SOMAXCONN, "111")
    descriptor = os.open(f"/proc/sys/{SOMAXCONN.path}", os.O_RDONLY)
    fence.unshare_network()
    assert os.read(descriptor, 64) == b"111\n"
    os.close(descriptor)
    assert text(SOMAXCONN) != "111"


def test_a_new_namespace_starts_with_the_kernels_defaults_not_the_hosts() -> None:
    before = text(SOMAXCONN)
    SYSCTLS.write(SOMAXCONN, "111")
    fence.unshare_network()
    assert text(SOMAXCONN) == before


def test_a_namespace_made_with_one_hash_bucket_has_no_room_for_time_wait() -> None:
    SYSCTLS.write(SysctlKey.parse("net.ipv4.tcp_child_ehash_entries"), "1")
    fence.unshare_network()
    assert text(SysctlKey.parse("net.ipv4.tcp_max_tw_buckets")) == "0"


def test_the_tree_below_another_process_shows_our_namespace_not_its() -> None:
    SYSCTLS.write(SOMAXCONN, "111")
    fence.unshare_network()
    parent = Sysctls(Path(f"/proc/{os.getppid()}/root/proc/sys"))
    assert parent.read(SOMAXCONN) == SYSCTLS.read(SOMAXCONN)
    SYSCTLS.write(SOMAXCONN, "222")
    assert parent.read(SOMAXCONN) == Value("222")


def test_the_size_and_mode_of_a_key_say_nothing_of_its_value() -> None:
    status = Path("/proc/sys", SOMAXCONN.path).stat()
    assert (status.st_size, stat.S_ISREG(status.st_mode)) == (0, True)


def test_root_can_neither_make_nor_remove_nor_open_up_a_key() -> None:
    key = Path("/proc/sys", SOMAXCONN.path)
    with pytest.raises(PermissionError) as caught:
        key.chmod(0o666)
    assert caught.value.errno == errno.EPERM
    with pytest.raises(PermissionError) as caught:
        key.unlink()
    assert caught.value.errno == errno.EACCES
    with pytest.raises(FileNotFoundError):
        key.with_name("nosuch").touch()


def test_the_low_end_of_the_port_range_stays_above_the_unprivileged_ports() -> None:
    unprivileged = SysctlKey.parse("net.ipv4.ip_unprivileged_port_start")
    SYSCTLS.write(unprivileged, "1024")
    SYSCTLS.write(RANGE, "2000 60000")
    assert refusal(unprivileged, "3000").cause is Cause.OUT_OF_RANGE
    assert refusal(RANGE, "1000 60000").cause is Cause.OUT_OF_RANGE
    assert numbers(RANGE) == [2000, 60000]


@pytest.mark.parametrize(
    ("low", "high"),
    [("ipfrag_low_thresh", "ipfrag_high_thresh"), ("tcp_reordering", "tcp_max_reordering")],
)
def test_a_pair_is_raised_from_its_upper_end(low: str, high: str) -> None:
    lower, upper = SysctlKey.parse(f"net.ipv4.{low}"), SysctlKey.parse(f"net.ipv4.{high}")
    above = str(int(text(upper)) + 1)
    # Some kernels do not bind tcp_reordering to its maximum: what they say is data.
    with contextlib.suppress(WriteRefused):
        SYSCTLS.write(lower, above)
    SYSCTLS.write(upper, above)
    SYSCTLS.write(lower, above)
    assert (text(lower), text(upper)) == (above, above)


# Reading everything


def test_every_key_of_the_walk_can_be_read_by_root_and_no_secret_is_among_them() -> None:
    keys = list(SYSCTLS.walk())
    assert len(keys) > 500
    assert len(set(keys)) == len(keys)
    names = {key.parts[-1] for key in keys}
    assert not names & {"stable_secret", "tcp_fastopen_key", "stat_refresh", "flush"}
    assert [key for key in keys if not isinstance(SYSCTLS.read(key), Value)] == []
