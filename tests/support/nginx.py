"""nginx, Debian's package, as a program whose listeners and limits are looked at."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from tests.support.fenced import REQUIRE

_CONFIGURATION = """\
daemon off;
user root;
worker_processes 2;
pid {folder}/pid;
error_log stderr notice;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{ listen {address} {options}; return 204; }}
}}
"""
_WORKERS = 2


class Nginx:
    """A master that runs, with two workers."""

    def __init__(self, process: subprocess.Popen[str], log: IO[str]) -> None:
        self.pid = process.pid
        self._process = process
        self._log = log
        self._await_workers()

    def reload(self) -> None:
        """Have it read its configuration anew: the same master, other workers."""
        self._process.send_signal(1)
        self._await_workers()

    def _await_workers(self) -> None:
        begun = 0
        for line in self._log:
            begun += "start worker process " in line
            if begun == _WORKERS:
                return
        raise RuntimeError("nginx ended before it was ready")


@contextmanager
def nginx(
    folder: Path, address: str, *, options: str = "", nofile: int | None = None
) -> Iterator[Nginx]:
    """Run nginx, listening on an address with the options of its `listen` directive.

    `nofile` is its limit of open files. Skips the test when there is no nginx here.
    """
    program = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        missing = "no nginx here; install it with: apt-get install nginx"
        if "kernel" in os.environ.get(REQUIRE, "").split(","):
            pytest.fail(missing)
        pytest.skip(missing)
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, address=address, options=options))
    process = subprocess.Popen(
        [program, "-c", str(configuration)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        if nofile is not None:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (nofile, nofile))
        yield Nginx(process, process.stderr)
    finally:
        process.terminate()
        process.communicate()
