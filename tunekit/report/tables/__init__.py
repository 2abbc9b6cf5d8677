"""The sections of the default rendering, one module for each kind of row."""
