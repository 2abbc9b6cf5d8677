"""Loading one of the modules that are in the guest's image."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

from tests.support.vm.image import MODULES

# Not in every libc: finit_module(2) of x86-64 (arch/x86/entry/syscalls/syscall_64.tbl).
_FINIT_MODULE = 313


def load(name: str) -> None:
    """Load a module, unless it is loaded already. Raises OSError, FileNotFoundError where the image
    has none: tools/fetch-kernel keeps it beside the kernel.
    """
    if Path("/sys/module", name).is_dir():
        return
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(MODULES, f"{name}.ko").open("rb") as file:
        if libc.syscall(_FINIT_MODULE, file.fileno(), b"", 0) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), name)
