// Writes down what crosses a memory's bus and when, to be read after the run; see bus_record.py.
//
// +record=PREFIX  PREFIX.events and PREFIX.written are written; without it nothing is
//
// Each run begins them anew; `flush` for a cycle makes them complete up to there.
// Both are packed little-endian records, in the order in which things happen; of one cycle, in the
// order of the kinds below.
// events   8 bytes cycle, 4 bytes address, 2 bytes beats, 2 bytes kind
// written  8 bytes strobes, then the word: one record per beat of write data
// Cycle 0 is the first one without reset.

module axi_recorder #(
    parameter int unsigned DATA_BITS = 64,  // a multiple of 32, at most 512
    parameter int unsigned ADDRESS_BITS = 32
) (
    input logic clk,
    input logic rst,

    input logic start,  // the pulse that begins a run
    input logic flush,

    input logic                    arvalid,
    input logic                    arready,
    input logic [ADDRESS_BITS-1:0] araddr,
    input logic [             7:0] arlen,
    input logic                    awvalid,
    input logic                    awready,
    input logic [ADDRESS_BITS-1:0] awaddr,
    input logic [             7:0] awlen,
    input logic                    wvalid,
    input logic                    wready,
    input logic [   DATA_BITS-1:0] wdata,
    input logic [ DATA_BITS/8-1:0] wstrb,
    input logic                    bvalid,
    input logic                    bready
);
  localparam logic [15:0] START = 0;
  localparam logic [15:0] READ_ADDRESS = 1;
  localparam logic [15:0] WRITE_ADDRESS = 2;
  localparam logic [15:0] WRITE_RESPONSE = 3;

  int events, written;  // files; 0 while there are none
  longint unsigned cycle;

  initial {events, written} = '0;

  task automatic close();
    if (events != 0) begin
      $fclose(events);
      $fclose(written);
    end
  endtask

  task automatic open();
    string prefix;
    close();
    if ($value$plusargs("record=%s", prefix) != 0) begin
      events  = $fopen({prefix, ".events"}, "wb");
      written = $fopen({prefix, ".written"}, "wb");
      if (events == 0 || written == 0) $fatal(1, "cannot write +record=%s", prefix);
    end
  endtask

  task automatic note(logic [15:0] kind, logic [31:0] address, logic [15:0] beats);
    $fwrite(events, "%u%u%u%u", cycle[31:0], cycle[63:32], address, {kind, beats});
  endtask

  task automatic note_word();
    logic [63:0] strobes = 64'(wstrb);
    $fwrite(written, "%u%u", strobes[31:0], strobes[63:32]);
    for (int unsigned part = 0; part < DATA_BITS / 32; part++) begin
      $fwrite(written, "%u", wdata[32*part+:32]);
    end
  endtask

  always @(posedge clk) begin
    cycle <= rst ? 0 : cycle + 1;
    if (start && !rst) open();
    if (events != 0 && !rst) begin
      if (start) note(START, 0, 0);
      if (arvalid && arready) note(READ_ADDRESS, 32'(araddr), 16'(arlen) + 1);
      if (awvalid && awready) note(WRITE_ADDRESS, 32'(awaddr), 16'(awlen) + 1);
      if (bvalid && bready) note(WRITE_RESPONSE, 0, 0);
      if (wvalid && wready) note_word();
    end
    if (flush && events != 0) begin
      $fflush(events);
      $fflush(written);
    end
  end

  final close();
endmodule
