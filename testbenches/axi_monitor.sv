// Counts what crosses a memory's bus, by address alone, and checks the manager's side of AXI4.
//
// Bytes are beats x bus bytes. They are counted by class when a burst's address is accepted; beats
// are counted as they cross, so that the two counts check each other once the bus is idle.
// `violation` holds the code of the first rule that was broken, 0 as long as none was. Nothing here
// depends on the simulator's assertions being on.
//
// +program_base=ADDRESS, +program_end=ADDRESS  the program: from the one up to before the other
// +weights_base=ADDRESS, +weights_end=ADDRESS  the weights; all else is features. The bases are 0
//     unless told. Writes to program or weights break a rule
// +window_base=ADDRESS, +window_limit=ADDRESS  first and last byte that may be accessed
// +burst_beats=BEATS                           longest burst; 256 unless told
// +outstanding_reads=BURSTS                    most reads unanswered; no bound unless told

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

    output logic [63:0] program_bytes,
    output logic [63:0] weight_bytes,
    output logic [63:0] feature_read_bytes,
    output logic [63:0] feature_written_bytes,
    output logic [63:0] read_bursts,
    output logic [63:0] write_bursts,
    output logic [63:0] read_beats,
    output logic [63:0] write_beats,
    output logic [ 7:0] violation
);
  localparam int unsigned WORD_BYTES = DATA_BITS / 8;
  localparam int unsigned ADDRESS_PAYLOAD_BITS = ADDRESS_BITS + 8 + 3 + 2;

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
    WRITE_TO_CONSTANTS,
    TWO_CLASSES,
    TOO_MANY_READS
  } violation_t;

  typedef enum logic [1:0] {
    PROGRAM,
    WEIGHTS,
    FEATURES
  } class_t;

  longint unsigned program_base, program_end, weights_base, weights_end;
  longint unsigned window_base, window_limit;
  longint unsigned burst_beats, outstanding_reads;
  longint unsigned unanswered;  // read bursts accepted whose last beat is to come

  function automatic longint unsigned argument(string format, longint unsigned otherwise);
    longint unsigned value = otherwise;
    if ($value$plusargs(format, value) == 0) value = otherwise;
    return value;
  endfunction

  initial begin
    program_base = argument("program_base=%d", 0);
    program_end = argument("program_end=%d", 0);
    weights_base = argument("weights_base=%d", 0);
    weights_end = argument("weights_end=%d", 0);
    window_base = argument("window_base=%d", 0);
    window_limit = argument("window_limit=%d", (64'd1 << ADDRESS_BITS) - 1);
    burst_beats = argument("burst_beats=%d", 256);
    outstanding_reads = argument("outstanding_reads=%d", ~64'd0);
  end

  // --- rules ----------------------------------------------------------------------------------

  // The first rule that a burst breaks, whichever way it goes.
  function automatic violation_t address_rules(
      logic [ADDRESS_BITS-1:0] address, logic [7:0] len, logic [2:0] size, logic [1:0] burst);
    int unsigned bytes = (int'(len) + 1) * WORD_BYTES;
    if (burst != 2'b01) return NOT_INCR;
    if (int'(size) != $clog2(WORD_BYTES)) return WRONG_SIZE;
    if (int'(address) % WORD_BYTES != 0) return UNALIGNED;
    if (longint'(len) + 1 > burst_beats) return BURST_TOO_LONG;
    if (int'(address[11:0]) + bytes > 4096) return CROSSES_4_KIB;
    return NONE;
  endfunction

  function automatic class_t class_of(longint unsigned address);
    if (address >= program_base && address < program_end) return PROGRAM;
    if (address >= weights_base && address < weights_end) return WEIGHTS;
    return FEATURES;
  endfunction

  function automatic longint unsigned last_byte(logic [ADDRESS_BITS-1:0] address, logic [7:0] len);
    return longint'(address) + (longint'(len) + 1) * longint'(WORD_BYTES) - 1;
  endfunction

  function automatic violation_t read_rules();
    longint unsigned first = longint'(araddr);
    longint unsigned last = last_byte(araddr, arlen);
    violation_t broken = address_rules(araddr, arlen, arsize, arburst);
    if (broken != NONE) return broken;
    if (first < window_base || last > window_limit) return READ_OUTSIDE_WINDOW;
    if (class_of(first) != class_of(last)) return TWO_CLASSES;
    if (unanswered >= outstanding_reads) return TOO_MANY_READS;
    return NONE;
  endfunction

  function automatic violation_t write_rules();
    longint unsigned first = longint'(awaddr);
    longint unsigned last = last_byte(awaddr, awlen);
    violation_t broken = address_rules(awaddr, awlen, awsize, awburst);
    if (broken != NONE) return broken;
    if (first < window_base || last > window_limit) return WRITE_OUTSIDE_WINDOW;
    if (class_of(first) != FEATURES || class_of(last) != FEATURES) return WRITE_TO_CONSTANTS;
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
    return broken;
  endfunction

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
      violation <= NONE;
    end else begin
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
      {read_bursts, write_bursts, read_beats, write_beats} <= '0;
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
    end
  end
endmodule
