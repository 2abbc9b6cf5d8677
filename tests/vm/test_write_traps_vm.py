"""Traps of the keys that a whole host shares: only a machine of one's own can show them."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator

import pytest

from tunekit.kernel.readings import Cause, Value
from tunekit.kernel.rlimits import ProcessLimits
from tunekit.kernel.sysctl import Sysctls, WriteRefused
from tunekit.values import SysctlKey

SYSCTLS = Sysctls()
NR_OPEN = SysctlKey.parse("fs.nr_open")
FILE_MAX = SysctlKey.parse("fs.file-max")
CORE_PATTERN = SysctlKey.parse("kernel.core_pattern")
DIRTY_BYTES = SysctlKey.parse("vm.dirty_bytes")
DIRTY_RATIO = SysctlKey.parse("vm.dirty_ratio")


def text(key: SysctlKey) -> str:
    reading = SYSCTLS.read(key)
    assert isinstance(reading, Value)
    return reading.text


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    keys = (NR_OPEN, FILE_MAX, CORE_PATTERN, DIRTY_RATIO)
    before = {key: text(key) for key in keys}
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield
    for key, value in before.items():
        SYSCTLS.write(key, value)
    resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def test_this_is_the_host_and_not_a_child_namespace() -> None:
    assert not SYSCTLS.hides_host_keys


def test_lowering_nr_open_below_a_hard_limit_makes_setting_it_again_fail() -> None:
    SYSCTLS.write(NR_OPEN, "200000")
    limits = ProcessLimits()
    limits.write("nofile", "1024 150000")
    SYSCTLS.write(NR_OPEN, "100000")
    assert limits.read("nofile") == Value("1024 150000")
    with pytest.raises(WriteRefused) as caught:
        limits.write("nofile", "1024 150000")
    assert (caught.value.cause, caught.value.errno) == (Cause.OUT_OF_RANGE, errno.EPERM)
    assert str(caught.value) == (
        "rlimit.nofile: the hard limit 150000 is above fs.nr_open = 100000; "
        "raise fs.nr_open first, or ask for less; root is bound by it too"
    )


def test_a_hard_limit_above_nr_open_works_once_nr_open_is_raised() -> None:
    limits = ProcessLimits()
    with pytest.raises(WriteRefused):
        limits.write("nofile", "1024 2000000")
    SYSCTLS.write(NR_OPEN, "2000000")
    limits.write("nofile", "1024 2000000")
    assert limits.read("nofile") == Value("1024 2000000")


def test_file_max_takes_the_largest_number_that_systemd_writes() -> None:
    SYSCTLS.write(FILE_MAX, "9223372036854775807")
    assert text(FILE_MAX) == "9223372036854775807"


def test_a_negative_number_is_no_unsigned_one() -> None:
    with pytest.raises(WriteRefused) as caught:
        SYSCTLS.write(FILE_MAX, "-1")
    assert caught.value.cause is Cause.OUT_OF_RANGE


def test_a_second_write_on_one_descriptor_appends_to_a_string() -> None:
    descriptor = os.open(f"/proc/sys/{CORE_PATTERN.path}", os.O_WRONLY)
    os.write(descriptor, b"core")
    os.write(descriptor, b".%p")
    os.close(descriptor)
    assert text(CORE_PATTERN) == "core.%p"


def test_writing_a_string_twice_replaces_it() -> None:
    SYSCTLS.write(CORE_PATTERN, "core")
    SYSCTLS.write(CORE_PATTERN, "other.%p")
    assert text(CORE_PATTERN) == "other.%p"


def test_an_empty_string_clears_one() -> None:
    SYSCTLS.write(CORE_PATTERN, "core")
    SYSCTLS.write(CORE_PATTERN, "")
    assert text(CORE_PATTERN) == ""


def test_a_long_string_is_cut_silently_so_only_reading_back_tells() -> None:
    SYSCTLS.write(CORE_PATTERN, "c" * 200)
    assert text(CORE_PATTERN) == "c" * 127


def test_dirty_bytes_zeroes_its_partner_whose_zero_cannot_be_written_back() -> None:
    SYSCTLS.write(DIRTY_RATIO, "30")
    SYSCTLS.write(DIRTY_BYTES, "104857600")
    assert text(DIRTY_RATIO) == "0"
    with pytest.raises(WriteRefused) as caught:
        SYSCTLS.write(DIRTY_BYTES, "0")
    assert caught.value.cause is Cause.OUT_OF_RANGE
    SYSCTLS.write(DIRTY_RATIO, "30")
    assert text(DIRTY_BYTES) == "0"


def test_a_read_only_key_is_one_for_root_too() -> None:
    with pytest.raises(WriteRefused) as caught:
        SYSCTLS.write(SysctlKey.parse("fs.file-nr"), "1")
    assert (caught.value.cause, caught.value.errno) == (Cause.READ_ONLY_KEY, errno.EACCES)
    assert str(caught.value) == (
        "fs.file-nr: the kernel lets nobody write this key; drop it from what is to be set"
    )


def test_a_process_without_the_capability_may_open_but_not_write_some_keys() -> None:
    key = SysctlKey.parse("kernel.kptr_restrict")
    # Effective capabilities go with the effective user; the file's owner is checked by it too,
    # so that the descriptor is opened before and written after.
    descriptor = os.open(f"/proc/sys/{key.path}", os.O_WRONLY)
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError) as caught:
            os.write(descriptor, b"1")
    finally:
        os.seteuid(0)
        os.close(descriptor)
    assert caught.value.errno == errno.EPERM
