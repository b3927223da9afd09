// The clock gate of the accelerator @TOP@: gated_clock runs with clock while enable is high. Put the
// library's integrated clock gate into this module; the generated text needs no change.
//
// There is one in the accelerator, and the whole core hangs on it: everything but registers, control
// and counters. enable comes from registers on the rising edge of clock, through a gate or two, and is
// high from START until the core has been reset behind the run, and under rst. In an edge of clock
// whose enable was low, nothing in the core would change: so a gate that never closes, as an FPGA may
// have, gives the same values in the same cycles.
//
// As it stands this is a latch, transparent while clock is low, and an AND, which is what a library's
// cell is. HWSIM_UNGATED_CLOCK, defined for an FPGA, leaves both away. A cell's pin for the scan test is
// best tied to 0 here; tools that insert scan chains connect it.
module @TOP@_clock_gate (
    input  clock,
    input  enable,
    output gated_clock
);
`ifdef HWSIM_UNGATED_CLOCK
  wire unused = enable;
  assign gated_clock = clock;
`else
  reg is_open;
  // verilator lint_off LATCH
  always @* if (!clock) is_open = enable;
  // verilator lint_on LATCH
  assign gated_clock = clock & is_open;
`endif
endmodule
