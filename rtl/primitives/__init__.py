"""Memories and queues of which all other parts of the hardware are built."""
