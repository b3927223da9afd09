"""What an integrator receives beside the Verilog, and how the Verilog is written."""
