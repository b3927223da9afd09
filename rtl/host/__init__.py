"""The registers, and what the host starts, stops and sees of a run."""
