// One on-chip memory of the accelerator @TOP@. Put a memory macro into this module: the generated text
// reaches every memory through it, and needs no change.
//
// WORDS, BITS    the memory holds WORDS words of BITS bits
// ADDRESS_BITS   enough for WORDS addresses
// LANES          a word has so many lanes of BITS / LANES bits, each with its own write enable
// READ_LATENCY   1: read_data holds the word from the edge on at which read_enable was high, until the
//                next such edge. 0: read_data is the word at read_address, in the same cycle; only
//                memories of a few words are read so, which are meant to be flip-flops.
//
// There is one clock, and a write port and a read port that may both be used in every cycle. A lane
// whose write enable is high is written at the edge, and is read at the next one at the earliest. The
// accelerator depends on none of these:
//
// * what a read returns in the edge that writes the same word. This file returns the old word; a macro
//   may return the new one, a mixture, or noise.
// * what a word holds before it is first written. No memory has an initial value or a reset.
// * what an address of WORDS or more reads or writes, but such a write must change no word below WORDS.
// * what read_data is before the first read.
//
// A macro for one size fits in as a branch of its own:
//
//     generate
//       if (WORDS == 4096 && BITS == 64 && LANES == 1) begin : macro
//         vendor_4096x64 memory (.CLK(clk), .WEN(write_enable), ...);
//       end else begin : registers
//         ...
module @TOP@_ram #(
    parameter WORDS = 16,
    parameter BITS = 8,
    parameter ADDRESS_BITS = 4,
    parameter LANES = 1,
    parameter READ_LATENCY = 1
) (
    input clk,
    input [LANES-1:0] write_enable,
    input [ADDRESS_BITS-1:0] write_address,
    input [BITS-1:0] write_data,
    input read_enable,
    input [ADDRESS_BITS-1:0] read_address,
    output [BITS-1:0] read_data
);
  localparam LANE_BITS = BITS / LANES;

  // The attribute tells Yosys that a read of the word that is being written may return anything.
  (* no_rw_check *)
  reg [BITS-1:0] words[WORDS-1:0];

  integer lane;
  always @(posedge clk)
    for (lane = 0; lane < LANES; lane = lane + 1)
      if (write_enable[lane])
        words[write_address][lane*LANE_BITS+:LANE_BITS] <= write_data[lane*LANE_BITS+:LANE_BITS];

  generate
    if (READ_LATENCY == 0) begin : direct
      assign read_data = words[read_address];
      wire unused = read_enable;
    end else begin : registered
      reg [BITS-1:0] word;
      always @(posedge clk) if (read_enable) word <= words[read_address];
      assign read_data = word;
    end
  endgenerate
endmodule
