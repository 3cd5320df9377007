// SPDX-License-Identifier: Apache-2.0
//
// Ethernet controller with the programming model of the Intel 82540EM (8254x SDM 317453), legacy
// descriptors: AXI4-Lite registers, AXI4 DMA, AXI-Stream towards the MAC.
//
//   s_axis_rx -> rx_filter -> FIFO -> rx_engine -> axi_wr -> memory -> rx_wb -> axi_wr
//   memory -> tx_fetch -> tx_engine -> axi_rd -> tx_gather -> FIFO -> tx_out -> m_axis_tx | tx_loop -> rx

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic #(
    // DMA and stream width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // Bits of a DMA address: 32 to 64
    parameter ADDR_WIDTH = 64,
    // Bits of an AXI id, at least 4
    parameter ID_WIDTH = 4,
    // Longest AXI burst in beats: 1 to 256
    parameter MAX_BURST_BEATS = 64,
    // Receive FIFO: a multiple of 64 that holds the longest frame, at most 65472
    parameter RX_FIFO_BYTES = 49152,
    // Transmit FIFO: 16384 (a frame of 16288 bytes has to fit) or 32768
    parameter TX_FIFO_BYTES = 16384,
    // Clock period in ns, for the interrupt timers
    parameter CLK_NS = 4,
    // Station address in the blank EEPROM, first byte on the wire leftmost
    parameter [47:0] MAC_ADDRESS = 48'h525400123456
) (
    input  wire                    clk,
    input  wire                    rst,

    // Carrier from the PHY, interrupt line, something is in flight or can still make progress
    input  wire                    phy_link,
    output wire                    irq,
    output wire                    busy,
    // Room in the receive FIFO in 64-byte blocks: the MAC's watermark for PAUSE frames
    output wire [15:0]             rx_fifo_free,

    // Registers: AXI4-Lite, byte address
    input  wire [16:0]             s_axil_awaddr,
    input  wire [2:0]              s_axil_awprot,
    input  wire                    s_axil_awvalid,
    output wire                    s_axil_awready,
    input  wire [31:0]             s_axil_wdata,
    input  wire [3:0]              s_axil_wstrb,
    input  wire                    s_axil_wvalid,
    output wire                    s_axil_wready,
    output wire [1:0]              s_axil_bresp,
    output wire                    s_axil_bvalid,
    input  wire                    s_axil_bready,
    input  wire [16:0]             s_axil_araddr,
    input  wire [2:0]              s_axil_arprot,
    input  wire                    s_axil_arvalid,
    output wire                    s_axil_arready,
    output wire [31:0]             s_axil_rdata,
    output wire [1:0]              s_axil_rresp,
    output wire                    s_axil_rvalid,
    input  wire                    s_axil_rready,

    // DMA: AXI4
    output wire [ID_WIDTH-1:0]     m_axi_awid,
    output wire [ADDR_WIDTH-1:0]   m_axi_awaddr,
    output wire [7:0]              m_axi_awlen,
    output wire [2:0]              m_axi_awsize,
    output wire [1:0]              m_axi_awburst,
    output wire                    m_axi_awlock,
    output wire [3:0]              m_axi_awcache,
    output wire [2:0]              m_axi_awprot,
    output wire                    m_axi_awvalid,
    input  wire                    m_axi_awready,
    output wire [DATA_WIDTH-1:0]   m_axi_wdata,
    output wire [DATA_WIDTH/8-1:0] m_axi_wstrb,
    output wire                    m_axi_wlast,
    output wire                    m_axi_wvalid,
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
    output wire                    m_axi_arlock,
    output wire [3:0]              m_axi_arcache,
    output wire [2:0]              m_axi_arprot,
    output wire                    m_axi_arvalid,
    input  wire                    m_axi_arready,
    input  wire [ID_WIDTH-1:0]     m_axi_rid,
    input  wire [DATA_WIDTH-1:0]   m_axi_rdata,
    input  wire [1:0]              m_axi_rresp,
    input  wire                    m_axi_rlast,
    input  wire                    m_axi_rvalid,
    output wire                    m_axi_rready,

    // Frames from the MAC, with FCS; tuser with tlast = FCS error
    input  wire [DATA_WIDTH-1:0]   s_axis_rx_tdata,
    input  wire [DATA_WIDTH/8-1:0] s_axis_rx_tkeep,
    input  wire                    s_axis_rx_tvalid,
    output wire                    s_axis_rx_tready,
    input  wire                    s_axis_rx_tlast,
    input  wire                    s_axis_rx_tuser,
    // Frames to the MAC, without FCS; tuser = append one
    output wire [DATA_WIDTH-1:0]   m_axis_tx_tdata,
    output wire [DATA_WIDTH/8-1:0] m_axis_tx_tkeep,
    output wire                    m_axis_tx_tvalid,
    input  wire                    m_axis_tx_tready,
    output wire                    m_axis_tx_tlast,
    output wire                    m_axis_tx_tuser
);

    generate
        if (DATA_WIDTH != 64 && DATA_WIDTH != 128 && DATA_WIDTH != 256 && DATA_WIDTH != 512) begin : g_bad_width
            vnic_data_width_must_be_64_128_256_or_512 guard ();
        end
        if (ADDR_WIDTH < 32 || ADDR_WIDTH > 64 || ID_WIDTH < 4) begin : g_bad_axi
            vnic_addr_width_must_be_32_to_64_and_id_width_at_least_4 guard ();
        end
        if (MAX_BURST_BEATS < 1 || MAX_BURST_BEATS > 256) begin : g_bad_burst
            vnic_max_burst_beats_must_be_1_to_256 guard ();
        end
        if (RX_FIFO_BYTES < 16448 || RX_FIFO_BYTES > 65472 || RX_FIFO_BYTES % 64 != 0) begin : g_bad_rx_fifo
            vnic_rx_fifo_bytes_must_be_16448_to_65472_by_64 guard ();
        end
        if (TX_FIFO_BYTES != 16384 && TX_FIFO_BYTES != 32768) begin : g_bad_tx_fifo
            vnic_tx_fifo_bytes_must_be_16384_or_32768 guard ();
        end
    endgenerate

    localparam [2:0] AXI_SIZE = DATA_WIDTH == 64 ? 3'd3 : DATA_WIDTH == 128 ? 3'd4 : DATA_WIDTH == 256 ? 3'd5 : 3'd6;

    // INCR bursts of whole words, normal memory, unprivileged
    assign m_axi_awsize = AXI_SIZE;
    assign m_axi_awburst = 2'b01;
    assign m_axi_awlock = 1'b0;
    assign m_axi_awcache = 4'b0011;
    assign m_axi_awprot = 3'b010;
    assign m_axi_arsize = AXI_SIZE;
    assign m_axi_arburst = 2'b01;
    assign m_axi_arlock = 1'b0;
    assign m_axi_arcache = 4'b0011;
    assign m_axi_arprot = 3'b010;

    localparam RX_WORDS = RX_FIFO_BYTES / (DATA_WIDTH / 8);
    localparam RX_BITS = $clog2(RX_WORDS);
    localparam TX_WORDS = TX_FIFO_BYTES / (DATA_WIDTH / 8);
    localparam TX_BITS = $clog2(TX_WORDS);

    // Prefixes: rxd, txd descriptor reads; rxwb, txwb descriptor writes; data, txdata frame data
    wire rx_en, rx_on, loopback, rx_sbp, rx_lpe, rx_secrc, rx_flush, rx_head_wr, loop_valid, loop_first,
        loop_last, flt_valid, flt_accept, flt_pif, flt_bcast, flt_mcast, rxd_valid, rxd_ready,
        rxd_data_valid, data_valid, data_ready, data_eop, data_done, src_en, release_valid, rxwb_valid,
        rxwb_ready, rxwb_pop, rxwb_done, rx_ev_valid, rx_ev_crcerrs, rx_ev_rfc, rx_ev_rjc, rx_ev_ruc,
        rx_ev_roc, rx_ev_good, rx_ev_bcast, rx_ev_mcast, rx_ev_missed, rx_int_eop, rx_int_dmt0, rx_quiet,
        rx_busy, tx_en, tx_psp, link_up, tx_flush, tx_head_wr, txd_valid, txd_ready, txd_data_valid,
        txdata_valid, txdata_ready, txdata_data_valid, txdata_stall, txwb_valid, txwb_ready, txwb_pop,
        txwb_done, tx_ev_valid, tx_ev_bcast, tx_ev_mcast, tx_int_dw, tx_int_dw_ide, tx_int_qe, tx_quiet,
        tx_busy, wr_busy, rd_busy, csr_busy, soft_rst, vme, vfe,
        vlan_valid, vlan_pass, tx_ev_tsctc, tx_ev_tsctfc;
    wire [9:0] rx_csum;
    wire [15:0] vet, vlan_tci;
    wire [14:0] rx_bsize, data_len;
    wire [1:0] rx_rdmts;
    wire [63:0] rx_ring_base, rxd_addr, data_addr, rxwb_addr, tx_ring_base, txd_addr, txdata_addr, txwb_addr;
    wire [19:0] rx_ring_len, rx_ev_len, tx_ring_len, tx_ev_len;
    wire [15:0] rx_tail, rx_head_wdata, rx_head, rx_rnbc_inc, tx_tail, tx_head_wdata, tx_head, txdata_len;
    wire [6:0] loop_count, rxd_len, rxwb_len, txd_len, txwb_len;
    wire [DATA_WIDTH-1:0] loop_data, rd_data, src_data;
    wire [47:0] flt_da;
    wire [RX_BITS-1:0] data_src, src_addr;
    wire [9:0] rx_free_blocks, data_blocks, release_blocks;
    wire [511:0] rxwb_line, txwb_line;
    wire [3:0] rxwb_strb, txwb_strb;

    // Software reset: the CSR block has disabled both paths; when they are off the bus, clear them
    reg        clear_reg;
    wire       drained = rx_quiet && tx_quiet && !wr_busy && !rd_busy;

    always @(posedge clk) if (soft_rst || clear_reg || rst) begin
        clear_reg <= soft_rst && drained;
        if (rst)
            clear_reg <= 1'b0;
    end

    assign rx_fifo_free = {6'd0, rx_free_blocks};
    assign busy = csr_busy || soft_rst || clear_reg || rx_busy || tx_busy || wr_busy || rd_busy;

    vnic_csr #(.CLK_NS(CLK_NS), .MAC_ADDRESS(MAC_ADDRESS)) csr (
        .clk(clk), .rst(rst), .s_axil_awaddr(s_axil_awaddr), .s_axil_awprot(s_axil_awprot),
        .s_axil_awvalid(s_axil_awvalid), .s_axil_awready(s_axil_awready), .s_axil_wdata(s_axil_wdata),
        .s_axil_wstrb(s_axil_wstrb), .s_axil_wvalid(s_axil_wvalid), .s_axil_wready(s_axil_wready),
        .s_axil_bresp(s_axil_bresp), .s_axil_bvalid(s_axil_bvalid), .s_axil_bready(s_axil_bready),
        .s_axil_araddr(s_axil_araddr), .s_axil_arprot(s_axil_arprot), .s_axil_arvalid(s_axil_arvalid),
        .s_axil_arready(s_axil_arready), .s_axil_rdata(s_axil_rdata), .s_axil_rresp(s_axil_rresp),
        .s_axil_rvalid(s_axil_rvalid), .s_axil_rready(s_axil_rready), .phy_link(phy_link), .irq(irq),
        .csr_busy(csr_busy), .soft_rst(soft_rst), .soft_rst_done(clear_reg), .rx_quiet(rx_quiet),
        .tx_quiet(tx_quiet), .rx_en(rx_en), .rx_on(rx_on), .rx_sbp(rx_sbp), .rx_lpe(rx_lpe),
        .rx_secrc(rx_secrc), .rx_bsize(rx_bsize), .rx_rdmts(rx_rdmts), .rx_ring_base(rx_ring_base),
        .rx_ring_len(rx_ring_len), .rx_tail(rx_tail), .rx_flush(rx_flush), .rx_head_wr(rx_head_wr),
        .rx_head_wdata(rx_head_wdata), .rx_head(rx_head), .flt_valid(flt_valid), .flt_da(flt_da),
        .flt_accept(flt_accept), .flt_pif(flt_pif), .flt_bcast(flt_bcast), .flt_mcast(flt_mcast),
        .rx_csum(rx_csum), .vet(vet), .vme(vme), .vfe(vfe), .vlan_valid(vlan_valid), .vlan_tci(vlan_tci),
        .vlan_pass(vlan_pass), .tx_en(tx_en), .tx_psp(tx_psp), .tx_ring_base(tx_ring_base), .tx_ring_len(tx_ring_len),
        .tx_tail(tx_tail), .tx_flush(tx_flush), .tx_head_wr(tx_head_wr), .tx_head_wdata(tx_head_wdata),
        .tx_head(tx_head), .link_up(link_up), .loopback(loopback), .rx_ev_valid(rx_ev_valid),
        .rx_ev_len(rx_ev_len), .rx_ev_crcerrs(rx_ev_crcerrs), .rx_ev_rfc(rx_ev_rfc), .rx_ev_rjc(rx_ev_rjc),
        .rx_ev_ruc(rx_ev_ruc), .rx_ev_roc(rx_ev_roc), .rx_ev_good(rx_ev_good), .rx_ev_bcast(rx_ev_bcast),
        .rx_ev_mcast(rx_ev_mcast), .rx_ev_missed(rx_ev_missed), .rx_rnbc_inc(rx_rnbc_inc),
        .rx_int_eop(rx_int_eop), .rx_int_dmt0(rx_int_dmt0), .tx_ev_valid(tx_ev_valid), .tx_ev_len(tx_ev_len),
        .tx_ev_bcast(tx_ev_bcast), .tx_ev_mcast(tx_ev_mcast), .tx_ev_tsctc(tx_ev_tsctc),
        .tx_ev_tsctfc(tx_ev_tsctfc), .tx_int_dw(tx_int_dw),
        .tx_int_dw_ide(tx_int_dw_ide), .tx_int_qe(tx_int_qe)
    );

    vnic_rx_path #(.DATA_WIDTH(DATA_WIDTH), .WORDS(RX_WORDS), .ADDR_BITS(RX_BITS)) rx (
        .clk(clk), .rst(rst), .clear(clear_reg), .rx_en(rx_en), .rx_on(rx_on), .loopback(loopback), .sbp(rx_sbp),
        .lpe(rx_lpe), .secrc(rx_secrc), .csum(rx_csum), .vme(vme), .vfe(vfe), .vet(vet),
        .bsize(rx_bsize), .rdmts(rx_rdmts), .ring_base(rx_ring_base),
        .ring_len(rx_ring_len), .tail(rx_tail), .flush(rx_flush), .head_wr(rx_head_wr),
        .head_wdata(rx_head_wdata), .head(rx_head), .s_axis_rx_tdata(s_axis_rx_tdata),
        .s_axis_rx_tkeep(s_axis_rx_tkeep), .s_axis_rx_tvalid(s_axis_rx_tvalid),
        .s_axis_rx_tready(s_axis_rx_tready), .s_axis_rx_tlast(s_axis_rx_tlast),
        .s_axis_rx_tuser(s_axis_rx_tuser), .loop_valid(loop_valid), .loop_first(loop_first),
        .loop_last(loop_last), .loop_count(loop_count), .loop_data(loop_data), .free_blocks(rx_free_blocks),
        .flt_valid(flt_valid), .flt_da(flt_da), .flt_accept(flt_accept), .flt_pif(flt_pif), .flt_bcast(flt_bcast),
        .flt_mcast(flt_mcast), .vlan_valid(vlan_valid), .vlan_tci(vlan_tci), .vlan_pass(vlan_pass),
        .rd_valid(rxd_valid), .rd_ready(rxd_ready), .rd_addr(rxd_addr),
        .rd_len(rxd_len), .rd_data_valid(rxd_data_valid), .rd_data(rd_data), .data_valid(data_valid),
        .data_ready(data_ready), .data_addr(data_addr), .data_len(data_len), .data_src(data_src),
        .data_eop(data_eop), .data_blocks(data_blocks), .data_done(data_done), .src_en(src_en),
        .src_addr(src_addr), .src_data(src_data), .release_valid(release_valid),
        .release_blocks(release_blocks), .wb_valid(rxwb_valid), .wb_ready(rxwb_ready), .wb_addr(rxwb_addr),
        .wb_len(rxwb_len), .wb_line(rxwb_line), .wb_strb(rxwb_strb), .wb_pop(rxwb_pop), .wb_done(rxwb_done),
        .ev_valid(rx_ev_valid), .ev_len(rx_ev_len), .ev_crcerrs(rx_ev_crcerrs), .ev_rfc(rx_ev_rfc),
        .ev_rjc(rx_ev_rjc), .ev_ruc(rx_ev_ruc), .ev_roc(rx_ev_roc), .ev_good(rx_ev_good),
        .ev_bcast(rx_ev_bcast), .ev_mcast(rx_ev_mcast), .ev_missed(rx_ev_missed), .rnbc_inc(rx_rnbc_inc),
        .int_eop(rx_int_eop), .int_dmt0(rx_int_dmt0), .quiet(rx_quiet), .busy(rx_busy)
    );

    vnic_tx_path #(.DATA_WIDTH(DATA_WIDTH), .WORDS(TX_WORDS), .ADDR_BITS(TX_BITS)) tx (
        .clk(clk), .rst(rst), .clear(clear_reg), .tx_en(tx_en), .psp(tx_psp), .link_up(link_up),
        .loopback(loopback), .vme(vme), .vet(vet), .ring_base(tx_ring_base), .ring_len(tx_ring_len), .tail(tx_tail),
        .flush(tx_flush), .head_wr(tx_head_wr), .head_wdata(tx_head_wdata), .head(tx_head),
        .rd_valid(txd_valid), .rd_ready(txd_ready), .rd_addr(txd_addr), .rd_len(txd_len),
        .rd_data_valid(txd_data_valid), .data_valid(txdata_valid), .data_ready(txdata_ready),
        .data_addr(txdata_addr), .data_len(txdata_len), .data_data_valid(txdata_data_valid),
        .data_stall(txdata_stall), .rd_data(rd_data), .wb_valid(txwb_valid), .wb_ready(txwb_ready),
        .wb_addr(txwb_addr), .wb_len(txwb_len), .wb_line(txwb_line), .wb_strb(txwb_strb), .wb_pop(txwb_pop),
        .wb_done(txwb_done), .m_axis_tx_tdata(m_axis_tx_tdata), .m_axis_tx_tkeep(m_axis_tx_tkeep),
        .m_axis_tx_tvalid(m_axis_tx_tvalid), .m_axis_tx_tready(m_axis_tx_tready),
        .m_axis_tx_tlast(m_axis_tx_tlast), .m_axis_tx_tuser(m_axis_tx_tuser), .loop_valid(loop_valid),
        .loop_first(loop_first), .loop_last(loop_last), .loop_count(loop_count), .loop_data(loop_data),
        .ev_valid(tx_ev_valid), .ev_len(tx_ev_len), .ev_bcast(tx_ev_bcast), .ev_mcast(tx_ev_mcast),
        .int_dw(tx_int_dw), .int_dw_ide(tx_int_dw_ide), .int_qe(tx_int_qe), .ev_tsctc(tx_ev_tsctc),
        .ev_tsctfc(tx_ev_tsctfc), .quiet(tx_quiet), .busy(tx_busy)
    );

    vnic_axi_wr #(
        .DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .ID_WIDTH(ID_WIDTH), .MAX_BURST_BEATS(MAX_BURST_BEATS),
        .SRC_BITS(RX_BITS), .SRC_WORDS(RX_WORDS)
    ) axi_wr (
        .clk(clk), .rst(rst), .data_valid(data_valid), .data_ready(data_ready), .data_addr(data_addr),
        .data_len(data_len), .data_src(data_src), .data_eop(data_eop), .data_blocks(data_blocks),
        .data_done(data_done), .src_en(src_en), .src_addr(src_addr), .src_data(src_data),
        .release_valid(release_valid), .release_blocks(release_blocks), .rxwb_valid(rxwb_valid),
        .rxwb_ready(rxwb_ready), .rxwb_addr(rxwb_addr), .rxwb_len(rxwb_len), .rxwb_line(rxwb_line),
        .rxwb_strb(rxwb_strb), .rxwb_pop(rxwb_pop), .rxwb_done(rxwb_done), .txwb_valid(txwb_valid),
        .txwb_ready(txwb_ready), .txwb_addr(txwb_addr), .txwb_len(txwb_len), .txwb_line(txwb_line),
        .txwb_strb(txwb_strb), .txwb_pop(txwb_pop), .txwb_done(txwb_done), .m_axi_awid(m_axi_awid),
        .m_axi_awaddr(m_axi_awaddr), .m_axi_awlen(m_axi_awlen), .m_axi_awvalid(m_axi_awvalid),
        .m_axi_awready(m_axi_awready), .m_axi_wdata(m_axi_wdata), .m_axi_wstrb(m_axi_wstrb),
        .m_axi_wlast(m_axi_wlast), .m_axi_wvalid(m_axi_wvalid), .m_axi_wready(m_axi_wready),
        .m_axi_bid(m_axi_bid), .m_axi_bvalid(m_axi_bvalid), .m_axi_bready(m_axi_bready), .busy(wr_busy)
    );

    vnic_axi_rd #(
        .DATA_WIDTH(DATA_WIDTH), .ADDR_WIDTH(ADDR_WIDTH), .ID_WIDTH(ID_WIDTH), .MAX_BURST_BEATS(MAX_BURST_BEATS)
    ) axi_rd (
        .clk(clk), .rst(rst), .rxd_valid(rxd_valid), .rxd_ready(rxd_ready), .rxd_addr(rxd_addr),
        .rxd_len(rxd_len), .rxd_data_valid(rxd_data_valid), .txd_valid(txd_valid), .txd_ready(txd_ready),
        .txd_addr(txd_addr), .txd_len(txd_len), .txd_data_valid(txd_data_valid), .tx_valid(txdata_valid),
        .tx_ready(txdata_ready), .tx_addr(txdata_addr), .tx_len(txdata_len),
        .tx_data_valid(txdata_data_valid), .tx_stall(txdata_stall), .data(rd_data), .m_axi_arid(m_axi_arid),
        .m_axi_araddr(m_axi_araddr), .m_axi_arlen(m_axi_arlen), .m_axi_arvalid(m_axi_arvalid),
        .m_axi_arready(m_axi_arready), .m_axi_rid(m_axi_rid), .m_axi_rdata(m_axi_rdata),
        .m_axi_rresp(m_axi_rresp), .m_axi_rvalid(m_axi_rvalid), .m_axi_rready(m_axi_rready), .busy(rd_busy)
    );

    wire unused = &{1'b0, m_axi_bresp, m_axi_rlast};

endmodule

`resetall
