// Bench of the co-simulation: clock, reset, the NIC, host memory, the line and Python's hand on the registers.
//
// Everything that happens every cycle is in here; Python wakes when a command is done (see reg_master.v).
//
// Plusargs: those of hostmem.v, axis_source.v and axis_sink.v, and dumpfile_path=FILE (waves; run vvp with -fst).

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_bench #(
    // Parameters of the NIC, see rtl/vnic.v
    parameter DATA_WIDTH = 64,
    parameter ADDR_WIDTH = 64,
    parameter ID_WIDTH = 4,
    parameter MAX_BURST_BEATS = 64,
    parameter RX_FIFO_BYTES = 49152,
    parameter TX_FIFO_BYTES = 16384,
    // Clock period in nanoseconds, even
    parameter CLK_NS = 4,
    parameter [47:0] MAC_ADDRESS = 48'h525400123456
);

reg clk = 1'b0;
reg rst = 1'b1;
reg [53:0] command = 0;
wire [33:0] answer;

initial begin : waves
    reg [8*1024-1:0] path;
    if ($value$plusargs("dumpfile_path=%s", path)) begin
        $dumpfile(path);
        $dumpvars(0, vnic_bench);
    end
end

always #(CLK_NS / 2) clk = !clk;

initial begin
    repeat (16) @(posedge clk);
    rst <= 1'b0;
end

wire active, phy_link, irq, busy;
wire [15:0] fifo_free;
wire memory_idle, source_idle;

wire [16:0] axil_awaddr, axil_araddr;
wire [2:0] axil_awprot, axil_arprot;
wire axil_awvalid, axil_awready, axil_wvalid, axil_wready, axil_bvalid, axil_bready;
wire axil_arvalid, axil_arready, axil_rvalid, axil_rready;
wire [31:0] axil_wdata, axil_rdata;
wire [3:0] axil_wstrb;
wire [1:0] axil_bresp, axil_rresp;

wire [ID_WIDTH-1:0] axi_awid, axi_bid, axi_arid, axi_rid;
wire [ADDR_WIDTH-1:0] axi_awaddr, axi_araddr;
wire [7:0] axi_awlen, axi_arlen;
wire [2:0] axi_awsize, axi_arsize;
wire [1:0] axi_awburst, axi_arburst, axi_bresp, axi_rresp;
wire axi_awvalid, axi_awready, axi_wvalid, axi_wready, axi_wlast, axi_bvalid, axi_bready;
wire axi_arvalid, axi_arready, axi_rvalid, axi_rready, axi_rlast;
wire [DATA_WIDTH-1:0] axi_wdata, axi_rdata;
wire [DATA_WIDTH/8-1:0] axi_wstrb;

wire [DATA_WIDTH-1:0] rx_tdata, tx_tdata;
wire [DATA_WIDTH/8-1:0] rx_tkeep, tx_tkeep;
wire rx_tvalid, rx_tready, rx_tlast, rx_tuser, tx_tvalid, tx_tready, tx_tlast, tx_tuser;

wire quiet = !busy && memory_idle && source_idle && !tx_tvalid;

vnic #(
    .DATA_WIDTH(DATA_WIDTH),
    .ADDR_WIDTH(ADDR_WIDTH),
    .ID_WIDTH(ID_WIDTH),
    .MAX_BURST_BEATS(MAX_BURST_BEATS),
    .RX_FIFO_BYTES(RX_FIFO_BYTES),
    .TX_FIFO_BYTES(TX_FIFO_BYTES),
    .CLK_NS(CLK_NS),
    .MAC_ADDRESS(MAC_ADDRESS)
) dut (
    .clk(clk),
    .rst(rst),
    .phy_link(phy_link),
    .irq(irq),
    .busy(busy),
    .rx_fifo_free(fifo_free),
    .s_axil_awaddr(axil_awaddr),
    .s_axil_awprot(axil_awprot),
    .s_axil_awvalid(axil_awvalid),
    .s_axil_awready(axil_awready),
    .s_axil_wdata(axil_wdata),
    .s_axil_wstrb(axil_wstrb),
    .s_axil_wvalid(axil_wvalid),
    .s_axil_wready(axil_wready),
    .s_axil_bresp(axil_bresp),
    .s_axil_bvalid(axil_bvalid),
    .s_axil_bready(axil_bready),
    .s_axil_araddr(axil_araddr),
    .s_axil_arprot(axil_arprot),
    .s_axil_arvalid(axil_arvalid),
    .s_axil_arready(axil_arready),
    .s_axil_rdata(axil_rdata),
    .s_axil_rresp(axil_rresp),
    .s_axil_rvalid(axil_rvalid),
    .s_axil_rready(axil_rready),
    .m_axi_awid(axi_awid),
    .m_axi_awaddr(axi_awaddr),
    .m_axi_awlen(axi_awlen),
    .m_axi_awsize(axi_awsize),
    .m_axi_awburst(axi_awburst),
    .m_axi_awvalid(axi_awvalid),
    .m_axi_awready(axi_awready),
    .m_axi_wdata(axi_wdata),
    .m_axi_wstrb(axi_wstrb),
    .m_axi_wlast(axi_wlast),
    .m_axi_wvalid(axi_wvalid),
    .m_axi_wready(axi_wready),
    .m_axi_bid(axi_bid),
    .m_axi_bresp(axi_bresp),
    .m_axi_bvalid(axi_bvalid),
    .m_axi_bready(axi_bready),
    .m_axi_arid(axi_arid),
    .m_axi_araddr(axi_araddr),
    .m_axi_arlen(axi_arlen),
    .m_axi_arsize(axi_arsize),
    .m_axi_arburst(axi_arburst),
    .m_axi_arvalid(axi_arvalid),
    .m_axi_arready(axi_arready),
    .m_axi_rid(axi_rid),
    .m_axi_rdata(axi_rdata),
    .m_axi_rresp(axi_rresp),
    .m_axi_rlast(axi_rlast),
    .m_axi_rvalid(axi_rvalid),
    .m_axi_rready(axi_rready),
    .s_axis_rx_tdata(rx_tdata),
    .s_axis_rx_tkeep(rx_tkeep),
    .s_axis_rx_tvalid(rx_tvalid),
    .s_axis_rx_tready(rx_tready),
    .s_axis_rx_tlast(rx_tlast),
    .s_axis_rx_tuser(rx_tuser),
    .m_axis_tx_tdata(tx_tdata),
    .m_axis_tx_tkeep(tx_tkeep),
    .m_axis_tx_tvalid(tx_tvalid),
    .m_axis_tx_tready(tx_tready),
    .m_axis_tx_tlast(tx_tlast),
    .m_axis_tx_tuser(tx_tuser)
);

hostmem #(
    .DATA_WIDTH(DATA_WIDTH),
    .ADDR_WIDTH(ADDR_WIDTH),
    .ID_WIDTH(ID_WIDTH),
    .CLK_NS(CLK_NS)
) memory (
    .clk(clk),
    .rst(rst),
    .s_axi_awid(axi_awid),
    .s_axi_awaddr(axi_awaddr),
    .s_axi_awlen(axi_awlen),
    .s_axi_awsize(axi_awsize),
    .s_axi_awburst(axi_awburst),
    .s_axi_awvalid(axi_awvalid),
    .s_axi_awready(axi_awready),
    .s_axi_wdata(axi_wdata),
    .s_axi_wstrb(axi_wstrb),
    .s_axi_wlast(axi_wlast),
    .s_axi_wvalid(axi_wvalid),
    .s_axi_wready(axi_wready),
    .s_axi_bid(axi_bid),
    .s_axi_bresp(axi_bresp),
    .s_axi_bvalid(axi_bvalid),
    .s_axi_bready(axi_bready),
    .s_axi_arid(axi_arid),
    .s_axi_araddr(axi_araddr),
    .s_axi_arlen(axi_arlen),
    .s_axi_arsize(axi_arsize),
    .s_axi_arburst(axi_arburst),
    .s_axi_arvalid(axi_arvalid),
    .s_axi_arready(axi_arready),
    .s_axi_rid(axi_rid),
    .s_axi_rdata(axi_rdata),
    .s_axi_rresp(axi_rresp),
    .s_axi_rlast(axi_rlast),
    .s_axi_rvalid(axi_rvalid),
    .s_axi_rready(axi_rready),
    .idle(memory_idle)
);

axis_source #(
    .DATA_WIDTH(DATA_WIDTH),
    .CLK_NS(CLK_NS)
) line_in (
    .clk(clk),
    .rst(rst),
    .look(active),
    .nic_busy(busy),
    .fifo_free(fifo_free),
    .m_axis_tdata(rx_tdata),
    .m_axis_tkeep(rx_tkeep),
    .m_axis_tvalid(rx_tvalid),
    .m_axis_tready(rx_tready),
    .m_axis_tlast(rx_tlast),
    .m_axis_tuser(rx_tuser),
    .idle(source_idle)
);

axis_sink #(
    .DATA_WIDTH(DATA_WIDTH)
) line_out (
    .clk(clk),
    .rst(rst),
    .s_axis_tdata(tx_tdata),
    .s_axis_tkeep(tx_tkeep),
    .s_axis_tvalid(tx_tvalid),
    .s_axis_tready(tx_tready),
    .s_axis_tlast(tx_tlast)
);

reg_master #(
    .CLK_NS(CLK_NS)
) hand (
    .clk(clk),
    .rst(rst),
    .command(command),
    .answer(answer),
    .active(active),
    .quiet(quiet),
    .irq(irq),
    .phy_link(phy_link),
    .m_axil_awaddr(axil_awaddr),
    .m_axil_awprot(axil_awprot),
    .m_axil_awvalid(axil_awvalid),
    .m_axil_awready(axil_awready),
    .m_axil_wdata(axil_wdata),
    .m_axil_wstrb(axil_wstrb),
    .m_axil_wvalid(axil_wvalid),
    .m_axil_wready(axil_wready),
    .m_axil_bresp(axil_bresp),
    .m_axil_bvalid(axil_bvalid),
    .m_axil_bready(axil_bready),
    .m_axil_araddr(axil_araddr),
    .m_axil_arprot(axil_arprot),
    .m_axil_arvalid(axil_arvalid),
    .m_axil_arready(axil_arready),
    .m_axil_rdata(axil_rdata),
    .m_axil_rresp(axil_rresp),
    .m_axil_rvalid(axil_rvalid),
    .m_axil_rready(axil_rready)
);

endmodule

`resetall
