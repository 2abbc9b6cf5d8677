"""Saying it: one result model, many renderings."""
