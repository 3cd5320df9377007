// Bench of the witness: clock, reset and the NIC; every bus is played by cocotbext-axi (vnic/targets/witness.py).
//
// Plusarg: dumpfile_path=FILE (waves; run vvp with -fst).

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_witness_bench #(
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

initial begin : waves
    reg [8*1024-1:0] path;
    if ($value$plusargs("dumpfile_path=%s", path)) begin
        $dumpfile(path);
        $dumpvars(0, vnic_witness_bench);
    end
end

always #(CLK_NS / 2) clk = !clk;

initial begin
    repeat (16) @(posedge clk);
    rst <= 1'b0;
end

// Driven by cocotbext-axi, which finds its signals by prefix. All start at 0: its models read before they drive.
reg phy_link = 1'b1;
wire irq, busy;
wire [15:0] fifo_free;

reg [16:0] s_axil_awaddr = 0, s_axil_araddr = 0;
reg [2:0] s_axil_awprot = 0, s_axil_arprot = 0;
reg s_axil_awvalid = 0, s_axil_wvalid = 0, s_axil_bready = 0, s_axil_arvalid = 0, s_axil_rready = 0;
reg [31:0] s_axil_wdata = 0;
reg [3:0] s_axil_wstrb = 0;
wire s_axil_awready, s_axil_wready, s_axil_bvalid, s_axil_arready, s_axil_rvalid;
wire [31:0] s_axil_rdata;
wire [1:0] s_axil_bresp, s_axil_rresp;

wire [ID_WIDTH-1:0] m_axi_awid, m_axi_arid;
reg [ID_WIDTH-1:0] m_axi_bid = 0, m_axi_rid = 0;
wire [ADDR_WIDTH-1:0] m_axi_awaddr, m_axi_araddr;
wire [7:0] m_axi_awlen, m_axi_arlen;
wire [2:0] m_axi_awsize, m_axi_arsize;
wire [1:0] m_axi_awburst, m_axi_arburst;
reg [1:0] m_axi_bresp = 0, m_axi_rresp = 0;
wire m_axi_awvalid, m_axi_wvalid, m_axi_wlast, m_axi_bready, m_axi_arvalid, m_axi_rready;
reg m_axi_awready = 0, m_axi_wready = 0, m_axi_bvalid = 0, m_axi_arready = 0, m_axi_rvalid = 0, m_axi_rlast = 0;
wire [DATA_WIDTH-1:0] m_axi_wdata;
reg [DATA_WIDTH-1:0] m_axi_rdata = 0;
wire [DATA_WIDTH/8-1:0] m_axi_wstrb;

reg [DATA_WIDTH-1:0] s_axis_rx_tdata = 0;
reg [DATA_WIDTH/8-1:0] s_axis_rx_tkeep = 0;
reg s_axis_rx_tvalid = 0, s_axis_rx_tlast = 0, s_axis_rx_tuser = 0;
wire s_axis_rx_tready;
wire [DATA_WIDTH-1:0] m_axis_tx_tdata;
wire [DATA_WIDTH/8-1:0] m_axis_tx_tkeep;
wire m_axis_tx_tvalid, m_axis_tx_tlast, m_axis_tx_tuser;
reg m_axis_tx_tready = 0;

// Bursts in flight, so that rest can be told from a memory that is merely slow
reg [15:0] writes = 0, reads = 0;
always @(posedge clk) begin
    writes <= writes + (m_axi_awvalid & m_axi_awready) - (m_axi_bvalid & m_axi_bready);
    reads <= reads + (m_axi_arvalid & m_axi_arready) - (m_axi_rvalid & m_axi_rready & m_axi_rlast);
end

wire quiet = !busy && writes == 0 && reads == 0 && !s_axis_rx_tvalid && !m_axis_tx_tvalid;
wire at_rest;
assign #(64 * CLK_NS, 0) at_rest = quiet;

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
    .s_axil_awaddr(s_axil_awaddr),
    .s_axil_awprot(s_axil_awprot),
    .s_axil_awvalid(s_axil_awvalid),
    .s_axil_awready(s_axil_awready),
    .s_axil_wdata(s_axil_wdata),
    .s_axil_wstrb(s_axil_wstrb),
    .s_axil_wvalid(s_axil_wvalid),
    .s_axil_wready(s_axil_wready),
    .s_axil_bresp(s_axil_bresp),
    .s_axil_bvalid(s_axil_bvalid),
    .s_axil_bready(s_axil_bready),
    .s_axil_araddr(s_axil_araddr),
    .s_axil_arprot(s_axil_arprot),
    .s_axil_arvalid(s_axil_arvalid),
    .s_axil_arready(s_axil_arready),
    .s_axil_rdata(s_axil_rdata),
    .s_axil_rresp(s_axil_rresp),
    .s_axil_rvalid(s_axil_rvalid),
    .s_axil_rready(s_axil_rready),
    .m_axi_awid(m_axi_awid),
    .m_axi_awaddr(m_axi_awaddr),
    .m_axi_awlen(m_axi_awlen),
    .m_axi_awsize(m_axi_awsize),
    .m_axi_awburst(m_axi_awburst),
    .m_axi_awvalid(m_axi_awvalid),
    .m_axi_awready(m_axi_awready),
    .m_axi_wdata(m_axi_wdata),
    .m_axi_wstrb(m_axi_wstrb),
    .m_axi_wlast(m_axi_wlast),
    .m_axi_wvalid(m_axi_wvalid),
    .m_axi_wready(m_axi_wready),
    .m_axi_bid(m_axi_bid),
    .m_axi_bresp(m_axi_bresp),
    .m_axi_bvalid(m_axi_bvalid),
    .m_axi_bready(m_axi_bready),
    .m_axi_arid(m_axi_arid),
    .m_axi_araddr(m_axi_araddr),
    .m_axi_arlen(m_axi_arlen),
    .m_axi_arsize(m_axi_arsize),
    .m_axi_arburst(m_axi_arburst),
    .m_axi_arvalid(m_axi_arvalid),
    .m_axi_arready(m_axi_arready),
    .m_axi_rid(m_axi_rid),
    .m_axi_rdata(m_axi_rdata),
    .m_axi_rresp(m_axi_rresp),
    .m_axi_rlast(m_axi_rlast),
    .m_axi_rvalid(m_axi_rvalid),
    .m_axi_rready(m_axi_rready),
    .s_axis_rx_tdata(s_axis_rx_tdata),
    .s_axis_rx_tkeep(s_axis_rx_tkeep),
    .s_axis_rx_tvalid(s_axis_rx_tvalid),
    .s_axis_rx_tready(s_axis_rx_tready),
    .s_axis_rx_tlast(s_axis_rx_tlast),
    .s_axis_rx_tuser(s_axis_rx_tuser),
    .m_axis_tx_tdata(m_axis_tx_tdata),
    .m_axis_tx_tkeep(m_axis_tx_tkeep),
    .m_axis_tx_tvalid(m_axis_tx_tvalid),
    .m_axis_tx_tready(m_axis_tx_tready),
    .m_axis_tx_tlast(m_axis_tx_tlast),
    .m_axis_tx_tuser(m_axis_tx_tuser)
);

endmodule

`resetall
