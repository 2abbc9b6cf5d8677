"""Where writing to /proc/sys goes wrong: each trap by its name, on the real kernel.

A test that shows what a careless writer gets uses os.write() by itself; the rest say what tunekit
makes of it. Permissions, namespaces and partners are in test_reach_traps.py.
"""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import pytest

from tests.support.sysctls import SYSCTLS, numbers, refusal, text
from tunekit import api
from tunekit.errors import InvalidValue, ProfileError
from tunekit.kernel.readings import Cause
from tunekit.kernel.sysctl import WriteRefused
from tunekit.values import Kind, Numbers, Ports, SysctlKey, parse, written_form

SOMAXCONN = SysctlKey.parse("net.core.somaxconn")
WMEM = SysctlKey.parse("net.ipv4.tcp_wmem")
RANGE = SysctlKey.parse("net.ipv4.ip_local_port_range")
RESERVED = SysctlKey.parse("net.ipv4.ip_local_reserved_ports")
CONGESTION = SysctlKey.parse("net.ipv4.tcp_congestion_control")


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


def test_a_refused_group_range_is_not_half_written() -> None:
    groups = SysctlKey.parse("net.ipv4.ping_group_range")
    SYSCTLS.write(groups, "0 100")
    assert refusal(groups, "200 5000000000").cause is Cause.OUT_OF_RANGE
    assert numbers(groups) == [0, 100]


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


def test_a_negative_zero_is_no_unsigned_number() -> None:
    lowat = SysctlKey.parse("net.ipv4.tcp_notsent_lowat")
    before = text(lowat)
    assert refusal(lowat, "-0").cause is Cause.OUT_OF_RANGE
    assert text(lowat) == before


def test_a_negative_number_is_stored_where_it_means_nothing_so_profiles_may_not(
    tmp_path: Path,
) -> None:
    SYSCTLS.write(SysctlKey.parse("net.ipv4.tcp_max_tw_buckets"), "-5")
    assert text(SysctlKey.parse("net.ipv4.tcp_max_tw_buckets")) == "-5"
    profile = tmp_path / "p.yaml"
    profile.write_text("tunekit: 1\nname: p\nsysctl:\n  net.ipv4.tcp_max_tw_buckets: -5\n")
    with pytest.raises(ProfileError, match="-5 is out of range; the range is 0 to 2147483647"):
        api.load_profile(profile)


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
