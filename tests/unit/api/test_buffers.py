"""What `sockbuf` says of the host that it measured on."""

from __future__ import annotations

from tunekit.api.buffers import busy


def test_a_quiet_host_needs_no_remark() -> None:
    assert busy(2.0, 2) == []


def test_a_busy_host_is_said_to_be() -> None:
    (note,) = busy(24.6, 2)
    assert note.startswith("this host was busy: 25 processes wanted to run on 2 processors.")
