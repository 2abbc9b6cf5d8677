"""Buffers grant what the rules say, and connections take what was forecast."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tunekit.errors import ProbeRefused
from tunekit.probe.model import Measurement
from tunekit.probe.sockbuf import fit, granted, host, measure
from tunekit.probe.sockbuf.ends import Transport

SIZES = (None, 4096, 16_384, 65_536, 262_144, 1 << 20, 8 << 20)


def by_name(figures: tuple[Measurement, ...]) -> dict[str, Measurement]:
    return {
        f"{one.name} {one.parameters['option']}" if "option" in one.parameters else one.name: one
        for one in figures
    }


@pytest.mark.parametrize("transport", Transport)
def test_at_least_sixty_requests_are_granted_exactly_as_predicted(transport: Transport) -> None:
    rows = list(granted.sweep(transport, host.sysctls(), sizes=(12_345,)))
    asked = {row.requested for row in rows}
    assert {0, 1, 2304, 2305, 4608, 2**31 - 1, 12_345} <= asked
    assert {row.parameters["option"] for row in rows} == {
        "SO_SNDBUF",
        "SO_SNDBUFFORCE",
        "SO_RCVBUF",
        "SO_RCVBUFFORCE",
    }
    permitted = [row for row in rows if row.granted is not None]
    assert len(permitted) >= 60
    assert [row for row in permitted if row.granted != row.predicted] == []


def test_setting_a_size_locks_it_and_the_kernel_says_so() -> None:
    rows = granted.sweep(Transport.INET, host.sysctls())
    locked = {(row.requested is None, row.parameters.get("locked")) for row in rows}
    assert locked in ({(True, False), (False, True)}, {(True, None), (False, None)})


@pytest.mark.slow
@pytest.mark.parametrize("congestion", ["cubic", "bbr"])
def test_forty_nine_pairs_take_what_was_forecast(congestion: str) -> None:
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
        except OSError:
            pytest.skip(f"no {congestion} here: modprobe tcp_{congestion}")
    rows = measure(SIZES, SIZES, congestion=congestion)
    assert not fit.misfits(rows)
    found = fit.of(rows)
    assert found is not None
    assert found.count == 49
    assert found.median <= 0.02
    assert found.within >= 0.95 * found.count


@pytest.mark.slow
def test_forecasts_follow_the_sysctls() -> None:
    for key, text in (
        ("tcp_wmem", "4096 16384 1048576"),
        ("tcp_rmem", "4096 262144 6291456"),
    ):
        Path("/proc/sys/net/ipv4", key).write_text(text)
    rows = measure((None, 65_536), (None, 65_536))
    found = fit.of(rows)
    assert found is not None
    assert found.within == found.count == 4
    assert by_name(rows[:16])["sockbuf.accepted"].parameters["send_buffer"] == 1048576


@pytest.mark.slow
def test_what_is_accepted_is_unacknowledged_or_unread_and_the_window_is_closed() -> None:
    found = by_name(measure([65_536], [65_536], transport=Transport.INET6, drain=True))
    accepted, unacked, unread, unsent = (
        found[f"sockbuf.{name}"].measured for name in ("accepted", "unacked", "unread", "unsent")
    )
    assert None not in (accepted, unacked, unread, unsent)
    assert accepted == unacked + unread  # type: ignore[operator]
    assert unsent <= unacked  # type: ignore[operator]
    assert found["sockbuf.window"].measured in (0, None)
    writable = found["sockbuf.writable"]
    assert writable.measured >= writable.predicted  # type: ignore[operator]


@pytest.mark.parametrize("transport", [Transport.UNIX, Transport.UNIX_DATAGRAM])
@pytest.mark.parametrize("send", [None, 4096, 1 << 20])
def test_local_sockets_take_exactly_what_was_forecast(
    transport: Transport, send: int | None
) -> None:
    accepted = by_name(measure([send], [None], transport=transport))["sockbuf.accepted"]
    assert accepted.measured == accepted.predicted


def test_udp_is_never_refused_and_what_does_not_fit_is_lost() -> None:
    found = by_name(measure([4096], [4096], transport=Transport.UDP))
    assert found["sockbuf.accepted"].note == "never refused; stopped after 4096 sends"
    assert found["sockbuf.arrived"].measured == found["sockbuf.arrived"].predicted
    assert found["sockbuf.arrived"].measured < found["sockbuf.accepted"].measured  # type: ignore[operator]


@pytest.mark.parametrize("transport", [Transport.UNIX_DATAGRAM, Transport.UDP])
def test_a_datagram_that_fits_no_buffer_is_refused_with_advice(transport: Transport) -> None:
    with pytest.raises(ProbeRefused) as caught:
        measure([4096], [4096], transport=transport, message=1 << 20)
    assert str(caught.value) == (
        "cannot be measured on this host: Message too long; give a smaller --message: a datagram "
        "must fit the send buffer whole"
    )


def test_what_is_filled_is_told_of() -> None:
    told: list[str] = []
    measure([None, 4608], [2048], transport=Transport.UNIX, observe=told.append)
    assert told == ["filling 2 pairs over unix"]
