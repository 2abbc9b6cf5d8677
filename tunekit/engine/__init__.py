"""Making it so: plan (pure), apply, journal, rollback."""
