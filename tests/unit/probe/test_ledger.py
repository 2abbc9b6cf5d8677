"""What both ends saw is compared, connection by connection."""

from __future__ import annotations

import errno

from tunekit.probe.ledger import Cell, Ledger, round_mark
from tunekit.probe.load import Phase


def filled(client: bytes, server: bytes) -> Ledger:
    ledger = Ledger(len(client))
    ledger.client_rounds[:] = client
    ledger.server_rounds[:] = server
    return ledger


def test_a_connection_counts_when_both_ends_saw_its_token() -> None:
    assert filled(bytes([2, 2, 2]), bytes([2, 2, 2])).proved(2) == 3


def test_as_many_tokens_at_each_end_are_not_enough() -> None:
    assert filled(bytes([1, 0, 1]), bytes([0, 1, 1])).proved(1) == 1


def test_a_token_of_an_earlier_round_does_not_count() -> None:
    assert filled(bytes([2, 1]), bytes([2, 2])).proved(2) == 1


def test_the_mark_of_a_round_is_never_that_of_no_round() -> None:
    assert [round_mark(n) for n in (1, 2, 255, 256, 511)] == [1, 2, 255, 1, 1]


def test_losses_and_faults_keep_their_phase_and_errno() -> None:
    ledger = Ledger(4)
    ledger.lose(Phase.CONNECT, errno.EADDRNOTAVAIL, 3)
    ledger.lose(Phase.PROVE, errno.ECONNRESET)
    ledger.fault(Phase.CONNECT, errno.ENOSPC)
    ledger.fault(Phase.CONNECT, 5000)
    assert list(ledger.losses()) == [
        (Phase.CONNECT, "EADDRNOTAVAIL", 3),
        (Phase.PROVE, "ECONNRESET", 1),
    ]
    assert list(ledger.faults()) == [
        (Phase.CONNECT, "ENOSPC", 1),
        (Phase.CONNECT, "errno 159", 1),
    ]


def test_cells_are_apart_from_everything_else() -> None:
    ledger = Ledger(3)
    for cell in Cell:
        ledger.cells[cell] = (1 << 64) - 1
    assert bytes(ledger.client_rounds) == bytes(3)
    assert ledger.connect_latency.count == ledger.echo_latency.count == 0
    assert list(ledger.losses()) == []
