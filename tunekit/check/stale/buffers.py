"""Sockets whose buffers have sizes from before, were cut by an earlier ceiling, or are locked.

A TCP socket begins with the middle field of tcp_rmem and tcp_wmem, and an accepted one with what
its listener has (sk_clone in net/core/sock.c). A program that sets SO_RCVBUF or SO_SNDBUF gets
twice what it asks for, at most twice rmem_max or wmem_max, and the kernel sizes that buffer no
more (socket(7), SO_BUF_LOCK).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tunekit.check.model import Finding, Status
from tunekit.check.stale.model import Wanted, counted, label, restart
from tunekit.kernel.running import Program, Role, Running, Sockets

CHECK = "stale.buffers"
KEYS = (
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.core.rmem_max",
    "net.core.wmem_max",
    "net.core.rmem_default",
    "net.core.wmem_default",
)

_NOUNS = {Role.LISTENER: "listener", Role.CONNECTION: "connection", Role.DATAGRAM: "UDP socket"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Direction:
    """One of the two buffers. `initial` are its sizes of before by role, `ceilings` what a set
    buffer was at most.
    """

    name: str
    option: str
    initial: Mapping[Role, frozenset[int]]
    ceilings: frozenset[int]

    def size(self, some: Sockets) -> int | None:
        return some.alike.receive if self.name == "receive" else some.alike.send

    def locked(self, some: Sockets) -> int:
        return some.receive_locked if self.name == "receive" else some.send_locked


@dataclass(slots=True)
class _Account:
    """Sockets of one program by what there is to say of them: what they are to their number."""

    initial: dict[str, int] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    chosen: dict[str, int] = field(default_factory=dict)
    unknown: int = 0
    certain: bool = False
    only_connections: bool = True
    sampled: bool = False


def judge(running: Running, wanted: Wanted) -> Iterator[Finding]:
    """Judge the buffers of each program, where a profile or a change is about their sizes."""
    if not wanted.buffers:
        return
    directions = tuple(_directions(running, wanted))
    for program in running.programs:
        account = _Account()
        for some in program.sockets:
            for direction in directions:
                _enter(account, some, direction)
        yield from _findings(program, account)


def _directions(running: Running, wanted: Wanted) -> Iterator[_Direction]:
    for name, letter, option in (("receive", "r", "SO_RCVBUF"), ("send", "w", "SO_SNDBUF")):
        tcp = _before(f"net.ipv4.tcp_{letter}mem", 1, running, wanted)
        udp = _before(f"net.core.{letter}mem_default", 0, running, wanted)
        ceiling = f"net.core.{letter}mem_max"
        now = int(running.present.get(ceiling, 0))
        yield _Direction(
            name=name,
            option=option,
            initial={Role.LISTENER: tcp, Role.CONNECTION: tcp, Role.DATAGRAM: udp},
            # What getsockopt(2) and sock_diag show is twice the number that was given.
            ceilings=frozenset(2 * each for each in wanted.numbers(ceiling) if each < now),
        )


def _before(key: str, index: int, running: Running, wanted: Wanted) -> frozenset[int]:
    fields = running.present.get(key, "").split()
    now = {int(fields[index])} if len(fields) > index else set()
    return wanted.numbers(key, index) - now


def _enter(account: _Account, some: Sockets, direction: _Direction) -> None:
    size = direction.size(some)
    if size is None:
        return
    role, looked_at = some.alike.role, some.looked_at
    # Where only some were looked at, the others are as these are.
    locked = round(some.count * direction.locked(some) / looked_at) if looked_at else 0
    free = some.count - locked
    what = f"{direction.name} {size} on {{}} {_NOUNS[role]}"
    if size in direction.initial[role] and free:
        _add(account.initial, what, free)
        account.certain |= looked_at > 0
        account.only_connections &= role is Role.CONNECTION
    elif size in direction.ceilings and not looked_at:
        _add(account.cut, what, some.count)
    elif not looked_at and direction.name == "receive":
        account.unknown += some.count
    if locked:
        _add(account.cut if size in direction.ceilings else account.chosen, what, locked)
        account.sampled |= looked_at < some.count


def _add(found: dict[str, int], what: str, count: int) -> None:
    found[what] = found.get(what, 0) + count


def _findings(program: Program, account: _Account) -> Iterator[Finding]:
    if account.initial:
        grows = (
            "; a connection grows beyond it as its traffic asks" if account.only_connections else ""
        )
        yield Finding(
            check=CHECK,
            status=Status.FAIL if account.certain and not account.only_connections else Status.WARN,
            subject=label(program),
            expected="the initial sizes of now",
            observed=_shown(account.initial),
            reason="that is the initial size of before, which a listener hands on to what it "
            f"accepts{grows}",
            remedy=restart(program),
        )
    if account.cut:
        yield Finding(
            check=CHECK,
            status=Status.WARN,
            subject=label(program),
            expected="up to the ceilings of now",
            observed=_shown(account.cut),
            reason="just the ceiling of before, which may have cut what the program asked for",
            remedy=restart(program),
        )
    if account.chosen:
        yield Finding(
            check=CHECK,
            status=Status.PASS,
            subject=label(program),
            expected="sized by the kernel",
            observed=f"{_shown(account.chosen, sampled=account.sampled)}, its own choice",
            reason="the program set it, and the kernel sizes it no more, whatever tcp_rmem and "
            "tcp_wmem are",
            remedy="where it is too little, take the buffer sizes out of its configuration, then: "
            f"{restart(program)}",
        )
    if account.unknown:
        yield Finding(
            check=CHECK,
            status=Status.UNKNOWN,
            subject=label(program),
            expected="sized by the kernel",
            observed=f"{counted(account.unknown, 'socket')} may not be looked at",
            reason="whether the program has set their buffers is not known",
            remedy="run as root; it takes pidfd_getfd(2) and SO_BUF_LOCK of Linux 5.14",
        )


def _shown(found: Mapping[str, int], *, sampled: bool = False, most: int = 3) -> str:
    about = "about " if sampled else ""
    parts = [
        f"{what.format(f'{about}{count}')}{'' if count == 1 else 's'}"
        for what, count in sorted(found.items(), key=lambda each: (-each[1], each[0]))
    ]
    rest = len(parts) - most
    return "; ".join(parts[:most]) + (f" and {counted(rest, 'other size')}" if rest > 0 else "")
