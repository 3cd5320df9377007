// SPDX-License-Identifier: Apache-2.0
//
// Control and status registers of the 82540EM: an AXI4-Lite slave in front of one block per group of
// registers. It serves one access at a time; a write is answered when its effect is complete (a reset is
// over, a switched-off engine is quiet), so software need not wait for anything.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_csr #(
    // Clock period in ns, for the interrupt timers
    parameter CLK_NS = 4,
    // MAC address that the EEPROM is made with, first byte on the wire in bits 47:40
    parameter [47:0] MAC_ADDRESS = 48'h525400123456
) (
    input  wire        clk, rst,

    // AXI4-Lite slave: 17-bit byte address, 32-bit data
    input  wire [16:0] s_axil_awaddr,
    input  wire [2:0]  s_axil_awprot,
    input  wire        s_axil_awvalid,
    output wire        s_axil_awready,
    input  wire [31:0] s_axil_wdata,
    input  wire [3:0]  s_axil_wstrb,
    input  wire        s_axil_wvalid,
    output wire        s_axil_wready,
    output wire [1:0]  s_axil_bresp,
    output wire        s_axil_bvalid,
    input  wire        s_axil_bready,
    input  wire [16:0] s_axil_araddr,
    input  wire [2:0]  s_axil_arprot,
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    output wire [31:0] s_axil_rdata,
    output wire [1:0]  s_axil_rresp,
    output wire        s_axil_rvalid,
    input  wire        s_axil_rready,

    // Carrier (asynchronous), interrupt line, "something here will still happen by itself"
    input  wire        phy_link,
    output wire        irq,
    output wire        csr_busy,

    // Reset and stop handshakes with the data path
    output wire        soft_rst,
    input  wire        soft_rst_done,
    input  wire        rx_quiet,
    input  wire        tx_quiet,

    // Receive configuration; buffer size and ring length in bytes
    output wire        rx_en, rx_on, rx_sbp, rx_lpe, rx_secrc,
    output wire [14:0] rx_bsize,
    output wire [1:0]  rx_rdmts,
    output wire [63:0] rx_ring_base,
    output wire [19:0] rx_ring_len,
    output wire [15:0] rx_tail,
    output wire        rx_flush,
    output wire        rx_head_wr,
    output wire [15:0] rx_head_wdata,
    input  wire [15:0] rx_head,

    // Address filter: answers in the cycle after flt_valid, and until the next one
    input  wire        flt_valid,
    input  wire [47:0] flt_da,
    output wire        flt_accept, flt_pif, flt_bcast, flt_mcast,

    // Transmit configuration
    output wire        tx_en,
    output wire        tx_psp,
    output wire [63:0] tx_ring_base,
    output wire [19:0] tx_ring_len,
    output wire [15:0] tx_tail,
    output wire        tx_flush,
    output wire        tx_head_wr,
    output wire [15:0] tx_head_wdata,
    input  wire [15:0] tx_head,

    // Link
    output wire        link_up,
    output wire        loopback,

    // Receive events: statistics, interrupt causes
    input  wire        rx_ev_valid,
    input  wire [19:0] rx_ev_len,
    input  wire        rx_ev_crcerrs, rx_ev_rfc, rx_ev_rjc, rx_ev_ruc, rx_ev_roc, rx_ev_good,
    input  wire        rx_ev_bcast, rx_ev_mcast, rx_ev_missed,
    input  wire [15:0] rx_rnbc_inc,
    input  wire        rx_int_eop,
    input  wire        rx_int_dmt0,

    // Transmit events
    input  wire        tx_ev_valid,
    input  wire [19:0] tx_ev_len,
    input  wire        tx_ev_bcast, tx_ev_mcast,
    input  wire        tx_int_dw, tx_int_dw_ide, tx_int_qe
);

    // An undefined module stops every tool
    generate if (CLK_NS < 1 || CLK_NS > 256) begin : bad
        CLK_NS_must_be_1_to_256 stop();
    end endgenerate

    localparam [2:0]
        S_RESET  = 3'd0,  // clear the memories word by word, then wait for the data path's reset
        S_IDLE   = 3'd1,  // wait for an access; a write goes first
        S_WRITE  = 3'd2,  // take address and data, strobe the blocks
        S_SETTLE = 3'd3,  // let the effect reach every register that can be read
        S_QUIET  = 3'd4,  // wait for an engine that was switched off
        S_BRESP  = 3'd5,  // answer the write
        S_READ   = 3'd6,  // take the address, strobe the blocks
        S_RDATA  = 3'd7;  // answer the read

    reg [2:0]  state_reg;
    reg [8:0]  count_reg;
    reg [16:0] addr_reg;
    reg [31:0] wdata_reg;
    reg        strb_reg;
    // A write waits for its answer; the reset at power-up has none
    reg        bresp_reg;
    // The blocks have something to do: one test for each of them in an idle cycle
    reg        act_reg;

    wire       in_reset = state_reg == S_RESET;
    wire       reg_wr = state_reg == S_WRITE && strb_reg;
    wire       reg_rd = state_reg == S_READ;
    wire       clear = rst || in_reset;
    wire       sweep_last = count_reg == 9'd511;
    // Write-backs that a reset finds on their way still go to the ring they belong to
    wire       clear_rings = rst || (in_reset && soft_rst_done);

    // One test in an idle cycle: a simulator pays for every signal that a clocked block reads
    wire       active = rst || state_reg != S_IDLE || s_axil_awvalid || s_axil_arvalid;

    assign soft_rst = in_reset;
    assign s_axil_awready = state_reg == S_WRITE;
    assign s_axil_wready = state_reg == S_WRITE;
    assign s_axil_bvalid = state_reg == S_BRESP;
    assign s_axil_bresp = 2'b00;
    assign s_axil_arready = state_reg == S_READ;
    assign s_axil_rvalid = state_reg == S_RDATA;
    assign s_axil_rresp = 2'b00;

    always @(posedge clk) if (active) begin
        case (state_reg)
            S_RESET: begin
                if (!sweep_last)
                    count_reg <= count_reg + 9'd1;
                else if (soft_rst_done) begin
                    state_reg <= S_SETTLE;
                    act_reg <= 1'b0;
                    count_reg <= 9'd0;
                end
            end
            S_IDLE: begin
                if (s_axil_awvalid && s_axil_wvalid) begin
                    state_reg <= S_WRITE;
                    addr_reg <= {s_axil_awaddr[16:2], 2'b00};
                    wdata_reg <= s_axil_wdata;
                    strb_reg <= &s_axil_wstrb;
                    act_reg <= 1'b1;
                end else if (s_axil_arvalid) begin
                    state_reg <= S_READ;
                    addr_reg <= {s_axil_araddr[16:2], 2'b00};
                    act_reg <= 1'b1;
                end
            end
            S_WRITE: begin
                count_reg <= 9'd0;
                act_reg <= 1'b0;
                bresp_reg <= 1'b1;
                if (strb_reg && addr_reg == `VNIC_CTRL && wdata_reg[`VNIC_CTRL__RST]) begin
                    state_reg <= S_RESET;
                    act_reg <= 1'b1;
                end else
                    state_reg <= S_SETTLE;
            end
            S_SETTLE: begin
                count_reg <= count_reg + 9'd1;
                if (count_reg[1:0] == 2'd3)
                    state_reg <= bresp_reg ? S_QUIET : S_IDLE;
            end
            S_QUIET:
                if ((rx_en || rx_quiet) && (tx_en || tx_quiet))
                    state_reg <= S_BRESP;
            S_BRESP:
                if (s_axil_bready) begin
                    bresp_reg <= 1'b0;
                    state_reg <= S_IDLE;
                end
            S_READ: begin
                act_reg <= 1'b0;
                state_reg <= S_RDATA;
            end
            S_RDATA:
                if (s_axil_rready)
                    state_reg <= S_IDLE;
        endcase
        if (rst) begin
            state_reg <= S_RESET;
            count_reg <= 9'd0;
            act_reg <= 1'b1;
            bresp_reg <= 1'b0;
        end
    end

    // A block answers 0 for what is not its own
    wire [31:0] rdata_ctrl, rdata_rx, rdata_tx, rdata_filter, rdata_irq, rdata_stats, rdata_eeprom, rdata_mdio, rdata_hold;
    assign s_axil_rdata = rdata_ctrl | rdata_rx | rdata_tx | rdata_filter | rdata_irq | rdata_stats
        | rdata_eeprom | rdata_mdio | rdata_hold;

    wire        phy_up, phy_loopback, phy_changing, phy_rst, ee_rst, lsc, mdac, timer_armed;
    wire        flt_bam, flt_upe, flt_mpe;
    wire [1:0]  flt_mo;
    wire [47:0] mac;

    assign csr_busy = state_reg != S_IDLE || s_axil_awvalid || s_axil_arvalid || phy_changing || lsc || timer_armed;

    vnic_csr_ctrl ctrl (
        .clk(clk), .rst(rst), .clear(clear),
        .reg_act(act_reg), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(addr_reg), .reg_wdata(wdata_reg),
        .reg_rdata(rdata_ctrl),
        .phy_up(phy_up), .phy_loopback(phy_loopback), .phy_rst(phy_rst), .ee_rst(ee_rst), .lsc(lsc),
        .rx_en(rx_en), .rx_on(rx_on), .rx_sbp(rx_sbp), .rx_lpe(rx_lpe), .rx_secrc(rx_secrc), .rx_bsize(rx_bsize),
        .rx_rdmts(rx_rdmts), .flt_upe(flt_upe), .flt_mpe(flt_mpe), .flt_bam(flt_bam), .flt_mo(flt_mo),
        .tx_en(tx_en), .tx_psp(tx_psp), .link_up(link_up), .loopback(loopback)
    );

    vnic_csr_ring #(.BASE(`VNIC_RDBAL)) rx_ring (
        .clk(clk), .clear(clear_rings),
        .reg_act(act_reg), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(addr_reg), .reg_wdata(wdata_reg),
        .reg_rdata(rdata_rx),
        .ring_base(rx_ring_base), .ring_len(rx_ring_len), .tail(rx_tail),
        .flush(rx_flush), .head_wr(rx_head_wr), .head_wdata(rx_head_wdata), .head(rx_head)
    );

    vnic_csr_ring #(.BASE(`VNIC_TDBAL)) tx_ring (
        .clk(clk), .clear(clear_rings),
        .reg_act(act_reg), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(addr_reg), .reg_wdata(wdata_reg),
        .reg_rdata(rdata_tx),
        .ring_base(tx_ring_base), .ring_len(tx_ring_len), .tail(tx_tail),
        .flush(tx_flush), .head_wr(tx_head_wr), .head_wdata(tx_head_wdata), .head(tx_head)
    );

    vnic_csr_filter filter (
        .clk(clk),
        .reg_act(act_reg), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(addr_reg), .reg_wdata(wdata_reg),
        .reg_rdata(rdata_filter),
        .sweep(in_reset), .sweep_addr(count_reg[6:0]), .load(ee_rst || (in_reset && sweep_last)), .mac(mac),
        .upe(flt_upe), .mpe(flt_mpe), .bam(flt_bam), .mo(flt_mo),
        .flt_valid(flt_valid), .flt_da(flt_da),
        .flt_accept(flt_accept), .flt_pif(flt_pif), .flt_bcast(flt_bcast), .flt_mcast(flt_mcast)
    );

    vnic_csr_hold hold (
        .clk(clk),
        .reg_act(act_reg), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(addr_reg), .reg_wdata(wdata_reg),
        .reg_rdata(rdata_hold),
        .sweep(in_reset), .sweep_addr(count_reg)
    );

    vnic_irq #(.CLK_NS(CLK_NS)) interrupts (
        .clk(clk), .clear(clear),
        .reg_act(act_reg), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(addr_reg), .reg_wdata(wdata_reg),
        .reg_rdata(rdata_irq),
        .rx_eop(rx_int_eop), .rx_dmt0(rx_int_dmt0), .rx_missed(rx_ev_valid && rx_ev_missed),
        .tx_dw(tx_int_dw), .tx_dw_ide(tx_int_dw_ide), .tx_qe(tx_int_qe), .lsc(lsc), .mdac(mdac),
        .irq(irq), .armed(timer_armed)
    );

    vnic_stats stats (
        .clk(clk), .clear(clear),
        .reg_act(act_reg), .reg_rd(reg_rd), .reg_addr(addr_reg), .reg_rdata(rdata_stats),
        .rx_ev_valid(rx_ev_valid), .rx_ev_len(rx_ev_len), .rx_ev_crcerrs(rx_ev_crcerrs), .rx_ev_rfc(rx_ev_rfc),
        .rx_ev_rjc(rx_ev_rjc), .rx_ev_ruc(rx_ev_ruc), .rx_ev_roc(rx_ev_roc), .rx_ev_good(rx_ev_good),
        .rx_ev_bcast(rx_ev_bcast), .rx_ev_mcast(rx_ev_mcast), .rx_ev_missed(rx_ev_missed),
        .rx_rnbc_inc(rx_rnbc_inc),
        .tx_ev_valid(tx_ev_valid), .tx_ev_len(tx_ev_len), .tx_ev_bcast(tx_ev_bcast), .tx_ev_mcast(tx_ev_mcast)
    );

    vnic_eeprom #(.MAC_ADDRESS(MAC_ADDRESS)) eeprom (
        .clk(clk), .clear(clear),
        .reg_act(act_reg), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(addr_reg), .reg_wdata(wdata_reg),
        .reg_rdata(rdata_eeprom), .mac(mac)
    );

    vnic_mdio mdio (
        .clk(clk), .rst(rst), .clear(clear),
        .reg_act(act_reg), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(addr_reg), .reg_wdata(wdata_reg),
        .reg_rdata(rdata_mdio),
        .phy_rst(phy_rst), .phy_link(phy_link), .link(phy_up), .loopback(phy_loopback), .changing(phy_changing),
        .mdac(mdac)
    );

    wire unused = &{1'b0, s_axil_awprot, s_axil_arprot, s_axil_awaddr[1:0], s_axil_araddr[1:0]};

endmodule

`resetall
