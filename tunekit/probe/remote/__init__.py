"""Proving between two hosts: `serve` on one, `verify --target` on others."""
