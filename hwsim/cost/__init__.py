"""Costs besides time and bytes: energy, gates, on-chip memory."""
