"""Judging it: pure functions from facts to findings."""
