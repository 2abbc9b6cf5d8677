"""Where writing to /proc/sys goes wrong: each trap by its name, on the real kernel.

A test that shows what a careless writer gets uses os.write() by itself; the rest say what tunekit
makes of it.
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
from tunekit.errors import InvalidKey, InvalidValue
from tunekit.kernel.readings import Cause, Denied, Elsewhere, Missing, Value
from tunekit.kernel.sysctl import Sysctls, WriteRefused
from tunekit.values import Kind, Numbers, Ports, SysctlKey, parse, written_form

SYSCTLS = Sysctls()
SOMAXCONN = SysctlKey.parse("net.core.somaxconn")
RMEM = SysctlKey.parse("net.ipv4.tcp_rmem")
WMEM = SysctlKey.parse("net.ipv4.tcp_wmem")
RANGE = SysctlKey.parse("net.ipv4.ip_local_port_range")
RESERVED = SysctlKey.parse("net.ipv4.ip_local_reserved_ports")
CONGESTION = SysctlKey.parse("net.ipv4.tcp_congestion_control")
FORWARD = SysctlKey.parse("net.ipv4.ip_forward")


def text(key: SysctlKey) -> str:
    reading = SYSCTLS.read(key)
    assert isinstance(reading, Value)
    return reading.text


def numbers(key: SysctlKey) -> list[int]:
    return [int(field) for field in text(key).split()]


def refusal(key: SysctlKey, value: str) -> WriteRefused:
    with pytest.raises(WriteRefused) as caught:
        SYSCTLS.write(key, value)
    return caught.value


# Vectors and numbers


def test_a_refused_vector_is_left_half_written() -> None:
    SYSCTLS.write(WMEM, "4096 16384 1048576")
    error = refusal(WMEM, "8192 20000 -1")
    assert error.cause is Cause.OUT_OF_RANGE
    assert error.errno == errno.EINVAL
    assert numbers(WMEM) == [8192, 20000, 1048576]


def test_a_refused_number_too_large_leaves_a_half_written_vector_too() -> None:
    SYSCTLS.write(WMEM, "8192 4096 1024")
    refusal(WMEM, "4096 16384 99999999999")
    assert numbers(WMEM) == [4096, 16384, 1024]


def test_rewriting_the_whole_old_text_undoes_a_half_written_vector() -> None:
    before = text(WMEM)
    refusal(WMEM, "8192 20000 -1")
    SYSCTLS.write(WMEM, before)
    assert text(WMEM) == before


def test_a_refused_port_range_is_not_half_written() -> None:
    SYSCTLS.write(RANGE, "20000 60000")
    assert refusal(RANGE, "30000 70000").cause is Cause.OUT_OF_RANGE
    assert numbers(RANGE) == [20000, 60000]


def test_a_refused_port_list_is_not_half_written() -> None:
    SYSCTLS.write(RESERVED, "8080")
    assert refusal(RESERVED, "9090,70000").cause is Cause.OUT_OF_RANGE
    assert text(RESERVED) == "8080"


def test_fewer_fields_than_the_key_has_are_success_and_keep_the_rest() -> None:
    SYSCTLS.write(WMEM, "4096 16384 1048576")
    SYSCTLS.write(WMEM, "5000")
    assert numbers(WMEM) == [5000, 16384, 1048576]


def test_more_fields_than_a_vector_has_are_a_short_count_and_refused() -> None:
    error = refusal(WMEM, "4096 16384 1048576 7")
    assert error.cause is Cause.TOO_MANY_FIELDS
    assert error.errno is None
    assert str(error) == (
        "net.ipv4.tcp_wmem: the kernel took only the first 19 of 20 bytes; "
        "give as many fields as the key has"
    )


def test_two_fields_to_an_int_are_a_short_count_and_refused() -> None:
    assert refusal(SOMAXCONN, "777 888").cause is Cause.TOO_MANY_FIELDS
    assert text(SOMAXCONN) == "777"


def test_two_fields_to_a_byte_may_be_success_so_reading_back_is_the_only_proof() -> None:
    key = SysctlKey.parse("net.ipv4.tcp_syncookies")
    # Up to 7.0 the rest is ignored with a full count (proc_dou8vec_minmax), since 7.3 a short one.
    with contextlib.suppress(WriteRefused):
        SYSCTLS.write(key, "2 1")
    assert text(key) == "2"


def test_a_buffered_writer_hides_the_short_count() -> None:
    with Path("/proc/sys", WMEM.path).open("w") as file:
        file.write("4096 16384 1048576 7")
    assert numbers(WMEM) == [4096, 16384, 1048576]


@pytest.mark.parametrize(
    "value", ["4096 16384 1048576", "\t4096\n16384  1048576 ", "4096\t16384\t1048576\n"]
)
def test_any_white_space_separates_fields_and_may_lead_or_trail(value: str) -> None:
    SYSCTLS.write(WMEM, value)
    assert numbers(WMEM) == [4096, 16384, 1048576]
    assert parse(value, Kind.NUMBERS) == parse(text(WMEM), Kind.NUMBERS)


@pytest.mark.parametrize("value", ["12\r", "1,2", "+5", "1.5", "4k", "0" * 21 + "1", " "])
def test_what_is_no_number_is_refused(value: str) -> None:
    assert refusal(SOMAXCONN, value).cause is Cause.OUT_OF_RANGE


@pytest.mark.parametrize(("written", "stored"), [("010", 8), ("0x10", 16), ("0X1f", 31), ("00", 0)])
def test_a_leading_zero_is_octal_and_0x_hexadecimal(written: str, stored: int) -> None:
    SYSCTLS.write(SOMAXCONN, written)
    assert numbers(SOMAXCONN) == [stored]
    assert parse(written, Kind.NUMBERS) == Numbers((stored,))


def test_the_written_form_is_never_octal_by_accident() -> None:
    SYSCTLS.write(SOMAXCONN, written_form(Numbers((10,))))
    assert text(SOMAXCONN) == "10"


def test_a_negative_zero_is_fine_for_an_int() -> None:
    SYSCTLS.write(SOMAXCONN, "-0")
    assert numbers(SOMAXCONN) == [0]


@pytest.mark.parametrize("value", ["0" * 19 + "7", "18446744073709551615"])
def test_twenty_characters_are_a_number(value: str) -> None:
    assert parse(value, Kind.NUMBERS) == Numbers((int(value, 8 if value[0] == "0" else 10),))
    if value.endswith("7"):
        SYSCTLS.write(SOMAXCONN, value)
        assert text(SOMAXCONN) == "7"


@pytest.mark.parametrize("value", ["0" * 20 + "7", "99999999999999999999", "0x" + "0" * 18 + "7"])
def test_twenty_one_characters_or_more_than_64_bits_are_no_number(value: str) -> None:
    assert refusal(SOMAXCONN, value).cause is Cause.OUT_OF_RANGE
    with pytest.raises(InvalidValue):
        parse(value, Kind.NUMBERS)


def test_an_empty_write_does_nothing_so_a_newline_clears() -> None:
    SYSCTLS.write(RESERVED, "8080")
    descriptor = os.open(f"/proc/sys/{RESERVED.path}", os.O_WRONLY)
    assert os.write(descriptor, b"") == 0
    os.close(descriptor)
    assert text(RESERVED) == "8080"
    SYSCTLS.write(RESERVED, "")
    assert text(RESERVED) == ""
    SYSCTLS.write(RESERVED, "8080")
    SYSCTLS.write(RESERVED, written_form(Ports(())))
    assert text(RESERVED) == ""


@pytest.mark.parametrize("value", ["-1", "2147483648"])
def test_out_of_range_is_refused_and_never_clamped(value: str) -> None:
    before = text(SOMAXCONN)
    error = refusal(SOMAXCONN, value)
    assert error.cause is Cause.OUT_OF_RANGE
    assert str(error) == (
        "net.core.somaxconn: the kernel refuses the value; "
        "choose a value within the key's range on this kernel"
    )
    assert text(SOMAXCONN) == before


def test_a_value_in_milliseconds_is_rounded_to_the_tick_so_it_reads_back_higher() -> None:
    key = SysctlKey.parse("net.ipv4.icmp_ratelimit")
    SYSCTLS.write(key, "1")
    # 1 where a tick is a millisecond, 4 at CONFIG_HZ=250, 10 at 100.
    assert numbers(key)[0] in (1, 4, 10)
    assert 1000 // numbers(key)[0] in (1000, 250, 100)


def test_the_order_within_a_vector_is_not_checked_by_the_kernel() -> None:
    SYSCTLS.write(WMEM, "1048576 16384 8192")
    assert numbers(WMEM) == [1048576, 16384, 8192]


def test_success_may_store_nothing_so_reading_back_is_the_only_proof() -> None:
    key = SysctlKey.parse("net.ipv6.conf.lo.disable_ipv6")
    if not SYSCTLS.has(key):
        pytest.skip("needs IPv6: boot without ipv6.disable=1")
    before = text(key)
    # Kernels before 6.16 and after 7.0 say that it is no number.
    with contextlib.suppress(WriteRefused):
        SYSCTLS.write(key, "no number")
    assert text(key) == before


# Strings, offsets, long values


def test_a_second_write_on_one_descriptor_is_swallowed_for_numbers() -> None:
    descriptor = os.open(f"/proc/sys/{SOMAXCONN.path}", os.O_WRONLY)
    assert os.write(descriptor, b"100") == 3
    assert os.write(descriptor, b"200") == 3
    os.close(descriptor)
    strict = Path("/proc/sys/kernel/sysctl_writes_strict").read_text() == "1\n"
    assert text(SOMAXCONN) == ("100" if strict else "200")


def test_each_write_has_a_descriptor_of_its_own() -> None:
    SYSCTLS.write(SOMAXCONN, "100")
    SYSCTLS.write(SOMAXCONN, "200")
    assert text(SOMAXCONN) == "200"


def test_a_name_that_the_kernel_lacks_is_told_from_a_key_that_it_lacks() -> None:
    no_value = refusal(CONGESTION, "nosuch")
    no_key = refusal(SysctlKey.parse("net.ipv4.nosuch"), "1")
    assert (no_value.errno, no_value.cause) == (errno.ENOENT, Cause.NO_SUCH_VALUE)
    assert (no_key.errno, no_key.cause) == (errno.ENOENT, Cause.MISSING)
    assert str(no_value) == (
        "net.ipv4.tcp_congestion_control: the kernel knows the key and not the name written to it; "
        "load the module that provides the name, or choose one that is available"
    )
    assert str(no_key) == (
        "net.ipv4.nosuch: this kernel has no such key; "
        "check the name; the key may need a kernel module or another kernel"
    )


@pytest.mark.parametrize("value", ["9095,9094,9093", "9093-9094,9095", "9093-9095"])
def test_the_kernel_normalises_port_sets(value: str) -> None:
    SYSCTLS.write(RESERVED, value)
    assert text(RESERVED) == "9093-9095"
    assert parse(value, Kind.PORTS) == parse(text(RESERVED), Kind.PORTS)


def test_a_port_list_longer_than_a_write_goes_in_and_comes_out_whole() -> None:
    every_other = ",".join(map(str, range(1025, 11000, 2)))
    assert len(every_other) > 25_000
    SYSCTLS.write(RESERVED, every_other)
    assert text(RESERVED) == every_other


def test_the_longest_port_list_that_there_can_be_goes_in_and_comes_out_whole() -> None:
    every_other = ",".join(map(str, range(1, 65536, 2)))
    assert len(every_other) > 185_000
    SYSCTLS.write(RESERVED, every_other)
    assert text(RESERVED) == every_other


def test_a_long_port_list_replaces_what_was_reserved_before() -> None:
    SYSCTLS.write(RESERVED, "2,65534")
    every_other = ",".join(map(str, range(1025, 9000, 2)))
    SYSCTLS.write(RESERVED, every_other)
    assert text(RESERVED) == every_other


def test_a_port_list_in_one_write_is_a_short_count() -> None:
    data = ",".join(map(str, range(1025, 11000, 2))).encode()
    descriptor = os.open(f"/proc/sys/{RESERVED.path}", os.O_WRONLY)
    assert 0 < os.write(descriptor, data) <= 4095
    os.close(descriptor)


def test_a_read_in_pieces_loses_everything_after_the_first() -> None:
    SYSCTLS.write(WMEM, "4096 16384 1048576")
    descriptor = os.open(f"/proc/sys/{WMEM.path}", os.O_RDONLY)
    assert (os.read(descriptor, 4), os.read(descriptor, 4)) == (b"4096", b"")
    os.close(descriptor)
    assert numbers(WMEM) == [4096, 16384, 1048576]


def test_a_text_file_truncates_a_long_port_list_without_an_error() -> None:
    every_other = ",".join(map(str, range(1025, 11000, 2)))
    SYSCTLS.write(RESERVED, every_other)
    assert len(Path("/proc/sys", RESERVED.path).read_bytes()) < len(every_other)


def test_a_write_of_megabytes_is_refused_for_lack_of_memory() -> None:
    error = refusal(SOMAXCONN, "1" + " " * (8 << 20))
    assert (error.cause, error.errno) == (Cause.REFUSED, errno.ENOMEM)
    assert str(error) == (
        "net.core.somaxconn: the kernel refused: Cannot allocate memory; "
        "see the kernel log (dmesg) for more"
    )


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
