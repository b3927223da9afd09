"""The accelerator as Amaranth components; `rtl.accelerator` is the top and becomes Verilog."""
