"""Whole tables, as a terminal of 80 columns shows them."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from tests.support.reports import (
    ABSENT,
    APPLY,
    BAD_PROFILE,
    BOOT_KEPT,
    EVERY,
    HISTORY,
    HOLDS,
    INSPECT,
    KEYS,
    SOCKBUF,
    SOMAXCONN,
    VERIFY,
    change,
)
from tunekit.engine.model import Outcome
from tunekit.engine.transaction import TransactionState
from tunekit.errors import ExitCode
from tunekit.report import Format, render
from tunekit.report.model import Report


def shown(report: Report, *, width: int = 80, everything: bool = False) -> str:
    return render(report, Format.TABLE, width=width, colour=False, everything=everything)


DRY_RUN = Report(
    command="apply",
    verdict="1 setting would be written; nothing was",
    changes=(
        replace(SOMAXCONN, outcome=Outcome.PLANNED, after=None),
        change("net.core.default_qdisc", Outcome.MOVED, before="fq_codel", wanted="fq"),
    ),
)
ROLLBACK = Report(
    command="rollback",
    exit_code=ExitCode.INCOMPLETE,
    verdict="transaction 3 is rolled back but for 1 key",
    next_step="override it with tunekit rollback 3 --force",
    changes=(
        change(
            "net.core.somaxconn",
            Outcome.ROLLED_BACK,
            before="65535",
            wanted="4096",
            after="4096",
        ),
        change(
            "net.ipv4.tcp_congestion_control",
            Outcome.REFUSED,
            before="reno",
            wanted="cubic",
            after="reno",
            detail="somebody else set it to reno since",
            remedy="--force overrides",
        ),
    ),
)


def test_apply_shows_the_settings_then_the_proof_then_how_to_undo_it() -> None:
    assert (
        shown(APPLY)
        == """\
profile high-conn (/etc/tunekit/profiles/high-conn.yaml) with connections=10000,
processes=1

key                          before              after               outcome
---------------------------  ------------------  ------------------  --------
net.core.somaxconn           4096                65535               applied
    the kernel cuts every listen backlog to this
net.ipv4.tcp_wmem            4096 16384 4194304  4096 16384 8388608  adjusted
    the kernel rounded 8388607 up; a sender keeps what is not acknowledged yet
net.netfilter.nf_conntrack_  432000              86400               applied
  tcp_timeout_established
    five days of idle entries fill the table

1 setting already holds (--verbose shows all).
1 optional setting is not available here: fs.file-max.

check        expected  observed  verdict  why
-----------  --------  --------  -------  ------------------------------------
connections  10000     10000     pass     every one brought its own token back

figure                        measured
----------------------------  ---------------------------------
connect.rate                  24,920/s
memory.kernel_per_connection  8,694 B (slab, predicted 10500 B)

distribution                  p50      p90      p99      max
----------------------------  -------  -------  -------  -------
echo.latency (in_flight 256)  3.54 ms  12.0 ms  80.1 ms  82.4 ms

applied high-conn as transaction 3: 3 keys written, 1 already held; undo it with
tunekit rollback 3
"""
    )


def test_a_narrow_terminal_gets_records() -> None:
    assert (
        shown(APPLY, width=40)
        == """\
profile high-conn
(/etc/tunekit/profiles/high-conn.yaml)
with connections=10000, processes=1

net.core.somaxconn
  before   4096
  after    65535
  outcome  applied
  why      the kernel cuts every listen
           backlog to this

net.ipv4.tcp_wmem
  before   4096 16384 4194304
  after    4096 16384 8388608
  outcome  adjusted
  why      the kernel rounded 8388607
           up; a sender keeps what is
           not acknowledged yet

net.netfilter.
  nf_conntrack_tcp_timeout_established
  before   432000
  after    86400
  outcome  applied
  why      five days of idle entries
           fill the table

1 setting already holds (--verbose shows
all).
1 optional setting is not available
here: fs.file-max.

check        expected  observed  verdict
-----------  --------  --------  -------
connections  10000     10000     pass
    every one brought its own token back

figure                   measured
-----------------------  --------------
connect.rate             24,920/s
memory.                  8,694 B (slab,
  kernel_per_connection  predicted
                         10500 B)

echo.latency (in_flight 256)
  p50     3.54 ms
  p90     12.0 ms
  p99     80.1 ms
  max     82.4 ms

applied high-conn as transaction 3: 3
keys written, 1 already held; undo it
with tunekit rollback 3
"""
    )


def test_inspect_shows_only_what_differs() -> None:
    assert (
        shown(INSPECT)
        == """\
profile high-conn (/etc/tunekit/profiles/high-conn.yaml) with connections=10000,
processes=1

key                          running              wanted                verdict
---------------------------  -------------------  --------------------  -------
net.core.somaxconn           4096                 65535                 differs
    the kernel cuts every listen backlog to this
net.ipv4.tcp_rmem            4096 131072 6291456  4096 131072 33554432  differs
    a window of 32 MiB fills 2.5 Gbit/s over 100 ms
net.netfilter.nf_conntrack_  432000               86400                 differs
  tcp_timeout_established
    five days of idle entries fill the table
rlimit.nofile                1024 1048576         at least 11024        warning
    a connection is an open file; tunekit run high-conn -- COMMAND

1 setting already holds (--all shows all).
1 optional setting is not available here: fs.file-max.

3 of 5 settings differ from high-conn; make it so: tunekit apply high-conn
"""
    )


def test_inspect_shows_everything_when_asked() -> None:
    assert (
        shown(INSPECT, everything=True)
        == """\
profile high-conn (/etc/tunekit/profiles/high-conn.yaml) with connections=10000,
processes=1

key                       running                 wanted                verdict
------------------------  ----------------------  --------------------  --------
net.core.somaxconn        4096                    65535                 differs
    the kernel cuts every listen backlog to this
net.ipv4.tcp_rmem         4096 131072 6291456     4096 131072 33554432  differs
    a window of 32 MiB fills 2.5 Gbit/s over 100 ms
net.netfilter.nf_         432000                  86400                 differs
  conntrack_tcp_timeout_
  established
    five days of idle entries fill the table
net.ipv4.tcp_syncookies   1                       1                     in line
    a flood of SYNs must not shut out the others
fs.file-max               this network namespace  at least 105536       not here
                          does not show the
                          host's own keys
    every socket is an open file; set it on the host
rlimit.nofile             1024 1048576            at least 11024        warning
    a connection is an open file; tunekit run high-conn -- COMMAND

3 of 5 settings differ from high-conn; make it so: tunekit apply high-conn
"""
    )


def test_boot_names_each_line_that_loses_and_to_whom() -> None:
    assert "shadowed: net.core.somax* = 8192 in /usr/lib/sysctl.d/50-web.conf:9, by" in " ".join(
        shown(BOOT_KEPT).split()
    )


def test_many_keys_are_a_table() -> None:
    assert (
        shown(KEYS)
        == """\
key                       value        unit         range          default
------------------------  -----------  -----------  -------------  -----------
net.core.somaxconn        4096         connections  0..2147483647  4096
    the longest accept queue that a listener may ask for
net.ipv4.tcp_rmem         4096 131072  bytes        >= 1           4096 131072
                          6291456                                  6291456
    minimum, default and maximum of a TCP receive buffer
net.ipv4.                 (not
  tcp_fastopen_key        permitted)
net.netfilter.nf_         432000       seconds
  conntrack_tcp_timeout_
  established
    how long an idle connection stays in the table
"""
    )


def test_a_few_keys_are_shown_in_full() -> None:
    assert (
        shown(replace(KEYS, keys=KEYS.keys[1:3]))
        == """\
net.ipv4.tcp_rmem
  value    4096 131072 6291456
  unit     bytes
  range    >= 1
  default  4096 131072 6291456
  scope    network namespace
  meaning  minimum, default and maximum of a TCP receive buffer

net.ipv4.tcp_fastopen_key
  value    (not permitted)
"""
    )


def test_history_lists_the_journal() -> None:
    assert (
        shown(HISTORY)
        == """\
id  started (UTC)        state    profile    keys  by
--  -------------------  -------  ---------  ----  ------------------
3   2026-01-01 00:00:00  applied  high-conn  5     uid 0 (login 1000)
    tunekit apply high-conn
"""
    )


def test_sockbuf_has_a_row_for_each_pair_of_sizes() -> None:
    assert (
        shown(SOCKBUF)
        == """\
SO_SNDBUF  granted  SO_RCVBUF  granted  accepted  unacked  unread  off
---------  -------  ---------  -------  --------  -------  ------  -----
auto       16384    auto       131072   4243968   4130816  113152  +0.3%
    SO_SNDBUF: net.ipv4.tcp_wmem begins at 16384; SO_RCVBUF: net.ipv4.tcp_rmem
    begins at 131072; it is tuned as data flows
4 KiB      8192     auto       131072   175589    47616    127973  +0.0%

Bytes: granted for SO_SNDBUF and SO_RCVBUF (auto: left to the kernel); then what
a send that does not block took until EAGAIN with nobody reading, what of it the
peer had not acknowledged and what its program had not read; and by how much the
forecast of `accepted` was off.
The first EAGAIN came at 45% to 100%.
"""
    )


def test_sockbuf_on_a_narrow_terminal_says_what_each_number_is() -> None:
    assert (
        shown(SOCKBUF, width=60)
        == """\
SO_SNDBUF auto
  granted    16384
  SO_RCVBUF  auto
  granted    131072
  accepted   4243968
  unacked    4130816
  unread     113152
  off        +0.3%
  remark     SO_SNDBUF: net.ipv4.tcp_wmem begins at 16384;
             SO_RCVBUF: net.ipv4.tcp_rmem begins at 131072;
             it is tuned as data flows

SO_SNDBUF 4 KiB
  granted    8192
  SO_RCVBUF  auto
  granted    131072
  accepted   175589
  unacked    47616
  unread     127973
  off        +0.0%

Bytes: granted for SO_SNDBUF and SO_RCVBUF (auto: left to
the kernel); then what a send that does not block took until
EAGAIN with nobody reading, what of it the peer had not
acknowledged and what its program had not read; and by how
much the forecast of `accepted` was off.
The first EAGAIN came at 45% to 100%.
"""
    )


def test_verify_counts_the_limits_that_are_not_in_the_way() -> None:
    assert (
        shown(VERIFY)
        == """\
only 4000 of 10000 connections were proved as nobody: fs.file-max stopped it;
sysctl -w fs.file-max=105536

check        expected      observed                                  verdict
-----------  ------------  ----------------------------------------  -------
connections  10000 proved  4000 proved, lost: 6000 ENFILE (connect)  fail
    the host ran out of open files; sysctl -w fs.file-max=105536

1 limit is not in the way (--verbose shows all).
"""
    )


def test_verify_shows_every_limit_when_asked() -> None:
    assert (
        shown(VERIFY, everything=True)
        == """\
only 4000 of 10000 connections were proved as nobody: fs.file-max stopped it;
sysctl -w fs.file-max=105536

check           expected           observed                              verdict
--------------  -----------------  ------------------------------------  -------
kernel.pid_max  10000 connections  allows 324851527 (32768, 189 in use)  pass
    2 processes are needed
connections     10000 proved       4000 proved, lost: 6000 ENFILE        fail
                                   (connect)
    the host ran out of open files; sysctl -w fs.file-max=105536
"""
    )


def test_a_dry_run_shows_what_would_be() -> None:
    assert (
        shown(DRY_RUN)
        == """\
key                     now       would be  outcome
----------------------  --------  --------  -------
net.core.somaxconn      4096      65535     planned
    the kernel cuts every listen backlog to this
net.core.default_qdisc  fq_codel  fq        moved

1 setting would be written; nothing was
"""
    )


def test_a_rollback_names_what_it_left() -> None:
    assert (
        shown(ROLLBACK)
        == """\
key                              before  after  outcome
-------------------------------  ------  -----  -----------
net.core.somaxconn               65535   4096   rolled back
net.ipv4.tcp_congestion_control  reno    reno   refused
    somebody else set it to reno since; --force overrides

transaction 3 is rolled back but for 1 key; override it with tunekit rollback 3
--force
"""
    )


def test_nothing_to_say_is_nothing() -> None:
    assert shown(BAD_PROFILE) == ""


def test_what_holds_is_only_counted() -> None:
    report = Report(command="apply", changes=(HOLDS, HOLDS, ABSENT), verdict="in line")

    assert shown(report) == (
        "2 settings already hold (--verbose shows all).\n"
        "1 optional setting is not available here: fs.file-max.\n"
        "\n"
        "in line\n"
    )


def test_what_is_absent_and_required_is_shown() -> None:
    report = Report(command="apply", changes=(replace(ABSENT, optional=False),))

    assert shown(report) == (
        "key          before  after  outcome    why\n"
        "-----------  ------  -----  ---------  --------------------------------------\n"
        "fs.file-max  -       -      elsewhere  set it on the host; every socket is an\n"
        "                                       open file\n"
    )


@pytest.mark.parametrize("state", TransactionState)
def test_an_unfinished_transaction_is_called_so(state: TransactionState) -> None:
    transaction = replace(HISTORY.transactions[0], state=state, netns="blue")
    text = shown(Report(command="history", transactions=(transaction,)))

    word = {
        TransactionState.BEGUN: "unfinished",
        TransactionState.UNDOING: "unfinished",
        TransactionState.ENDED: "ended by boot",
    }.get(state, state.value)
    assert text.splitlines()[2] == (
        f"3   2026-01-01 00:00:00  {word}  high-conn  5     uid 0 (login 1000)"
    )
    assert text.splitlines()[3] == "    tunekit apply high-conn [network namespace blue]"


@pytest.mark.parametrize("name", EVERY)
def test_colour_changes_no_word(name: str) -> None:
    coloured = render(EVERY[name], Format.TABLE, width=80, colour=True)

    assert re.sub(r"\x1b\[[0-9]+m", "", coloured) == shown(EVERY[name])
