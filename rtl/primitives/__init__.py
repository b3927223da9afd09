"""Memories and queues of which every group of the hardware is built."""
