"""What is wanted: model, loading, expressions, inheritance."""
