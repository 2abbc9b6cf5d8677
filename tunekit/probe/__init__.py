"""Proving it: real sockets."""
