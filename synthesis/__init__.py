"""Synthesis of the generated Verilog: gates by module, FPGA resources, clock."""
