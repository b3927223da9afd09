"""What a program costs besides time: bytes, energy, gates, on-chip memory."""
