"""The tables of `sockbuf`, one for each part."""
