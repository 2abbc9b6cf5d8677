"""Everything that the checks of a gate judge, read once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING, Any

from tunekit.api.session import take_snapshot, typed
from tunekit.api.targets import Target, arriving
from tunekit.check.facts import Applied, Arriving, Facts, Past
from tunekit.engine.store import STATE_DIR
from tunekit.errors import StateError
from tunekit.kernel import capacity_facts, cgroups, mounts
from tunekit.kernel.defaults import kernel_defaults
from tunekit.kernel.host import HostIdentity
from tunekit.kernel.sysctl import Sysctls
from tunekit.profile.find import spelling
from tunekit.profile.model import Profile
from tunekit.values import SysctlKey

if TYPE_CHECKING:
    from tunekit.engine.transaction import Transaction


def gather(
    profile: Profile,
    *,
    state_dir: Path,
    asks: Callable[[str], bool] = lambda _: True,
    target: Target | None = None,
    netns: str | None = None,
) -> Facts:
    """Read it all, in the network namespace of this thread.

    `asks` tells of a check whether it will be run: what is dear to read is left out for one that
    will not. `netns` is how the caller named the namespace, for the commands that mend it. Raises
    ReadFailed and UsageError when there is no such `target`, whose limits are read.
    """
    snapshot = take_snapshot(profile, for_writing=False)
    where = _options(netns, state_dir)
    more: dict[str, Any] = {}
    if asks("boot") or asks("cmdline"):
        from tunekit.files.boot import read_boot
        from tunekit.files.root import Root

        with Root() as root:
            more["boot"] = read_boot(root)
    if asks("boot"):
        more["defaults"] = kernel_defaults(setting.key for setting in profile.settings)
    if asks("drift"):
        more["past"] = _past(profile, snapshot.host, state_dir, where)
    if asks("stale"):
        from tunekit.api.staleness import seen

        more["running"], more["wanted"] = seen(profile, snapshot.host, state_dir, alone=True)
    return Facts(
        profile=profile,
        snapshot=snapshot,
        arriving=_arriving(profile, target or Target()),
        capacity=capacity_facts.gather(),
        read_only=mounts.read_only(setting.key for setting in profile.settings),
        groups_shown=cgroups.are_shown(),
        seconds_up=time.clock_gettime(time.CLOCK_BOOTTIME),
        enter=_entering(netns),
        apply=applying(profile, netns=netns, state_dir=state_dir),
        persist=f"tunekit persist {typed(profile, allowing=True)}",
        **more,
    )


def applying(profile: Profile, *, netns: str | None, state_dir: Path) -> str:
    """The command that makes a profile so, where it was looked at."""
    return f"tunekit apply {typed(profile, allowing=True)}{_options(netns, state_dir)}"


def _options(netns: str | None, state_dir: Path) -> str:
    where = "" if netns is None else f" --netns {quote(netns)}"
    return where if state_dir == STATE_DIR else f"{where} --state-dir {quote(str(state_dir))}"


def _arriving(profile: Profile, target: Target) -> Arriving:
    names = [*(limit.name for limit in profile.limits), "nofile"]
    run = f"tunekit run {typed(profile)} -- COMMAND"
    return arriving(target, names, run=run)


def _entering(netns: str | None) -> str:
    if netns is None:
        return ""
    return f"nsenter -t {netns} -n " if netns.isdigit() else f"ip netns exec {quote(netns)} "


def _past(profile: Profile, host: HostIdentity, state_dir: Path, where: str) -> Past:
    """What the journal holds for this host and network namespace; `where` are the options to act
    there again.
    """
    from tunekit.engine.scope import host_scope, netns_scope
    from tunekit.engine.store import peek
    from tunekit.engine.transaction import TransactionState

    sysctls, here = Sysctls(), (host_scope(host), netns_scope(host))
    try:
        with peek(state_dir) as journal:
            if journal is None:
                return Past()
            transactions = {each.id: each for each in journal.transactions()}
            # The last claim on a value is what it was left at.
            held = {each.subject: each for each in journal.held() if each.subject.scope in here}
    except StateError as error:
        return Past(error=error.message)
    applied = tuple(
        Applied(
            name=each.subject.name,
            requirements=each.requirements,
            transaction=each.transaction,
            profile=transactions[each.transaction].profile,
            command=f"tunekit apply {_again(transactions[each.transaction])}{where}",
            reading=sysctls.read(SysctlKey.parse(each.subject.name)),
        )
        for each in held.values()
        if each.requirements and transactions[each.transaction].stands
    )
    survived = (TransactionState.APPLIED, TransactionState.ENDED)
    own = [each for each in transactions.values() if each.profile == profile.name]
    now = any(each.stands and each.boot_id == host.boot_id for each in own)
    ended = [
        each.id
        for each in own
        # What has files is kept by them, which the check of the next boot judges.
        if each.boot_id != host.boot_id and each.state in survived and not each.files
    ]
    return Past(applied=applied, ended=ended[-1] if ended and not now else None)


def _again(transaction: Transaction) -> str:
    """A transaction's profile and variables, as they are typed."""
    words = [spelling(transaction.path)]
    for name, text in transaction.variables.items():
        words += ["--set", f"{name}={text}"]
    for key in sorted(transaction.allowed):
        words += ["--allow", key]
    return join(words)
