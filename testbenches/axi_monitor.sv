// Counts what crosses a memory's bus, by address alone, and checks the manager's side of AXI4.
//
// Bytes are beats x bus bytes. They are counted by class when a burst's address is accepted; beats
// are counted as they cross, so that the two counts check each other once the bus is idle.
// `violation` holds the code of the first rule that was broken, 0 as long as none was. `seen` has a
// bit for each thing that the regression must have seen, in the order of BUS in coverage.py.
// Nothing here depends on the simulator's assertions being on. A bench sets the public variables
// in front of `rst`, and reads the counters: see axi_memory.py.

module axi_monitor #(
    parameter int unsigned DATA_BITS = 64,
    parameter int unsigned ADDRESS_BITS = 32,
    parameter int unsigned OUTSTANDING = 256  // bursts accepted that still wait for their data
) (
    input logic clk,
    input logic rst,

    input logic                    arvalid,
    input logic                    arready,
    input logic [ADDRESS_BITS-1:0] araddr,
    input logic [             7:0] arlen,
    input logic [             2:0] arsize,
    input logic [             1:0] arburst,
    input logic                    rvalid,
    input logic                    rready,
    input logic                    rlast,
    input logic                    awvalid,
    input logic                    awready,
    input logic [ADDRESS_BITS-1:0] awaddr,
    input logic [             7:0] awlen,
    input logic [             2:0] awsize,
    input logic [             1:0] awburst,
    input logic                    wvalid,
    input logic                    wready,
    input logic [   DATA_BITS-1:0] wdata,
    input logic [ DATA_BITS/8-1:0] wstrb,
    input logic                    wlast,
    input logic                    bvalid,
    input logic                    bready
);
  localparam int unsigned WORD_BYTES = DATA_BITS / 8;
  localparam int unsigned ADDRESS_PAYLOAD_BITS = ADDRESS_BITS + 8 + 3 + 2;
  localparam int unsigned SEEN_BITS = 13;

  typedef enum logic [7:0] {
    NONE,
    CROSSES_4_KIB,
    BURST_TOO_LONG,
    NOT_INCR,
    WRONG_SIZE,
    UNALIGNED,
    WRONG_WLAST,
    VALID_DROPPED,
    PAYLOAD_CHANGED,
    READ_OUTSIDE_WINDOW,
    WRITE_OUTSIDE_WINDOW,
    TWO_CLASSES,
    TOO_MANY_READS,
    PART_OF_A_WORD
  } violation_t;

  typedef enum logic [1:0] {
    PROGRAM,
    WEIGHTS,
    FEATURES
  } class_t;

  // The program and the weights lie from the one address up to before the other; all else is
  // features. Where a base and its end are equal, nothing is of that class.
  logic [31:0] program_base  /*verilator public_flat_rw*/;
  logic [31:0] program_end  /*verilator public_flat_rw*/;
  logic [31:0] weights_base  /*verilator public_flat_rw*/;
  logic [31:0] weights_end  /*verilator public_flat_rw*/;
  // First and last byte that may be read, and those that may be read and written.
  logic [31:0] constants_base  /*verilator public_flat_rw*/;
  logic [31:0] constants_limit  /*verilator public_flat_rw*/;
  logic [31:0] features_base  /*verilator public_flat_rw*/;
  logic [31:0] features_limit  /*verilator public_flat_rw*/;
  logic [31:0] burst_beats  /*verilator public_flat_rw*/;  // longest burst
  logic [31:0] outstanding_reads  /*verilator public_flat_rw*/;  // most reads unanswered

  logic [63:0] program_bytes  /*verilator public_flat_rd*/;
  logic [63:0] weight_bytes  /*verilator public_flat_rd*/;
  logic [63:0] feature_read_bytes  /*verilator public_flat_rd*/;
  logic [63:0] feature_written_bytes  /*verilator public_flat_rd*/;
  logic [63:0] read_bursts  /*verilator public_flat_rd*/;
  logic [63:0] write_bursts  /*verilator public_flat_rd*/;
  logic [63:0] read_beats  /*verilator public_flat_rd*/;
  logic [63:0] write_beats  /*verilator public_flat_rd*/;
  logic [63:0] written_beats  /*verilator public_flat_rd*/;  // beats with strobes
  logic [7:0] violation  /*verilator public_flat_rd*/;
  logic [SEEN_BITS-1:0] seen  /*verilator public_flat_rd*/;

  logic [63:0] unanswered;  // read bursts accepted whose last beat is to come

  initial begin
    {program_base, program_end, weights_base, weights_end} = '0;
    {constants_base, constants_limit, features_base} = '0;
    features_limit = '1;
    burst_beats = 256;
    outstanding_reads = '1;
  end

  // --- rules ----------------------------------------------------------------------------------

  // The first rule that a burst breaks, whichever way it goes.
  function automatic violation_t address_rules(
      logic [ADDRESS_BITS-1:0] address, logic [7:0] len, logic [2:0] size, logic [1:0] burst);
    int unsigned bytes = (int'(len) + 1) * WORD_BYTES;
    if (burst != 2'b01) return NOT_INCR;
    if (int'(size) != $clog2(WORD_BYTES)) return WRONG_SIZE;
    if (int'(address) % WORD_BYTES != 0) return UNALIGNED;
    if (int'(len) + 1 > burst_beats) return BURST_TOO_LONG;
    if (int'(address[11:0]) + bytes > 4096) return CROSSES_4_KIB;
    return NONE;
  endfunction

  function automatic class_t class_of(longint unsigned address);
    if (address >= 64'(program_base) && address < 64'(program_end)) return PROGRAM;
    if (address >= 64'(weights_base) && address < 64'(weights_end)) return WEIGHTS;
    return FEATURES;
  endfunction

  function automatic logic in_features(longint unsigned first, longint unsigned last);
    return first >= 64'(features_base) && last <= 64'(features_limit);
  endfunction

  function automatic logic in_constants(longint unsigned first, longint unsigned last);
    return first >= 64'(constants_base) && last <= 64'(constants_limit);
  endfunction

  function automatic longint unsigned last_byte(logic [ADDRESS_BITS-1:0] address, logic [7:0] len);
    return longint'(address) + (longint'(len) + 1) * longint'(WORD_BYTES) - 1;
  endfunction

  function automatic violation_t read_rules();
    longint unsigned first = longint'(araddr);
    longint unsigned last = last_byte(araddr, arlen);
    violation_t broken = address_rules(araddr, arlen, arsize, arburst);
    if (broken != NONE) return broken;
    if (!in_features(first, last) && !in_constants(first, last)) return READ_OUTSIDE_WINDOW;
    if (class_of(first) != class_of(last)) return TWO_CLASSES;
    if (unanswered >= 64'(outstanding_reads)) return TOO_MANY_READS;
    return NONE;
  endfunction

  function automatic violation_t write_rules();
    longint unsigned first = longint'(awaddr);
    longint unsigned last = last_byte(awaddr, awlen);
    violation_t broken = address_rules(awaddr, awlen, awsize, awburst);
    if (broken != NONE) return broken;
    if (!in_features(first, last)) return WRITE_OUTSIDE_WINDOW;
    return NONE;
  endfunction

  // What a channel offered in the cycle before without being heard.
  logic ar_offered, aw_offered, w_offered;
  logic [ADDRESS_PAYLOAD_BITS-1:0] ar_payload, aw_payload;
  logic [DATA_BITS+WORD_BYTES:0] w_payload;
  wire [ADDRESS_PAYLOAD_BITS-1:0] ar_now = {araddr, arlen, arsize, arburst};
  wire [ADDRESS_PAYLOAD_BITS-1:0] aw_now = {awaddr, awlen, awsize, awburst};
  wire [DATA_BITS+WORD_BYTES:0] w_now = {wdata, wstrb, wlast};

  function automatic violation_t handshake_rules();
    if (ar_offered && !arvalid || aw_offered && !awvalid || w_offered && !wvalid) begin
      return VALID_DROPPED;
    end
    if (ar_offered && ar_now != ar_payload || aw_offered && aw_now != aw_payload ||
        w_offered && w_now != w_payload) begin
      return PAYLOAD_CHANGED;
    end
    return NONE;
  endfunction

  // Lengths of the write bursts whose data is still to come; the address may come with its data.
  logic [7:0] length[OUTSTANDING];
  int unsigned head, tail;
  int unsigned beat;
  wire [7:0] write_len = head == tail ? awlen : length[head%OUTSTANDING];
  wire last_write_beat = beat == int'(write_len);

  wire reads = arvalid & arready;
  wire read_data = rvalid & rready;
  wire writes = awvalid & awready;
  wire write_data = wvalid & wready;

  function automatic violation_t broken_rule();
    violation_t broken = handshake_rules();
    if (broken == NONE && reads) broken = read_rules();
    if (broken == NONE && writes) broken = write_rules();
    if (broken == NONE && write_data && wlast != last_write_beat) broken = WRONG_WLAST;
    if (broken == NONE && write_data && wstrb != '0 && wstrb != '1) broken = PART_OF_A_WORD;
    return broken;
  endfunction

  // --- what is seen ---------------------------------------------------------------------------

  logic within_read;  // its last beat is to come
  logic [63:0] bursts_written, responses;
  logic [ADDRESS_BITS-1:0] read_end, write_end;  // of the burst before: its first byte behind
  logic [7:0] read_len, write_len_before;

  // A run that goes on in another page, with a burst before that was not full.
  function automatic logic cut(logic [ADDRESS_BITS-1:0] address, logic [ADDRESS_BITS-1:0] before_end,
                               logic [7:0] len_before);
    return address == before_end && address[11:0] == '0 && int'(len_before) + 1 < burst_beats;
  endfunction

  wire [SEEN_BITS-1:0] seen_now = {
    wvalid && beat == 0 && head == tail && !writes,  // data before address
    reads && unanswered + 1 == 64'(outstanding_reads),
    writes && awlen == 0,
    writes && int'(awlen) + 1 == burst_beats,
    writes && cut(awaddr, write_end, write_len_before),
    reads && arlen == 0,
    reads && int'(arlen) + 1 == burst_beats,
    reads && cut(araddr, read_end, read_len),
    write_data && last_write_beat && bursts_written != responses,  // B late
    within_read && !read_data,  // R gap
    wvalid && !wready,
    awvalid && !awready,
    arvalid && !arready
  };

  // --- state ----------------------------------------------------------------------------------

  always_ff @(posedge clk) begin
    ar_offered <= arvalid & ~arready & ~rst;
    aw_offered <= awvalid & ~awready & ~rst;
    w_offered  <= wvalid & ~wready & ~rst;
    ar_payload <= ar_now;
    aw_payload <= aw_now;
    w_payload  <= w_now;
    if (rst) begin
      head <= 0;
      tail <= 0;
      beat <= 0;
      unanswered <= 0;
      within_read <= 0;
      {bursts_written, responses} <= '0;
      {read_end, write_end} <= '1;  // no burst begins there
      seen <= '0;
      violation <= NONE;
    end else begin
      seen <= seen | seen_now;
      if (reads) begin
        read_end <= ADDRESS_BITS'(last_byte(araddr, arlen) + 1);
        read_len <= arlen;
      end
      if (writes) begin
        write_end <= ADDRESS_BITS'(last_byte(awaddr, awlen) + 1);
        write_len_before <= awlen;
      end
      if (read_data) within_read <= !rlast;
      bursts_written <= bursts_written + 64'(write_data & last_write_beat);
      responses <= responses + 64'(bvalid & bready);
      if (violation == NONE) violation <= broken_rule();
      unanswered <= unanswered + 64'(reads) - 64'(read_data & rlast);
      if (writes) begin
        length[tail%OUTSTANDING] <= awlen;
        tail <= tail + 1;
      end
      if (write_data) begin
        beat <= last_write_beat ? 0 : beat + 1;
        if (last_write_beat) head <= head + 1;
      end
    end
  end

  wire [63:0] read_burst_bytes = (64'(arlen) + 1) * 64'(WORD_BYTES);
  wire [63:0] write_burst_bytes = (64'(awlen) + 1) * 64'(WORD_BYTES);

  always_ff @(posedge clk) begin
    if (rst) begin
      {program_bytes, weight_bytes, feature_read_bytes, feature_written_bytes} <= '0;
      {read_bursts, write_bursts, read_beats, write_beats, written_beats} <= '0;
    end else begin
      if (reads) begin
        read_bursts <= read_bursts + 1;
        case (class_of(64'(araddr)))
          PROGRAM: program_bytes <= program_bytes + read_burst_bytes;
          WEIGHTS: weight_bytes <= weight_bytes + read_burst_bytes;
          default: feature_read_bytes <= feature_read_bytes + read_burst_bytes;
        endcase
      end
      if (writes) begin
        write_bursts <= write_bursts + 1;
        feature_written_bytes <= feature_written_bytes + write_burst_bytes;
      end
      if (read_data) read_beats <= read_beats + 1;
      if (write_data) write_beats <= write_beats + 1;
      if (write_data && wstrb != '0) written_beats <= written_beats + 1;
    end
  end
endmodule
