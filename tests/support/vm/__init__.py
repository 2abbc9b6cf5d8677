"""A real Debian kernel under QEMU, booted for a test run (tests/vm/README.md)."""
