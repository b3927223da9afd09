"""Features and weights on their way to the array."""
