"""The eight bytes that prove a connection.

A token is a big-endian number: 24 bits of the run's nonce plus the round, 16 bits of shard,
24 bits of index. It differs for every connection, in every round and in every run, so an echo that
was swapped, repeated, left over or made up is not equal to the one that is waited for.
"""

from __future__ import annotations

import os
import struct

SIZE = 8
INDEX_BITS = 24
SHARD_BITS = 16
NONCE_BITS = 24
_BYTES = struct.Struct(">Q")

pack = _BYTES.pack
"""The bytes of `base(...) + index`."""
NotAToken = struct.error
"""What `unpack` raises for bytes that are not eight."""
unpack = _BYTES.unpack
"""A tuple of the number that eight bytes stand for."""


def new_nonce() -> int:
    """A number that no other run is likely to have.

    From the kernel at once: `secrets` and `random` would bring OpenSSL into every process of a
    load, 4 MB of it each.
    """
    return int.from_bytes(os.urandom(NONCE_BITS // 8), "big")


def message(token: int, size: int) -> bytes:
    """A message of `size` bytes, at least SIZE, that differs from all others throughout."""
    once = pack(token)
    return (once * (-(-size // SIZE)))[:size]


def base(nonce: int, shard: int, round_: int) -> int:
    """The token of a shard's connection 0 in a round; add an index below 2**24 for the others."""
    run = (nonce + round_) % (1 << NONCE_BITS)
    return (run << SHARD_BITS | shard) << INDEX_BITS
