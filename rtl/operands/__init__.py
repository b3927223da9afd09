"""Features and weights on their way from the bus to the array."""
