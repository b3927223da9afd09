// The reference memory of docs/architecture.md, with a monitor on its bus; no Python per cycle.
//
// A read address accepted in cycle t has its first beat on the bus in cycle t + latency, then one
// beat per interval; bursts are answered in order. Write data is accepted at one beat per interval,
// the response comes latency cycles after a burst's last beat. A beat of data waits for its
// address. Both directions are independent. Strobes are honoured. A beat or response that is not
// taken stays, and the next one comes no earlier than an interval after it came.
//
// +memory=FILE    raw bytes, placed from address 0
// +size=BYTES     bytes that exist, and that a dump holds: what lies above reads as 0
// +latency=CYCLES, +interval=CYCLES per beat; 1 and 1 unless told
// +dump=FILE      gets the first +size bytes when `dump` rises, and otherwise when the run ends
// The monitor's are in axi_monitor.sv.

module axi_memory #(
    parameter int unsigned DATA_BITS = 64,
    parameter int unsigned ADDRESS_BITS = 32,
    parameter int unsigned ID_BITS = 1,
    parameter int unsigned OUTSTANDING = 256,  // bursts that wait, in either direction
    parameter int unsigned MEMORY_BYTES = 64 * 1024 * 1024
) (
    input logic clk,
    input logic rst,

    input  logic                    s_axi_arvalid,
    output logic                    s_axi_arready,
    input  logic [     ID_BITS-1:0] s_axi_arid,
    input  logic [ADDRESS_BITS-1:0] s_axi_araddr,
    input  logic [             7:0] s_axi_arlen,
    input  logic [             2:0] s_axi_arsize,
    input  logic [             1:0] s_axi_arburst,

    output logic                    s_axi_rvalid,
    input  logic                    s_axi_rready,
    output logic [     ID_BITS-1:0] s_axi_rid,
    output logic [   DATA_BITS-1:0] s_axi_rdata,
    output logic [             1:0] s_axi_rresp,
    output logic                    s_axi_rlast,

    input  logic                    s_axi_awvalid,
    output logic                    s_axi_awready,
    input  logic [     ID_BITS-1:0] s_axi_awid,
    input  logic [ADDRESS_BITS-1:0] s_axi_awaddr,
    input  logic [             7:0] s_axi_awlen,
    input  logic [             2:0] s_axi_awsize,
    input  logic [             1:0] s_axi_awburst,

    input  logic                    s_axi_wvalid,
    output logic                    s_axi_wready,
    input  logic [   DATA_BITS-1:0] s_axi_wdata,
    input  logic [ DATA_BITS/8-1:0] s_axi_wstrb,
    input  logic                    s_axi_wlast,

    output logic                    s_axi_bvalid,
    input  logic                    s_axi_bready,
    output logic [     ID_BITS-1:0] s_axi_bid,
    output logic [             1:0] s_axi_bresp,

    input  logic        dump,
    output logic        dumped,

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
  // One process moves all state by blocking assignments, in the order of the reference model's
  // step; only what leaves the module, or paces it, is assigned without blocking.
  // verilator lint_off BLKSEQ

  localparam int unsigned WORD_BYTES = DATA_BITS / 8;

  byte unsigned storage[MEMORY_BYTES];
  int unsigned size;
  longint unsigned latency, interval;
  longint unsigned cycle;  // the cycle that the coming rising edge ends

  // Rings of bursts and responses: written at their tail, read at their head, both free-running.
  logic [ADDRESS_BITS-1:0] read_address[OUTSTANDING];
  logic [8:0] read_length[OUTSTANDING];  // beats
  logic [ID_BITS-1:0] read_id[OUTSTANDING];
  longint unsigned read_due[OUTSTANDING];
  int unsigned read_head, read_tail;
  int unsigned read_beat;
  longint unsigned next_read;  // first cycle in which the channel may carry another beat

  logic [ADDRESS_BITS-1:0] write_address[OUTSTANDING];
  logic [8:0] write_length[OUTSTANDING];
  logic [ID_BITS-1:0] write_id[OUTSTANDING];
  int unsigned write_head, write_tail;
  int unsigned write_beat;
  longint unsigned next_write;

  longint unsigned response_due[OUTSTANDING];
  logic [ID_BITS-1:0] response_id[OUTSTANDING];
  int unsigned response_head, response_tail;

  logic write_open;  // the interval since the last beat of write data is over
  logic write_addressed;  // an accepted burst waits for data
  assign s_axi_wready = write_open & (write_addressed | s_axi_awvalid);
  assign s_axi_rresp = 2'b00;
  assign s_axi_bresp = 2'b00;

  function automatic longint unsigned argument(string format, longint unsigned otherwise);
    longint unsigned value = otherwise;
    if ($value$plusargs(format, value) == 0) value = otherwise;
    return value;
  endfunction

  initial begin
    string path;
    int file;
    int unsigned placed;
    latency = argument("latency=%d", 1);
    interval = argument("interval=%d", 1);
    size = int'(argument("size=%d", longint'(MEMORY_BYTES)));
    if (size > MEMORY_BYTES) $fatal(1, "+size=%0d is above MEMORY_BYTES %0d", size, MEMORY_BYTES);
    if (latency == 0 || interval == 0) $fatal(1, "+latency and +interval must be at least 1");
    if ($value$plusargs("memory=%s", path) != 0) begin
      file = $fopen(path, "rb");
      if (file == 0) $fatal(1, "cannot read +memory=%s", path);
      placed = $fread(storage, file);
      if (placed == 0) $fatal(1, "+memory=%s is empty", path);
      $fclose(file);
    end
  end

  task automatic write_dump();
    string path;
    int file;
    if ($value$plusargs("dump=%s", path) != 0) begin
      file = $fopen(path, "wb");
      if (file == 0) $fatal(1, "cannot write +dump=%s", path);
      for (int unsigned start = 0; start < size; start += 4) begin
        $fwrite(file, "%u", {storage[start+3], storage[start+2], storage[start+1], storage[start]});
      end
      $fclose(file);
    end
  endtask

  task automatic take_addresses();
    if (s_axi_arvalid && s_axi_arready) begin
      read_address[read_tail%OUTSTANDING] = s_axi_araddr;
      read_length[read_tail%OUTSTANDING] = s_axi_arlen + 9'd1;
      read_id[read_tail%OUTSTANDING] = s_axi_arid;
      read_due[read_tail%OUTSTANDING] = cycle + latency;
      read_tail = read_tail + 1;
    end
    if (s_axi_awvalid && s_axi_awready) begin
      write_address[write_tail%OUTSTANDING] = s_axi_awaddr;
      write_length[write_tail%OUTSTANDING] = s_axi_awlen + 9'd1;
      write_id[write_tail%OUTSTANDING] = s_axi_awid;
      write_tail = write_tail + 1;
    end
  endtask

  task automatic take_write_data();
    int unsigned head = write_head % OUTSTANDING;
    int unsigned start = int'(write_address[head]) + write_beat * WORD_BYTES;
    if (s_axi_wvalid && s_axi_wready) begin
      for (int unsigned lane = 0; lane < WORD_BYTES; lane++) begin
        if (s_axi_wstrb[lane] && start + lane < size) begin
          storage[start+lane] = s_axi_wdata[8*lane+:8];
        end
      end
      next_write = cycle + interval;
      write_beat = write_beat + 1;
      if (write_beat == int'(write_length[head])) begin
        response_due[response_tail%OUTSTANDING] = cycle + latency;
        response_id[response_tail%OUTSTANDING] = write_id[head];
        response_tail = response_tail + 1;
        write_head = write_head + 1;
        write_beat = 0;
      end
    end
  endtask

  // What the next cycle carries.
  task automatic drive_read_data();
    int unsigned head = read_head % OUTSTANDING;
    int unsigned start = int'(read_address[head]) + read_beat * WORD_BYTES;
    logic last = read_beat + 1 == int'(read_length[head]);
    if (!s_axi_rvalid || s_axi_rready) begin
      if (read_head != read_tail && read_due[head] <= cycle + 1 && next_read <= cycle + 1) begin
        for (int unsigned lane = 0; lane < WORD_BYTES; lane++) begin
          s_axi_rdata[8*lane+:8] <= start + lane < size ? storage[start+lane] : 8'd0;
        end
        s_axi_rid <= read_id[head];
        s_axi_rlast <= last;
        s_axi_rvalid <= 1;
        next_read = cycle + 1 + interval;
        read_beat = last ? 0 : read_beat + 1;
        if (last) read_head = read_head + 1;
      end else begin
        s_axi_rvalid <= 0;
      end
    end
  endtask

  task automatic drive_response();
    int unsigned head = response_head % OUTSTANDING;
    if (!s_axi_bvalid || s_axi_bready) begin
      if (response_head != response_tail && response_due[head] <= cycle + 1) begin
        s_axi_bid <= response_id[head];
        s_axi_bvalid <= 1;
        response_head = response_head + 1;
      end else begin
        s_axi_bvalid <= 0;
      end
    end
  endtask

  always @(posedge clk) begin
    if (rst) begin
      cycle = 0;
      {read_head, read_tail, read_beat} = '0;
      {write_head, write_tail, write_beat} = '0;
      {response_head, response_tail} = '0;
      next_read = 0;
      next_write = 0;
      s_axi_rvalid <= 0;
      s_axi_bvalid <= 0;
    end else begin
      take_addresses();
      take_write_data();
      drive_read_data();
      drive_response();
      cycle = cycle + 1;
    end
    s_axi_arready <= read_tail - read_head < OUTSTANDING;
    // A burst that has its data still needs room for its response.
    s_axi_awready <= write_tail - write_head + response_tail - response_head < OUTSTANDING;
    write_addressed <= write_head != write_tail;
    write_open <= next_write <= cycle;
  end

  always @(posedge clk) begin
    dumped <= dump;
    if (dump && !dumped) write_dump();
  end

  final if (!dumped) write_dump();

  axi_monitor #(
      .DATA_BITS(DATA_BITS),
      .ADDRESS_BITS(ADDRESS_BITS),
      .OUTSTANDING(OUTSTANDING)
  ) monitor (
      .clk,
      .rst,
      .arvalid(s_axi_arvalid),
      .arready(s_axi_arready),
      .araddr(s_axi_araddr),
      .arlen(s_axi_arlen),
      .arsize(s_axi_arsize),
      .arburst(s_axi_arburst),
      .rvalid(s_axi_rvalid),
      .rready(s_axi_rready),
      .rlast(s_axi_rlast),
      .awvalid(s_axi_awvalid),
      .awready(s_axi_awready),
      .awaddr(s_axi_awaddr),
      .awlen(s_axi_awlen),
      .awsize(s_axi_awsize),
      .awburst(s_axi_awburst),
      .wvalid(s_axi_wvalid),
      .wready(s_axi_wready),
      .wdata(s_axi_wdata),
      .wstrb(s_axi_wstrb),
      .wlast(s_axi_wlast),
      .program_bytes,
      .weight_bytes,
      .feature_read_bytes,
      .feature_written_bytes,
      .read_bursts,
      .write_bursts,
      .read_beats,
      .write_beats,
      .violation
  );
endmodule
