"""The front ends, which bring networks and weights from outside."""
