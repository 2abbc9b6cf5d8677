"""What is known: the tunables as data."""
