"""The registers, and what a host sees of a run."""
