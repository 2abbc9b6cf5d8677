"""What it means that send returned: where the bytes are then, along a time line.

One process holds both ends and takes turns, so that the line is the same each time: the sender
sends what is taken, the reader reads a little at fixed moments.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from tunekit.probe.model import Measurement, Scalar
from tunekit.probe.sockbuf import readings
from tunekit.probe.sockbuf.ends import Pair, Sizes, Transport, connected
from tunekit.probe.sockbuf.part import Outcome

MESSAGE = 1 << 20
_READ = 1 << 16
_EVERY = 0.01
_LONGEST = 10.0
_ANSWER = 4096


@dataclass(slots=True, kw_only=True)
class Line:
    """Moments in seconds since the first send, and the bytes that by then were accepted by send,
    acknowledged by the peer's kernel and read by its program. `returned` is when the last send
    that took something returned.
    """

    times: list[float] = field(default_factory=list)
    accepted: list[int] = field(default_factory=list)
    acknowledged: list[int] = field(default_factory=list)
    read: list[int] = field(default_factory=list)
    returned: float = 0.0

    @property
    def at_return(self) -> int:
        """The index of the first moment at which all was accepted."""
        return self.accepted.index(self.accepted[-1])


def explain(*, message: int | None, congestion: str | None, send: int | None) -> Outcome:
    """Send one message to a slow reader and follow it. `send` is the sender's SO_SNDBUF."""
    size = message or MESSAGE
    sizes = Sizes(send=send, receive=_READ)
    with connected(sizes, Transport.INET, congestion=congestion) as pair:
        line = follow(pair, size)
    parameters: dict[str, Scalar] = {
        "family": Transport.INET.value,
        "message": size,
        "sender_buffer": send,
    }
    return Outcome(measurements=tuple(_figures(line, parameters)), sentences=(_said(line),))


def answer(*, congestion: str | None) -> Outcome:
    """Fill one direction, then send something the other way over the same connection."""
    with connected(Sizes(send=_READ, receive=_READ), Transport.INET, congestion=congestion) as pair:
        sender, receiver = pair.sender, pair.receiver
        sender.setblocking(False)
        waiting = _fill(sender)
        start = time.monotonic()
        receiver.sendall(bytes(_ANSWER))
        came = 0
        with select.epoll() as poll:
            poll.register(sender, select.EPOLLIN)
            while came < _ANSWER and poll.poll(_LONGEST):
                came += len(sender.recv(_ANSWER))
        seconds = time.monotonic() - start
    parameters: dict[str, Scalar] = {"family": Transport.INET.value, "message": _ANSWER}
    return Outcome(
        measurements=(
            Measurement(
                name="sockbuf.other_direction", measured=came, unit="B", parameters=parameters
            ),
        ),
        sentences=(
            f"With {waiting} bytes waiting in this direction and send saying EAGAIN, {came} bytes "
            f"came the other way in {seconds * 1e6:.0f} us: each direction has buffers of its own.",
        ),
    )


def _fill(sender: socket.socket) -> int:
    count = 0
    while True:
        try:
            count += sender.send(bytes(_READ))
        except BlockingIOError:
            return count


def follow(pair: Pair, size: int) -> Line:
    """Send `size` bytes without blocking while the reader takes 64 KiB each 10 ms."""
    sender, receiver = pair.sender, pair.receiver
    sender.setblocking(False)
    receiver.setblocking(False)
    line = Line()
    data = memoryview(bytes(size))
    accepted = read = 0
    start = time.monotonic()
    due = _EVERY
    poll = select.poll()
    poll.register(sender, select.POLLOUT)

    def mark() -> None:
        line.times.append(time.monotonic() - start)
        line.accepted.append(accepted)
        line.acknowledged.append(accepted - readings.unacknowledged(sender))
        line.read.append(read)

    mark()
    while read < size and time.monotonic() - start < _LONGEST:
        try:
            count = sender.send(data[accepted:]) if accepted < size else 0
        except BlockingIOError:
            count = 0
        if count:
            accepted += count
            line.returned = time.monotonic() - start
            mark()
        left = due - (time.monotonic() - start)
        if left > 0:
            if accepted == size:
                poll = select.poll()
            poll.poll(left * 1000)
            continue
        due += _EVERY
        try:
            read += len(receiver.recv(_READ))
        except BlockingIOError:
            continue
        mark()
    return line


def _figures(line: Line, parameters: dict[str, Scalar]) -> Iterator[Measurement]:
    moment = line.at_return
    for name, value, unit in (
        ("send_returned", line.returned, "s"),
        ("acknowledged_then", line.acknowledged[moment], "B"),
        ("read_then", line.read[moment], "B"),
        ("read_last", line.times[-1], "s"),
    ):
        yield Measurement(name=f"sockbuf.{name}", measured=value, unit=unit, parameters=parameters)
    for name, values, unit in (
        ("time", line.times, "s"),
        ("accepted", line.accepted, "B"),
        ("acknowledged", line.acknowledged, "B"),
        ("read", line.read, "B"),
    ):
        yield Measurement(
            name="sockbuf.timeline",
            measured=values[-1],
            unit=unit,
            parameters={"of": name, **parameters},
            samples=tuple(values),
        )


def _said(line: Line) -> str:
    moment = line.at_return
    whole = line.accepted[-1]
    return (
        f"send had taken all {whole} bytes after {line.returned * 1000:.1f} ms: this kernel had a "
        f"copy. The peer's kernel had acknowledged {line.acknowledged[moment]} of them by then, "
        f"and its program had read {line.read[moment]}; it read the last one at "
        f"{line.times[-1] * 1000:.0f} ms."
    )
