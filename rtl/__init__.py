"""The accelerator as Amaranth components; `accelerator` is the top, which becomes Verilog."""
