"""What every new transaction begins with."""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from pathlib import Path

from tunekit import __version__
from tunekit.api.session import here
from tunekit.engine.journal import Journal
from tunekit.engine.transaction import Transaction, TransactionState
from tunekit.errors import StateError
from tunekit.kernel.caller import login_uid
from tunekit.kernel.host import HostIdentity
from tunekit.profile.model import Profile


def end_other_boots(journal: Journal) -> None:
    """End what a reboot has ended. Raises StateError when this boot has no name."""
    boot_id = here().boot_id
    if not boot_id:
        raise StateError(
            "this boot cannot be told from others: kernel.random.boot_id cannot be read",
            hint="mount /proc; without it a rollback after a reboot would write old values",
        )
    journal.end_other_boots(boot_id)


def new_transaction(
    profile: Profile,
    host: HostIdentity,
    *,
    command: str,
    netns: str = "",
    allow: Collection[str] = (),
) -> Transaction:
    """A transaction of this moment, with the keys that both profile and caller allow."""
    return Transaction(
        id=0,
        state=TransactionState.BEGUN,
        profile=profile.name,
        path=str(Path(profile.path).absolute()),
        started=time.time(),
        boot_id=host.boot_id,
        kernel=host.kernel,
        uid=os.getuid(),
        loginuid=login_uid(),
        command=command,
        version=__version__,
        variables={name: str(value) for name, value in profile.variables.items()},
        allowed=frozenset({str(key) for key in profile.allow} & set(allow)),
        netns=netns,
        cookie=host.netns_cookie,
    )
