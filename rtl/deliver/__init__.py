"""The files that an integrator receives beside the Verilog, and the way to the Verilog."""
