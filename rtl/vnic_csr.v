// SPDX-License-Identifier: Apache-2.0
//
// Control and status registers of the 82540EM: an AXI4-Lite slave in front of one block per group of
// registers.

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

    // Offloads: RXCSUM, VET, CTRL.VME, RCTL.VFE; the VLAN filter answers as the address filter does, with 1
    // while VFE = 0
    output wire [9:0]  rx_csum,
    output wire [15:0] vet,
    output wire        vme, vfe,
    input  wire        vlan_valid,
    input  wire [15:0] vlan_tci,
    output wire        vlan_pass,

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
    input  wire        tx_ev_tsctc, tx_ev_tsctfc,
    input  wire        tx_int_dw, tx_int_dw_ide, tx_int_qe
);

    // An undefined module stops every tool
    generate if (CLK_NS < 1 || CLK_NS > 256) begin : bad
        CLK_NS_must_be_1_to_256 stop();
    end endgenerate

    // Register bus: see vnic_csr_bus
    wire        reg_act, reg_wr, reg_rd, clear, in_reset, sweep_last, bus_busy;
    wire [16:0] reg_addr;
    wire [31:0] reg_wdata;
    wire [8:0]  sweep_addr;
    // Write-backs that a reset finds on their way still go to the ring they belong to
    wire        clear_rings = rst || (in_reset && soft_rst_done);

    assign soft_rst = in_reset;

    vnic_csr_bus bus (
        .clk(clk), .rst(rst),
        .s_axil_awaddr(s_axil_awaddr), .s_axil_awvalid(s_axil_awvalid), .s_axil_awready(s_axil_awready),
        .s_axil_wdata(s_axil_wdata), .s_axil_wstrb(s_axil_wstrb), .s_axil_wvalid(s_axil_wvalid),
        .s_axil_wready(s_axil_wready), .s_axil_bresp(s_axil_bresp), .s_axil_bvalid(s_axil_bvalid),
        .s_axil_bready(s_axil_bready), .s_axil_araddr(s_axil_araddr), .s_axil_arvalid(s_axil_arvalid),
        .s_axil_arready(s_axil_arready), .s_axil_rresp(s_axil_rresp), .s_axil_rvalid(s_axil_rvalid),
        .s_axil_rready(s_axil_rready), .busy(bus_busy),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .clear(clear), .in_reset(in_reset), .sweep_addr(sweep_addr), .sweep_last(sweep_last),
        .soft_rst_done(soft_rst_done), .rx_en(rx_en), .rx_quiet(rx_quiet), .tx_en(tx_en), .tx_quiet(tx_quiet)
    );

    // A block answers 0 for what is not its own
    wire [31:0] rdata_ctrl, rdata_rx, rdata_tx, rdata_filter, rdata_irq, rdata_stats, rdata_eeprom, rdata_mdio, rdata_hold,
        rdata_offload;
    assign s_axil_rdata = rdata_ctrl | rdata_rx | rdata_tx | rdata_filter | rdata_irq | rdata_stats
        | rdata_eeprom | rdata_mdio | rdata_hold | rdata_offload;

    wire        phy_up, phy_loopback, phy_changing, phy_rst, ee_rst, lsc, mdac, timer_armed;
    wire        flt_bam, flt_upe, flt_mpe, vlan_cfien, vlan_cfi;
    wire [1:0]  flt_mo;
    wire [47:0] mac;

    assign csr_busy = bus_busy || phy_changing || lsc || timer_armed;

    vnic_csr_ctrl ctrl (
        .clk(clk), .rst(rst), .clear(clear),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .reg_rdata(rdata_ctrl),
        .phy_up(phy_up), .phy_loopback(phy_loopback), .phy_rst(phy_rst), .ee_rst(ee_rst), .lsc(lsc),
        .rx_en(rx_en), .rx_on(rx_on), .rx_sbp(rx_sbp), .rx_lpe(rx_lpe), .rx_secrc(rx_secrc), .rx_bsize(rx_bsize),
        .rx_rdmts(rx_rdmts), .flt_upe(flt_upe), .flt_mpe(flt_mpe), .flt_bam(flt_bam), .flt_mo(flt_mo),
        .vme(vme), .vfe(vfe), .vlan_cfien(vlan_cfien), .vlan_cfi(vlan_cfi),
        .tx_en(tx_en), .tx_psp(tx_psp), .link_up(link_up), .loopback(loopback)
    );

    vnic_csr_ring #(.BASE(`VNIC_RDBAL)) rx_ring (
        .clk(clk), .clear(clear_rings),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .reg_rdata(rdata_rx),
        .ring_base(rx_ring_base), .ring_len(rx_ring_len), .tail(rx_tail),
        .flush(rx_flush), .head_wr(rx_head_wr), .head_wdata(rx_head_wdata), .head(rx_head)
    );

    vnic_csr_ring #(.BASE(`VNIC_TDBAL)) tx_ring (
        .clk(clk), .clear(clear_rings),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .reg_rdata(rdata_tx),
        .ring_base(tx_ring_base), .ring_len(tx_ring_len), .tail(tx_tail),
        .flush(tx_flush), .head_wr(tx_head_wr), .head_wdata(tx_head_wdata), .head(tx_head)
    );

    vnic_csr_filter filter (
        .clk(clk),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .reg_rdata(rdata_filter),
        .sweep(in_reset), .sweep_addr(sweep_addr[6:0]), .load(ee_rst || (in_reset && sweep_last)), .mac(mac),
        .upe(flt_upe), .mpe(flt_mpe), .bam(flt_bam), .mo(flt_mo),
        .flt_valid(flt_valid), .flt_da(flt_da),
        .flt_accept(flt_accept), .flt_pif(flt_pif), .flt_bcast(flt_bcast), .flt_mcast(flt_mcast)
    );

    vnic_csr_offload offload (
        .clk(clk), .clear(clear),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .reg_rdata(rdata_offload),
        .sweep(in_reset), .sweep_addr(sweep_addr[6:0]),
        .vfe(vfe), .cfien(vlan_cfien), .cfi(vlan_cfi), .rx_csum(rx_csum), .vet(vet),
        .vlan_valid(vlan_valid), .vlan_tci(vlan_tci), .vlan_pass(vlan_pass)
    );

    vnic_csr_hold hold (
        .clk(clk),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .reg_rdata(rdata_hold),
        .sweep(in_reset), .sweep_addr(sweep_addr)
    );

    vnic_irq #(.CLK_NS(CLK_NS)) interrupts (
        .clk(clk), .clear(clear),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .reg_rdata(rdata_irq),
        .rx_eop(rx_int_eop), .rx_dmt0(rx_int_dmt0), .rx_missed(rx_ev_valid && rx_ev_missed),
        .tx_dw(tx_int_dw), .tx_dw_ide(tx_int_dw_ide), .tx_qe(tx_int_qe), .lsc(lsc), .mdac(mdac),
        .irq(irq), .armed(timer_armed)
    );

    vnic_stats stats (
        .clk(clk), .clear(clear),
        .reg_act(reg_act), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_rdata(rdata_stats),
        .rx_ev_valid(rx_ev_valid), .rx_ev_len(rx_ev_len), .rx_ev_crcerrs(rx_ev_crcerrs), .rx_ev_rfc(rx_ev_rfc),
        .rx_ev_rjc(rx_ev_rjc), .rx_ev_ruc(rx_ev_ruc), .rx_ev_roc(rx_ev_roc), .rx_ev_good(rx_ev_good),
        .rx_ev_bcast(rx_ev_bcast), .rx_ev_mcast(rx_ev_mcast), .rx_ev_missed(rx_ev_missed),
        .rx_rnbc_inc(rx_rnbc_inc),
        .tx_ev_valid(tx_ev_valid), .tx_ev_len(tx_ev_len), .tx_ev_bcast(tx_ev_bcast), .tx_ev_mcast(tx_ev_mcast),
        .tx_ev_tsctc(tx_ev_tsctc), .tx_ev_tsctfc(tx_ev_tsctfc)
    );

    vnic_eeprom #(.MAC_ADDRESS(MAC_ADDRESS)) eeprom (
        .clk(clk), .clear(clear),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .reg_rdata(rdata_eeprom), .mac(mac)
    );

    vnic_mdio mdio (
        .clk(clk), .rst(rst), .clear(clear),
        .reg_act(reg_act), .reg_wr(reg_wr), .reg_rd(reg_rd), .reg_addr(reg_addr), .reg_wdata(reg_wdata),
        .reg_rdata(rdata_mdio),
        .phy_rst(phy_rst), .phy_link(phy_link), .link(phy_up), .loopback(phy_loopback), .changing(phy_changing),
        .mdac(mdac)
    );

    wire unused = &{1'b0, s_axil_awprot, s_axil_arprot};

endmodule

`resetall
