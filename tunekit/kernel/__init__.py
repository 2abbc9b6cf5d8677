"""What is: the only package that touches /proc, /sys, rlimits, netlink and namespaces."""
