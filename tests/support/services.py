"""A server for other hosts' clients, in a process of its own, and what it said in the end."""

from __future__ import annotations

import os
import pickle
import select
import signal
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tunekit.probe.remote.model import Endpoint, Ready, Served, Service
from tunekit.probe.remote.serving import serve

SECRET = b"the secret that both have"


class Server:
    """A service that runs. `endpoint` is where."""

    def __init__(self, pid: int, endpoint: Endpoint, results: int) -> None:
        self.pid = pid
        self.endpoint = endpoint
        self._results = results

    def workers(self) -> list[int]:
        """Its processes."""
        return [
            int(each)
            for each in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        ]

    def kill(self) -> None:
        """Kill it, as the kernel would."""
        os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> Served:
        """Have it end, and return what it served."""
        os.kill(self.pid, signal.SIGTERM)
        return self.result()

    def result(self) -> Served:
        """Wait for its end, and return what it served."""
        with os.fdopen(os.dup(self._results), "rb") as pipe:
            served: Served = pickle.load(pipe)
        return served


@contextmanager
def serving(address: str = "127.0.0.1:0", **options: Any) -> Iterator[Server]:
    """Run a service, and see that nothing is left of it."""
    options = {"secret": SECRET, "max_connections": 10_000, "patience": 2.0, **options}
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        try:
            _serve(writer, Service(listen=(Endpoint.parse(address, any_port=True),), **options))
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writer)
    watched = os.pidfd_open(pid)
    try:
        text = os.read(reader, 100).decode()
        yield Server(pid, Endpoint.parse(text), reader)
        os.kill(pid, signal.SIGTERM)
        assert select.select([watched], [], [], 10)[0], "the server does not end"
    finally:
        os.close(watched)
        os.close(reader)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _serve(writer: int, service: Service) -> None:
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: told.append(number))

    def ready(about: Ready) -> None:
        os.write(writer, str(about.listening[0]).encode())

    served = serve(service, ready=ready, stopped=lambda: bool(told))
    os.write(writer, pickle.dumps(served))
