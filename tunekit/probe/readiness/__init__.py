"""How select, poll and epoll scale with the descriptors that they watch."""
