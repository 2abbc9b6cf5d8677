"""What holds for every tier."""

from __future__ import annotations

from hypothesis import settings

# A test fails on a wrong answer, not on a slow machine.
settings.register_profile("tunekit", deadline=None)
settings.load_profile("tunekit")
