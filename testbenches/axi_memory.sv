// The reference memory of docs/architecture.md, with a monitor on its bus; no Python per cycle.
//
// A read address accepted in cycle t has its first beat on the bus in cycle t + latency; bursts are
// answered in order. Write data is accepted at the same pace as read data is given, the response
// comes latency cycles after a burst's last beat. A beat of data waits for its address. Strobes are
// honoured. A beat or response that is not taken stays.
//
// The pace is counted in ticks, of which a cycle has `cycle_ticks` and a beat takes `beat_ticks`, at
// least as many. A beat has a time: the end of the beat before, or the beginning of the cycle for
// which it was due or offered, if that is later. It comes in the first cycle that does not begin
// before its time. If something else held it up until a later cycle, its time is that cycle's
// beginning. Write data that is offered in the cycle behind a beat of write data was due before: a
// channel offers one beat at a time.
//
// Both directions are independent, or else `shared`: the beat before is then the newest one of
// either direction. Writes go first, as they free the place that results need: no beat is read in
// the cycle after one in which write data is offered, as long as an accepted burst waits for data.
//
// A bench sets the public variables, while the bus is quiet, and raises `load` for a cycle; `dump`
// does the opposite of `load`. See axi_memory.py.
//
// +memory=FILE  raw bytes, placed from address 0 by `load`
// +dump=FILE    gets the first `size` bytes by `dump`

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
    output logic [             1:0] s_axi_bresp
);
  // One process moves all state by blocking assignments; only what leaves the module, or paces it,
  // is assigned without blocking.
  // verilator lint_off BLKSEQ

  localparam int unsigned WORD_BYTES = DATA_BITS / 8;

  logic load  /*verilator public_flat_rw*/;
  logic dump  /*verilator public_flat_rw*/;

  logic [31:0] size  /*verilator public_flat_rw*/;  // bytes that exist: others read as 0
  logic [31:0] latency  /*verilator public_flat_rw*/;  // cycles, at least 1
  logic [31:0] cycle_ticks  /*verilator public_flat_rw*/;
  logic [31:0] beat_ticks  /*verilator public_flat_rw*/;
  logic shared  /*verilator public_flat_rw*/;

  // Each channel stands still in so many of 1000 cycles, drawn from a seed that is not 0.
  logic [31:0] hesitation  /*verilator public_flat_rw*/;
  logic [63:0] random_state  /*verilator public_flat_rw*/;
  // A burst at this address is not accepted before it was offered for so many cycles, all together.
  logic [31:0] held_address  /*verilator public_flat_rw*/;
  logic [31:0] held_cycles  /*verilator public_flat_rw*/;
  // This beat that is read, and this burst that is written, counted in the order of the answers
  // since `load`, is answered with `error`; its address is then in `error_address`.
  logic [63:0] read_error_at  /*verilator public_flat_rw*/;
  logic [63:0] write_error_at  /*verilator public_flat_rw*/;
  logic [1:0] error  /*verilator public_flat_rw*/;
  logic [31:0] error_address  /*verilator public_flat_rd*/;
  logic [63:0] read_answers, write_answers;

  initial begin
    {load, dump} = '0;
    size = MEMORY_BYTES;
    {latency, cycle_ticks, beat_ticks} = {32'd1, 32'd1, 32'd1};
    shared = 0;
    hesitation = 0;
    random_state = 1;
    {held_address, held_cycles} = '0;
    {read_error_at, write_error_at} = '1;
    error = 0;
  end

  byte unsigned storage[MEMORY_BYTES];
  longint unsigned cycle;  // the cycle that the coming rising edge ends

  // Rings of bursts and responses: written at their tail, read at their head, both free-running.
  logic [ADDRESS_BITS-1:0] read_address[OUTSTANDING];
  logic [8:0] read_length[OUTSTANDING];  // beats
  logic [ID_BITS-1:0] read_id[OUTSTANDING];
  longint unsigned read_due[OUTSTANDING];
  int unsigned read_head, read_tail;
  int unsigned read_beat;
  longint unsigned next_read;  // end of the newest beat, in ticks

  logic [ADDRESS_BITS-1:0] write_address[OUTSTANDING];
  logic [8:0] write_length[OUTSTANDING];
  logic [ID_BITS-1:0] write_id[OUTSTANDING];
  int unsigned write_head, write_tail;
  int unsigned write_beat;
  longint unsigned next_write;  // end of the newest beat, in ticks
  logic data_waits;  // a beat of write data was offered already
  logic data_moved;  // one was accepted in the cycle before
  longint unsigned offered;  // the cycle from which on a beat counts as offered

  longint unsigned response_due[OUTSTANDING];
  logic [ID_BITS-1:0] response_id[OUTSTANDING];
  logic [1:0] response_code[OUTSTANDING];
  int unsigned response_head, response_tail;

  logic read_open, write_open;  // the address channels may accept
  logic data_open;  // the newest beat of write data is over
  logic write_addressed;  // an accepted burst waits for data
  logic [31:0] held;  // cycles for which a burst has been held

  wire hold_read = s_axi_araddr == held_address && held < held_cycles;
  wire hold_write = s_axi_awaddr == held_address && held < held_cycles;
  assign s_axi_arready = read_open & ~hold_read;
  assign s_axi_awready = write_open & ~hold_write;
  assign s_axi_wready = data_open & (write_addressed | s_axi_awvalid & s_axi_awready);

  logic quiet  /*verilator public_flat_rd*/;  // nothing is under way
  assign quiet = read_head == read_tail & write_head == write_tail & ~s_axi_rvalid &
      response_head == response_tail & ~s_axi_bvalid;

  task automatic read_file();
    string path;
    int file;
    int unsigned placed;
    if (size > MEMORY_BYTES) $fatal(1, "%0d bytes are above MEMORY_BYTES %0d", size, MEMORY_BYTES);
    if (latency == 0 || cycle_ticks == 0) $fatal(1, "latency and cycle_ticks are at least 1");
    if (beat_ticks < cycle_ticks) $fatal(1, "a beat takes at least a cycle");
    if ($value$plusargs("memory=%s", path) == 0) $fatal(1, "+memory names no file");
    file = $fopen(path, "rb");
    if (file == 0) $fatal(1, "cannot read +memory=%s", path);
    placed = $fread(storage, file);
    if (placed < size) $fatal(1, "+memory=%s has %0d bytes, not %0d", path, placed, size);
    $fclose(file);
  endtask

  task automatic write_file();
    string path;
    int file;
    if ($value$plusargs("dump=%s", path) == 0) $fatal(1, "+dump names no file");
    file = $fopen(path, "wb");
    if (file == 0) $fatal(1, "cannot write +dump=%s", path);
    for (int unsigned start = 0; start < size; start += 4) begin
      $fwrite(file, "%u", {storage[start+3], storage[start+2], storage[start+1], storage[start]});
    end
    $fclose(file);
  endtask

  // Whether a channel stands still in the next cycle: xorshift, alike in every simulator.
  function automatic logic hesitates();
    if (hesitation == 0) return 0;
    random_state = random_state ^ (random_state << 13);
    random_state = random_state ^ (random_state >> 7);
    random_state = random_state ^ (random_state << 17);
    return random_state % 1000 < 64'(hesitation);
  endfunction

  // The time behind a beat in cycle `now` that was due in cycle `due`; `free` is that before it.
  function automatic longint unsigned behind_beat(longint unsigned free, longint unsigned due,
                                                  longint unsigned now);
    longint unsigned start = due * 64'(cycle_ticks);
    if (start < free) start = free;
    if (start + 64'(cycle_ticks) <= now * 64'(cycle_ticks)) start = now * 64'(cycle_ticks);
    return start + 64'(beat_ticks);
  endfunction

  task automatic take_addresses();
    if (s_axi_arvalid && s_axi_arready) begin
      read_address[read_tail%OUTSTANDING] = s_axi_araddr;
      read_length[read_tail%OUTSTANDING] = s_axi_arlen + 9'd1;
      read_id[read_tail%OUTSTANDING] = s_axi_arid;
      read_due[read_tail%OUTSTANDING] = cycle + 64'(latency);
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
    if (s_axi_wvalid && !data_waits) offered = data_moved ? cycle - 1 : cycle;
    data_waits = s_axi_wvalid && !s_axi_wready;
    data_moved = s_axi_wvalid && s_axi_wready;
    if (s_axi_wvalid && s_axi_wready) begin
      for (int unsigned lane = 0; lane < WORD_BYTES; lane++) begin
        if (s_axi_wstrb[lane] && start + lane < size) begin
          storage[start+lane] = s_axi_wdata[8*lane+:8];
        end
      end
      next_write = behind_beat(next_write, offered, cycle);
      if (shared) next_read = next_write;
      write_beat = write_beat + 1;
      if (write_beat == int'(write_length[head])) begin
        response_due[response_tail%OUTSTANDING] = cycle + 64'(latency);
        response_id[response_tail%OUTSTANDING] = write_id[head];
        response_code[response_tail%OUTSTANDING] = write_answers == write_error_at ? error : 0;
        if (write_answers == write_error_at) error_address = 32'(write_address[head]);
        write_answers = write_answers + 1;
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
    logic writes = shared && s_axi_wvalid && write_head != write_tail;
    logic due = read_head != read_tail && read_due[head] <= cycle + 1 &&
        next_read <= (cycle + 1) * 64'(cycle_ticks) && !writes;
    if (!s_axi_rvalid || s_axi_rready) begin
      if (due && !hesitates()) begin
        for (int unsigned lane = 0; lane < WORD_BYTES; lane++) begin
          s_axi_rdata[8*lane+:8] <= start + lane < size ? storage[start+lane] : 8'd0;
        end
        s_axi_rid <= read_id[head];
        s_axi_rresp <= read_answers == read_error_at ? error : 0;
        if (read_answers == read_error_at) error_address = start;
        s_axi_rlast <= last;
        s_axi_rvalid <= 1;
        read_answers = read_answers + 1;
        next_read = behind_beat(next_read, read_due[head], cycle + 1);
        if (shared) next_write = next_read;
        read_beat = last ? 0 : read_beat + 1;
        if (last) read_head = read_head + 1;
      end else begin
        s_axi_rvalid <= 0;
      end
    end
  endtask

  task automatic drive_response();
    int unsigned head = response_head % OUTSTANDING;
    logic due = response_head != response_tail && response_due[head] <= cycle + 1;
    if (!s_axi_bvalid || s_axi_bready) begin
      if (due && !hesitates()) begin
        s_axi_bid <= response_id[head];
        s_axi_bresp <= response_code[head];
        s_axi_bvalid <= 1;
        response_head = response_head + 1;
      end else begin
        s_axi_bvalid <= 0;
      end
    end
  endtask

  always @(posedge clk) begin
    if (rst || load) begin
      cycle = 0;
      {read_head, read_tail, read_beat} = '0;
      {write_head, write_tail, write_beat} = '0;
      {data_waits, data_moved} = '0;
      {response_head, response_tail} = '0;
      {read_answers, write_answers} = '0;
      next_read = 0;
      next_write = 0;
      held <= 0;
      s_axi_rvalid <= 0;
      s_axi_bvalid <= 0;
    end else begin
      take_addresses();
      take_write_data();
      drive_read_data();
      drive_response();
      if (s_axi_arvalid && hold_read || s_axi_awvalid && hold_write) held <= held + 1;
      cycle = cycle + 1;
    end
    read_open <= read_tail - read_head < OUTSTANDING && !hesitates();
    // A burst that has its data still needs room for its response.
    write_open <= write_tail - write_head + response_tail - response_head < OUTSTANDING &&
        !hesitates();
    data_open <= next_write <= cycle * 64'(cycle_ticks) && !hesitates();
    write_addressed <= write_head != write_tail;
    if (load) read_file();
    if (dump) write_file();
  end

  axi_monitor #(
      .DATA_BITS(DATA_BITS),
      .ADDRESS_BITS(ADDRESS_BITS),
      .OUTSTANDING(OUTSTANDING)
  ) monitor (
      .clk,
      .rst(rst | load),
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
      .bvalid(s_axi_bvalid),
      .bready(s_axi_bready)
  );
endmodule
