// The accelerator in front of the memory of axi_memory.sv: a host needs only its registers, which are
// the accelerator's AXI4-Lite port, and `irq`. BUS_BITS is the accelerator's bus. The clock is made
// here: one that comes from outside the simulator costs more than the hardware.

module network #(
    parameter int unsigned BUS_BITS = 128,
    parameter int unsigned MEMORY_BYTES = 64 * 1024 * 1024
) (
    output logic clk,
    input  logic rst,

    input  logic        s_axi_awvalid,
    output logic        s_axi_awready,
    input  logic [11:0] s_axi_awaddr,
    input  logic [ 2:0] s_axi_awprot,
    input  logic        s_axi_wvalid,
    output logic        s_axi_wready,
    input  logic [31:0] s_axi_wdata,
    input  logic [ 3:0] s_axi_wstrb,
    output logic        s_axi_bvalid,
    input  logic        s_axi_bready,
    output logic [ 1:0] s_axi_bresp,
    input  logic        s_axi_arvalid,
    output logic        s_axi_arready,
    input  logic [11:0] s_axi_araddr,
    input  logic [ 2:0] s_axi_arprot,
    output logic        s_axi_rvalid,
    input  logic        s_axi_rready,
    output logic [31:0] s_axi_rdata,
    output logic [ 1:0] s_axi_rresp,

    output logic irq,

    // What the accelerator is about, for benches that break a run.
    output logic        started,
    output logic        aborting,
    output logic        stopping,
    output logic        running,
    output logic        ended,
    output logic        reading,
    output logic        writing,
    output logic        computing,
    output logic [31:0] next_descriptor
);
  initial clk = 0;
  always #5 clk = ~clk;  // in ns, by --timescale

  localparam int unsigned ID_BITS = 1;
  localparam int unsigned ADDRESS_BITS = 32;

  logic arvalid, arready, rvalid, rready, rlast;
  logic awvalid, awready, wvalid, wready, wlast, bvalid, bready;
  logic [ID_BITS-1:0] arid, rid, awid, bid;
  logic [ADDRESS_BITS-1:0] araddr, awaddr;
  logic [7:0] arlen, awlen;
  logic [2:0] arsize, awsize;
  logic [1:0] arburst, awburst, rresp, bresp;
  logic [BUS_BITS-1:0] rdata, wdata;
  logic [BUS_BITS/8-1:0] wstrb;
  // Of no meaning to a memory.
  logic arlock, awlock;
  logic [3:0] arcache, awcache;
  logic [2:0] arprot, awprot;

  accelerator accelerator (
      .clk,
      .rst,
      .s_axi_awvalid,
      .s_axi_awready,
      .s_axi_awaddr,
      .s_axi_awprot,
      .s_axi_wvalid,
      .s_axi_wready,
      .s_axi_wdata,
      .s_axi_wstrb,
      .s_axi_bvalid,
      .s_axi_bready,
      .s_axi_bresp,
      .s_axi_arvalid,
      .s_axi_arready,
      .s_axi_araddr,
      .s_axi_arprot,
      .s_axi_rvalid,
      .s_axi_rready,
      .s_axi_rdata,
      .s_axi_rresp,
      .irq,
      .m_axi_arvalid(arvalid),
      .m_axi_arready(arready),
      .m_axi_arid(arid),
      .m_axi_araddr(araddr),
      .m_axi_arlen(arlen),
      .m_axi_arsize(arsize),
      .m_axi_arburst(arburst),
      .m_axi_arlock(arlock),
      .m_axi_arcache(arcache),
      .m_axi_arprot(arprot),
      .m_axi_rvalid(rvalid),
      .m_axi_rready(rready),
      .m_axi_rid(rid),
      .m_axi_rdata(rdata),
      .m_axi_rresp(rresp),
      .m_axi_rlast(rlast),
      .m_axi_awvalid(awvalid),
      .m_axi_awready(awready),
      .m_axi_awid(awid),
      .m_axi_awaddr(awaddr),
      .m_axi_awlen(awlen),
      .m_axi_awsize(awsize),
      .m_axi_awburst(awburst),
      .m_axi_awlock(awlock),
      .m_axi_awcache(awcache),
      .m_axi_awprot(awprot),
      .m_axi_wvalid(wvalid),
      .m_axi_wready(wready),
      .m_axi_wdata(wdata),
      .m_axi_wstrb(wstrb),
      .m_axi_wlast(wlast),
      .m_axi_bvalid(bvalid),
      .m_axi_bready(bready),
      .m_axi_bid(bid),
      .m_axi_bresp(bresp)
  );

  assign started = accelerator.registers.launch__start;
  assign aborting = accelerator.registers.abort;
  assign stopping = accelerator.control.status__stopping;
  assign running = accelerator.control.status__running;
  assign ended = accelerator.core.supervision__ended;
  assign reading = accelerator.core.read_manager.unanswered != 0;
  assign writing = wvalid;
  assign computing = accelerator.core.issue.step;
  assign next_descriptor = 32'(accelerator.core.fetch.source);

  axi_memory #(
      .DATA_BITS(BUS_BITS),
      .ADDRESS_BITS(ADDRESS_BITS),
      .ID_BITS(ID_BITS),
      .MEMORY_BYTES(MEMORY_BYTES)
  ) memory (
      .clk,
      .rst,
      .s_axi_arvalid(arvalid),
      .s_axi_arready(arready),
      .s_axi_arid(arid),
      .s_axi_araddr(araddr),
      .s_axi_arlen(arlen),
      .s_axi_arsize(arsize),
      .s_axi_arburst(arburst),
      .s_axi_rvalid(rvalid),
      .s_axi_rready(rready),
      .s_axi_rid(rid),
      .s_axi_rdata(rdata),
      .s_axi_rresp(rresp),
      .s_axi_rlast(rlast),
      .s_axi_awvalid(awvalid),
      .s_axi_awready(awready),
      .s_axi_awid(awid),
      .s_axi_awaddr(awaddr),
      .s_axi_awlen(awlen),
      .s_axi_awsize(awsize),
      .s_axi_awburst(awburst),
      .s_axi_wvalid(wvalid),
      .s_axi_wready(wready),
      .s_axi_wdata(wdata),
      .s_axi_wstrb(wstrb),
      .s_axi_wlast(wlast),
      .s_axi_bvalid(bvalid),
      .s_axi_bready(bready),
      .s_axi_bid(bid),
      .s_axi_bresp(bresp)
  );

  axi_recorder #(
      .DATA_BITS(BUS_BITS),
      .ADDRESS_BITS(ADDRESS_BITS)
  ) recorder (
      .clk,
      .rst,
      .flush(memory.dump),
      .start(started),
      .arvalid,
      .arready,
      .araddr,
      .arlen,
      .awvalid,
      .awready,
      .awaddr,
      .awlen,
      .wvalid,
      .wready,
      .wdata,
      .wstrb,
      .bvalid,
      .bready
  );
endmodule
