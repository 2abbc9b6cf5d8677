"""What exports and imports share: the comments that carry a profile, and what is not carried."""

from __future__ import annotations

from dataclasses import dataclass

# What comments begin with that `tunekit profile import` reads.
DEMAND = "tunekit: "
NAME = "tunekit profile: "
SUMMARY = "tunekit summary: "
SOURCE = "tunekit source: "
LIMIT = "tunekit limits."
CONNECTIONS = "tunekit probe.connections: "
ALLOW = "tunekit allow: "
NOT_CARRIED = "not carried over: "


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """Something that could not be carried over, or not in full: where it stands and why."""

    place: str
    what: str
    why: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.what, self.why) if part)
