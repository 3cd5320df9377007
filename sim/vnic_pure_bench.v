// The same NIC, host memory and frames as in vnic_bench.v without Python and without VPI: the yardstick for what
// co-simulation costs (tests/bench). Sets the registers up by itself, receives FRAMES frames of LENGTH bytes and
// ends with one line: "pure frames=N cycles=N beats=N".
//
// Plusargs: frames=200, length=1518 (bytes with FCS).

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_pure_bench #(
    // Parameters of the NIC, see rtl/vnic.v
    parameter DATA_WIDTH = 64,
    parameter ADDR_WIDTH = 64,
    parameter ID_WIDTH = 4,
    parameter MAX_BURST_BEATS = 64,
    parameter RX_FIFO_BYTES = 49152,
    parameter TX_FIFO_BYTES = 16384,
    parameter CLK_NS = 4,
    parameter [47:0] MAC_ADDRESS = 48'h525400123456
);

localparam BYTES = DATA_WIDTH / 8;
localparam SHIFT = $clog2(BYTES);
localparam RING = 32'h10000, SLOTS = 4096, BUFFERS = 32'h100000;
localparam [16:0] CTRL = 17'h0, RCTL = 17'h100, RDBAL = 17'h2800, RDLEN = 17'h2808, RDH = 17'h2810, RDT = 17'h2818;

reg clk = 1'b0;
reg rst = 1'b1;
always #(CLK_NS / 2) clk = !clk;

wire irq, busy;
wire phy_link = 1'b1;
wire [15:0] fifo_free;

reg [16:0] axil_awaddr = 0, axil_araddr = 0;
wire [2:0] axil_awprot = 0, axil_arprot = 0;
reg axil_awvalid = 1'b0, axil_wvalid = 1'b0, axil_arvalid = 1'b0;
wire axil_awready, axil_wready, axil_bvalid, axil_arready, axil_rvalid;
wire axil_bready = 1'b1, axil_rready = 1'b1;
reg [31:0] axil_wdata = 0;
wire [31:0] axil_rdata;
wire [3:0] axil_wstrb = 4'b1111;
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

pure_memory #(
    .DATA_WIDTH(DATA_WIDTH),
    .ADDR_WIDTH(ADDR_WIDTH),
    .ID_WIDTH(ID_WIDTH),
    .CLK_NS(CLK_NS)
) memory (
    .clk(clk),
    .rst(rst),
    .s_axi_awid(axi_awid),
    .s_axi_awaddr(axi_awaddr),
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
    .s_axi_arvalid(axi_arvalid),
    .s_axi_arready(axi_arready),
    .s_axi_rid(axi_rid),
    .s_axi_rdata(axi_rdata),
    .s_axi_rresp(axi_rresp),
    .s_axi_rlast(axi_rlast),
    .s_axi_rvalid(axi_rvalid),
    .s_axi_rready(axi_rready)
);

// ---- the line: the same broadcast frame over and over ----
integer frames, length, sent = 0, position = 0, index;
reg [DATA_WIDTH-1:0] frame [0:16384/BYTES-1];
reg [DATA_WIDTH-1:0] tdata = 0;
reg [BYTES-1:0] tkeep = 0;
reg tvalid = 1'b0, tlast = 1'b0, going = 1'b0;
assign rx_tdata = tdata;
assign rx_tkeep = tkeep;
assign rx_tvalid = tvalid;
assign rx_tlast = tlast;
assign rx_tuser = 1'b0;
assign tx_tready = 1'b1;

reg [15:0] sent_blocks = 0, seen_blocks = 0, blocks;
wire [15:0] unseen = sent_blocks - seen_blocks;
wire fits = fifo_free >= blocks + unseen + 4;
wire more = going & (position != 0 || fits);
wire line_step = tvalid ? rx_tready : more;

always @(posedge clk) if (line_step) begin
    tvalid <= more;
    if (more) begin
        tdata <= frame[position / BYTES];
        if (position == 0) tkeep <= {BYTES{1'b1}};
        tlast <= 1'b0;
        position = position + BYTES;
        if (position >= length) begin
            tkeep <= {BYTES{1'b1}} >> (position - length);
            tlast <= 1'b1;
            position = 0;
            sent = sent + 1;
            sent_blocks = sent_blocks + blocks;
            seen_blocks <= #(16 * CLK_NS) sent_blocks;
            if (sent == frames) going <= 1'b0;
        end
    end
end

// ---- the registers, driven by themselves ----
task write32(input [16:0] address, input [31:0] value);
    begin
        axil_awaddr <= address;
        axil_wdata <= value;
        axil_awvalid <= 1'b1;
        axil_wvalid <= 1'b1;
        @(posedge clk);
        while (!(axil_awready && axil_wready)) @(posedge clk);
        axil_awvalid <= 1'b0;
        axil_wvalid <= 1'b0;
        while (!axil_bvalid) @(posedge clk);
        @(posedge clk);
    end
endtask

task put_word(input [31:0] address, input [63:0] value);
    memory.words[address >> SHIFT][8*(address % BYTES) +: 64] = value;
endtask

wire at_rest;
assign #(64 * CLK_NS, 0) at_rest = !busy & !tvalid;

initial begin
    frames = 200;
    length = 1518;
    if ($value$plusargs("frames=%d", frames)) ;
    if ($value$plusargs("length=%d", length)) ;
    blocks = (length + 63) / 64;
    for (index = 0; index < 16384 / BYTES; index = index + 1) frame[index] = {BYTES/4{$random}};
    frame[0][47:0] = {48{1'b1}};
    for (index = 0; index < SLOTS; index = index + 1) begin
        put_word(RING + 16 * index, BUFFERS + (index % 256) * 2048 + 2);
        put_word(RING + 16 * index + 8, 64'd0);
    end
    repeat (16) @(posedge clk);
    rst <= 1'b0;
    repeat (4) @(posedge clk);
    write32(CTRL, 32'h40);
    write32(RDBAL, RING);
    write32(RDLEN, 16 * SLOTS);
    write32(RDH, 0);
    write32(RDT, SLOTS - 1);
    write32(RCTL, 32'h8002);
    going <= frames != 0;
    while (sent < frames) begin
        // A driver's part: give back what has been used, a batch at a time.
        repeat (2000) @(posedge clk);
        write32(RDT, (sent / 64 * 64 + SLOTS - 1024) % SLOTS);
    end
    if (!at_rest) @(posedge at_rest);
    $display("pure frames=%0d cycles=%0d beats=%0d", sent, (memory.last_beat - memory.first_beat) / CLK_NS, memory.beats);
    $finish;
end

endmodule

`resetall
