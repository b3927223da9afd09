"""What cocotb runs in the simulator, and what builds, starts and judges it."""
