"""The arithmetic: the MAC array, its accumulators, and what drains them."""
