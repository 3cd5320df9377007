// A bus master with bad manners, in place of the NIC: shows that the bench notices each of them.
//
// A register write starts one write burst of two beats to 0x1000 and one read burst of two beats from there, which
// leaves as a frame. Plusarg rude=N: 1 WLAST a beat early, 2 WLAST missing, 3 X in written data, 4 narrow beats,
// 5 a strobe below AWADDR, 6 WDATA changed while it waits, 7 X on WVALID, 8 TKEEP with a hole, 9 never at rest,
// 10 register reads never answered, 11 AW changed while it waits, 12 TDATA changed while it waits.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic #(
    parameter DATA_WIDTH = 64,
    parameter ADDR_WIDTH = 64,
    parameter ID_WIDTH = 4,
    parameter MAX_BURST_BEATS = 64,
    parameter RX_FIFO_BYTES = 49152,
    parameter TX_FIFO_BYTES = 16384,
    parameter CLK_NS = 4,
    parameter [47:0] MAC_ADDRESS = 48'h525400123456
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire                    phy_link,
    output wire                    irq,
    output wire                    busy,
    output wire [15:0]             rx_fifo_free,
    input  wire [16:0]             s_axil_awaddr,
    input  wire [2:0]              s_axil_awprot,
    input  wire                    s_axil_awvalid,
    output wire                    s_axil_awready,
    input  wire [31:0]             s_axil_wdata,
    input  wire [3:0]              s_axil_wstrb,
    input  wire                    s_axil_wvalid,
    output wire                    s_axil_wready,
    output wire [1:0]              s_axil_bresp,
    output reg                     s_axil_bvalid,
    input  wire                    s_axil_bready,
    input  wire [16:0]             s_axil_araddr,
    input  wire [2:0]              s_axil_arprot,
    input  wire                    s_axil_arvalid,
    output wire                    s_axil_arready,
    output wire [31:0]             s_axil_rdata,
    output wire [1:0]              s_axil_rresp,
    output reg                     s_axil_rvalid,
    input  wire                    s_axil_rready,
    output wire [ID_WIDTH-1:0]     m_axi_awid,
    output reg  [ADDR_WIDTH-1:0]   m_axi_awaddr,
    output wire [7:0]              m_axi_awlen,
    output wire [2:0]              m_axi_awsize,
    output wire [1:0]              m_axi_awburst,
    output reg                     m_axi_awvalid,
    input  wire                    m_axi_awready,
    output reg  [DATA_WIDTH-1:0]   m_axi_wdata,
    output reg  [DATA_WIDTH/8-1:0] m_axi_wstrb,
    output reg                     m_axi_wlast,
    output reg                     m_axi_wvalid,
    input  wire                    m_axi_wready,
    input  wire [ID_WIDTH-1:0]     m_axi_bid,
    input  wire [1:0]              m_axi_bresp,
    input  wire                    m_axi_bvalid,
    output wire                    m_axi_bready,
    output wire [ID_WIDTH-1:0]     m_axi_arid,
    output wire [ADDR_WIDTH-1:0]   m_axi_araddr,
    output wire [7:0]              m_axi_arlen,
    output wire [2:0]              m_axi_arsize,
    output wire [1:0]              m_axi_arburst,
    output reg                     m_axi_arvalid,
    input  wire                    m_axi_arready,
    input  wire [ID_WIDTH-1:0]     m_axi_rid,
    input  wire [DATA_WIDTH-1:0]   m_axi_rdata,
    input  wire [1:0]              m_axi_rresp,
    input  wire                    m_axi_rlast,
    input  wire                    m_axi_rvalid,
    output wire                    m_axi_rready,
    input  wire [DATA_WIDTH-1:0]   s_axis_rx_tdata,
    input  wire [DATA_WIDTH/8-1:0] s_axis_rx_tkeep,
    input  wire                    s_axis_rx_tvalid,
    output wire                    s_axis_rx_tready,
    input  wire                    s_axis_rx_tlast,
    input  wire                    s_axis_rx_tuser,
    output wire [DATA_WIDTH-1:0]   m_axis_tx_tdata,
    output wire [DATA_WIDTH/8-1:0] m_axis_tx_tkeep,
    output wire                    m_axis_tx_tvalid,
    input  wire                    m_axis_tx_tready,
    output wire                    m_axis_tx_tlast,
    output wire                    m_axis_tx_tuser
);

localparam BYTES = DATA_WIDTH / 8;

integer rude;
initial begin
    rude = 0;
    if ($value$plusargs("rude=%d", rude)) ;
end

reg [3:0] open_reg;
reg second_reg;
reg [7:0] wobble_reg;
wire begin_now = s_axil_awvalid && s_axil_wvalid && !s_axil_bvalid;

assign irq = 1'b0;
assign busy = open_reg != 0 || m_axi_awvalid || m_axi_arvalid || rude == 9;
assign rx_fifo_free = 16'd768;
assign s_axil_awready = begin_now;
assign s_axil_wready = begin_now;
assign s_axil_bresp = 2'b00;
assign s_axil_arready = !s_axil_rvalid && rude != 10;
assign s_axil_rdata = 32'h12345678;
assign s_axil_rresp = 2'b00;
assign m_axi_awid = 0;
assign m_axi_awlen = 8'd1;
assign m_axi_awsize = rude == 4 ? 3'd1 : $clog2(BYTES);
assign m_axi_awburst = 2'b01;
assign m_axi_bready = 1'b1;
assign m_axi_arid = 6;
assign m_axi_araddr = 64'h1000;
assign m_axi_arlen = 8'd1;
assign m_axi_arsize = $clog2(BYTES);
assign m_axi_arburst = 2'b01;
assign m_axi_rready = m_axis_tx_tready;
assign s_axis_rx_tready = 1'b1;
assign m_axis_tx_tdata = rude == 12 ? m_axi_rdata ^ wobble_reg : m_axi_rdata;
assign m_axis_tx_tkeep = rude == 8 ? {BYTES{1'b1}} ^ 2 : {BYTES{1'b1}};
assign m_axis_tx_tvalid = m_axi_rvalid;
assign m_axis_tx_tlast = m_axi_rlast;
assign m_axis_tx_tuser = 1'b1;

always @(posedge clk) begin
    wobble_reg <= wobble_reg + 8'd1;
    if (m_axi_awready) m_axi_awvalid <= 1'b0;
    if (m_axi_arready) m_axi_arvalid <= 1'b0;
    if (s_axil_bready) s_axil_bvalid <= 1'b0;
    if (s_axil_rready) s_axil_rvalid <= 1'b0;
    if (s_axil_arvalid && s_axil_arready) s_axil_rvalid <= 1'b1;
    if (rude == 6) m_axi_wdata <= {BYTES{wobble_reg}};
    if (rude == 11) m_axi_awaddr <= 64'h1000 + 64 * wobble_reg;
    if (m_axi_wvalid && m_axi_wready) begin
        second_reg <= 1'b1;
        m_axi_wlast <= rude != 2;
        if (second_reg) m_axi_wvalid <= 1'b0;
    end
    if (m_axi_bvalid) m_axi_arvalid <= 1'b1;
    if (m_axi_rvalid && m_axi_rready && m_axi_rlast) open_reg <= open_reg - 4'd1;
    if (begin_now) begin
        s_axil_bvalid <= 1'b1;
        open_reg <= open_reg + 4'd1;
        second_reg <= 1'b0;
        m_axi_awaddr <= rude == 5 ? 64'h1004 : 64'h1000;
        m_axi_awvalid <= 1'b1;
        m_axi_wvalid <= rude == 7 ? 1'bx : 1'b1;
        m_axi_wdata <= rude == 3 ? {BYTES{8'bx}} : {BYTES{8'h5a}};
        m_axi_wstrb <= {BYTES{1'b1}};
        m_axi_wlast <= rude == 1;
    end
    if (rst) begin
        open_reg <= 4'd0;
        second_reg <= 1'b0;
        wobble_reg <= 8'd0;
        m_axi_awvalid <= 1'b0;
        m_axi_wvalid <= 1'b0;
        m_axi_arvalid <= 1'b0;
        s_axil_bvalid <= 1'b0;
        s_axil_rvalid <= 1'b0;
    end
end

endmodule

`resetall
