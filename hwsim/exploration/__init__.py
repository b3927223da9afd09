"""Sweeps over many accelerators for one network: the space, its points, their rows, the page."""
