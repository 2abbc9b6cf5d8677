"""Reading and writing keys of the real kernel in a test."""

from __future__ import annotations

import pytest

from tunekit.kernel.readings import Value
from tunekit.kernel.sysctl import Sysctls, WriteRefused
from tunekit.values import SysctlKey

SYSCTLS = Sysctls()


def text(key: SysctlKey) -> str:
    """The value of a key that can be read."""
    reading = SYSCTLS.read(key)
    assert isinstance(reading, Value)
    return reading.text


def numbers(key: SysctlKey) -> list[int]:
    """The fields of a value of numbers."""
    return [int(field) for field in text(key).split()]


def refusal(key: SysctlKey, value: str) -> WriteRefused:
    """What a write that must be refused is refused with."""
    with pytest.raises(WriteRefused) as caught:
        SYSCTLS.write(key, value)
    return caught.value
