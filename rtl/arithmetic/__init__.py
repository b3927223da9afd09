"""The MAC array, its accumulators, and the drain that turns them into stored bytes."""
