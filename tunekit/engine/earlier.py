"""Which values settings had before, during this boot, as the journal has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunekit.engine.journal import Journal
from tunekit.engine.scope import host_scope, netns_scope
from tunekit.kernel.host import HostIdentity


def earlier_values(journal: Journal, host: HostIdentity) -> Mapping[str, Sequence[str]]:
    """Collect the values that transactions of this boot found or left, oldest first.

    Only those of this host and of the network namespace that `host` was taken in. The present
    value may be among them. Raises StateError for a journal that cannot be read.
    """
    here = (host_scope(host), netns_scope(host))
    found: dict[str, dict[str, None]] = {}
    for transaction in journal.transactions():
        if transaction.boot_id != host.boot_id:
            continue
        for write in journal.writes(transaction.id):
            if write.subject.scope in here:
                values = found.setdefault(write.subject.name, {})
                values.update(dict.fromkeys(v for v in (write.before, write.after) if v))
    return {key: tuple(values) for key, values in found.items()}
