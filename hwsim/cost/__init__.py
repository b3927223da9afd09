"""What a program costs besides time and bytes: energy, gates, on-chip memory."""
