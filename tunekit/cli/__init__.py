"""Asking for it: the only place that prints, prompts or exits."""
