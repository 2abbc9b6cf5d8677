"""Two hosts with a distance between them, made of processes: one here, one at the far end.

Each is in a network namespace of its own. Their only link is a pair of virtual Ethernet devices
that netem delays, or two TUN devices between which a third process carries the packets. All of it
ends with this process, whatever ends it.
"""

from __future__ import annotations

import array
import contextlib
import errno
import os
import signal
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import NoReturn

from tunekit.errors import ProbeRefused
from tunekit.kernel import netem, tun
from tunekit.kernel.child import FORWARDED
from tunekit.kernel.process import die_with
from tunekit.probe.sockbuf.delay import forward

MTU = 65520
NEAR, FAR = "10.111.0.1", "10.111.0.2"

_LINE = "a delay line between two TUN devices"
_DONE, _NETEM, _TUN = b"done", b"netem", b"tun"
_ALLOWED = "run as root, or where user namespaces are allowed and /dev/net/tun is open to you"
_DEVICE = "tunekit0"
_QUEUE = 4096
_PORT = 7
_READ = 1 << 20
_STEP = 0.02
_SIZE = struct.Struct("qd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """A path to the far end; `kind` says what delays it, `round_trip` is in seconds and `rate` in
    bytes a second.
    """

    kind: str
    round_trip: float
    rate: float | None
    control: socket.socket

    def connect(
        self, send: int | None, receive: int | None, congestion: str | None
    ) -> socket.socket:
        """Connect to a reader at the far end with these sizes of SO_SNDBUF and SO_RCVBUF."""
        self.control.sendall(_SIZE.pack(-1 if receive is None else receive, 0.0))
        _heard(self.control)
        sender = socket.socket()
        try:
            if send is not None:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send)
            if congestion is not None:
                sender.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sender.settimeout(10 + 10 * self.round_trip)
            sender.connect((FAR, _PORT))
        except BaseException:
            sender.close()
            raise
        return sender

    def received(self) -> list[tuple[float, int]]:
        """What the reader of the last connection had read, as moments in seconds and bytes, once
        that connection is closed.
        """
        count, _ = _SIZE.unpack(_heard(self.control))
        return [
            (moment, total)
            for total, moment in (_SIZE.unpack(_heard(self.control)) for _ in range(count))
        ]


@contextmanager
def stretched(*, round_trip: float, rate: float | None) -> Iterator[Path]:
    """Leave this process's network for a new one, with a far end `round_trip` seconds away: by
    netem where the kernel has it, else by a delay line between TUN devices.

    To be called in a process made for it: there is no way back. Raises ProbeRefused, saying what
    is missing.
    """
    with ExitStack() as stack:
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        stack.callback(here.close)
        with _explained():
            tun.leave_network()
        with there:
            pid = _child(stack, lambda: _far_end(there, round_trip, rate))
        _agreed(here)
        lacking = netem.obstacle()
        if lacking is None:
            _by_netem(here, pid, round_trip, rate)
        else:
            _by_line(stack, here, round_trip, rate)
        kind = "netem" if lacking is None else f"{_LINE}, since netem cannot be had ({lacking})"
        yield Path(kind=kind, round_trip=round_trip, rate=rate, control=here)


def _by_netem(here: socket.socket, pid: int, round_trip: float, rate: float | None) -> None:
    netem.connect(_DEVICE, pid)
    with _explained():
        tun.bring_up(_DEVICE, NEAR, mtu=MTU, queue=_QUEUE)
    netem.delay(_DEVICE, seconds=round_trip / 2, rate=rate)
    here.sendall(_NETEM)
    _agreed(here)


def _by_line(stack: ExitStack, here: socket.socket, round_trip: float, rate: float | None) -> None:
    with _explained():
        near = tun.open_device(_DEVICE, NEAR, mtu=MTU, queue=_QUEUE)
    stack.callback(os.close, near)
    here.sendall(_TUN)
    far = _descriptor(here)
    try:
        _child(stack, lambda: forward(near, far, round_trip=round_trip, rate=rate))
    finally:
        os.close(far)


def _child(stack: ExitStack, function: Callable[[], object]) -> int:
    """Run a function in a child until the stack is left; return its process id."""
    parent = os.getpid()
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
    try:
        pid = os.fork()
        if pid == 0:
            _be(function, parent)
        stack.callback(_end, pid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return pid


def _be(function: Callable[[], object], parent: int) -> NoReturn:
    status = 1
    try:
        for number in FORWARDED:
            signal.signal(number, signal.SIG_DFL)
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        die_with(parent, signal.SIGKILL)
        # What carries the packets should not wait for what sends them. Only root may ask for it.
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -10)
        function()
        status = 0
    finally:
        os._exit(status)


def _end(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        missing = error.filename == str(tun.CONTROL)
        raise ProbeRefused(
            f"no path with a delay can be made here: {error.strerror}",
            path=str(tun.CONTROL) if missing else "",
            errno=error.errno,
            hint="modprobe tun" if error.errno == errno.ENOENT else _ALLOWED,
        ) from error


def _descriptor(control: socket.socket) -> int:
    """Receive the far device's descriptor."""
    message, ancillary, _, _ = control.recvmsg(256, socket.CMSG_SPACE(4))
    descriptors = array.array("i")
    for _level, _kind, data in ancillary:
        descriptors.frombytes(data)
    if not descriptors:
        raise ProbeRefused(
            f"no far end can be made here: {message.decode() or 'it ended'}",
            hint=_ALLOWED,
        )
    return descriptors[0]


def _agreed(control: socket.socket) -> None:
    """Wait until the far end has done its part. Raises ProbeRefused when it could not."""
    answer = control.recv(256)
    if answer != _DONE:
        raise ProbeRefused(
            f"no far end can be made here: {answer.decode() or 'it ended'}", hint=_ALLOWED
        )


def _far_end(control: socket.socket, round_trip: float, rate: float | None) -> None:
    """Be the far end: have a device, then read whatever is sent."""
    try:
        tun.leave_network()
        control.sendall(_DONE)
        if control.recv(8) == _NETEM:
            tun.bring_up(_DEVICE, FAR, mtu=MTU, queue=_QUEUE)
            netem.delay(_DEVICE, seconds=round_trip / 2, rate=rate)
            control.sendall(_DONE)
        else:
            device = tun.open_device(_DEVICE, FAR, mtu=MTU, queue=_QUEUE)
            socket.send_fds(control, [_DONE], [device])
            os.close(device)
    except (OSError, ProbeRefused) as error:
        control.sendall(str(error).encode()[:200])
        return
    room = bytearray(_READ)
    while True:
        request = control.recv(_SIZE.size)
        if not request:
            return
        size, _ = _SIZE.unpack(request)
        _serve(control, None if size < 0 else size, room)


def _serve(control: socket.socket, size: int | None, room: bytearray) -> None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if size is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
        listener.bind((FAR, _PORT))
        listener.listen(1)
        control.sendall(_SIZE.pack(0, 0.0))
        reader, _ = listener.accept()
    moments: list[tuple[int, float]] = []
    with reader:
        total, due = 0, 0.0
        while True:
            try:
                count = reader.recv_into(room)
            except ConnectionResetError:
                break
            if count == 0:
                break
            total += count
            now = time.monotonic()
            if now >= due:
                moments.append((total, now))
                due = now + _STEP
    control.sendall(_SIZE.pack(len(moments), 0.0))
    for moment in moments:
        control.sendall(_SIZE.pack(*moment))


def _heard(control: socket.socket) -> bytes:
    message = control.recv(_SIZE.size)
    if len(message) != _SIZE.size:
        raise ProbeRefused("the far end is gone", hint="see dmesg: it may have been killed")
    return message
