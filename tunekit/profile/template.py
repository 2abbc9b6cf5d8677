"""The start of a new profile: what can be written, each part with a comment."""

from __future__ import annotations

from tunekit.profile.writing import scalar

_TEXT = """\
# A tunekit profile. `tunekit profile check FILE` says what is wrong with it, `tunekit inspect FILE`
# what this host would have to change, `tunekit explain KEY` what a key means.
tunekit: 1
name: {name}
summary: Say in one line what this host is for

# Begin with the settings of another profile: a name, a path relative to this file, or a list of
# them, the later one winning. What stands below replaces what they say of the same key.
extends: base

# Numbers that expressions may use, and that `--set NAME=VALUE` overrides. ram, cpus and page_size
# are there already.
vars:
  connections: 10k

sysctl:
  # at_least: raised where it is lower, never lowered. at_most, exactly (a bare value is the same)
  # and, for names, prefer: [bbr, cubic] are the others.
  net.core.somaxconn:
    at_least: min(65535, connections)
    reason: say why, for whoever reads the report
    source: say where that is known from, such as listen(2)

  # One value a field; keep leaves one alone.
  net.ipv4.tcp_rmem:
    at_least: [keep, keep, 16MiB]
    reason: one connection may fill a long fast path

  # optional: a kernel or a network namespace that does not have the key is no failure.
  fs.file-max:
    at_least: 4 * connections + 65536
    optional: true
    reason: two files a connection on loopback, and the host's own

# What a process gets that is started under the profile (`tunekit run`).
limits:
  nofile:
    at_least: connections + 1024
    reason: one descriptor a connection, and some of its own

# What `tunekit apply` and `tunekit verify` prove with real connections.
probe:
  connections: connections
"""


def template(name: str) -> str:
    """A profile to begin with, called `name`; it loads as it is."""
    return _TEXT.format(name=scalar(name))
