// SPDX-License-Identifier: Apache-2.0
//
// CTRL, STATUS, CTRL_EXT, PBA, RCTL and TCTL (8254x SDM 13.4.1, 2, 6, 16, 22, 33), decoded for the data
// path, and the link as the MAC sees it.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_csr_ctrl (
    // rst: power-up, which alone resets PBA; clear: that or CTRL.RST
    input  wire        clk,
    input  wire        rst,
    input  wire        clear,

    // Register bus
    input  wire        reg_act,
    input  wire        reg_wr,
    input  wire        reg_rd,
    input  wire [16:0] reg_addr,
    input  wire [31:0] reg_wdata,
    output wire [31:0] reg_rdata,

    // PHY and EEPROM: link and loopback; pulses for CTRL.PHY_RST and CTRL_EXT.EE_RST
    input  wire        phy_up,
    input  wire        phy_loopback,
    output wire        phy_rst,
    output wire        ee_rst,
    // Pulse: STATUS.LU has changed
    output wire        lsc,

    // Decoded configuration
    output wire        rx_en,
    output wire        rx_on,
    output wire        rx_sbp,
    output wire        rx_lpe,
    output wire        rx_secrc,
    output wire [14:0] rx_bsize,
    output wire [1:0]  rx_rdmts,
    output wire        flt_upe,
    output wire        flt_mpe,
    output wire        flt_bam,
    output wire [1:0]  flt_mo,
    output wire        vme,
    output wire        vfe,
    output wire        vlan_cfien,
    output wire        vlan_cfi,
    output wire        tx_en,
    output wire        tx_psp,
    output wire        link_up,
    output wire        loopback
);

    localparam [31:0] PBA_RESET = `VNIC_PBA_RESET;

    reg [31:0] ctrl_reg;
    reg [31:0] ctrl_ext_reg;
    reg [31:0] rctl_reg;
    reg [31:0] tctl_reg;
    reg [6:0]  rxa_reg;
    reg        lu_reg;
    reg [31:0] rdata_reg;

    assign reg_rdata = rdata_reg;

    assign rx_en = rctl_reg[`VNIC_RCTL__EN];
    assign rx_on = rx_en && (link_up || loopback);
    assign rx_sbp = rctl_reg[`VNIC_RCTL__SBP];
    assign rx_lpe = rctl_reg[`VNIC_RCTL__LPE];
    assign rx_secrc = rctl_reg[`VNIC_RCTL__SECRC];
    assign rx_rdmts = rctl_reg[`VNIC_RCTL__RDMTS];
    assign rx_bsize = bsize(rctl_reg[`VNIC_RCTL__BSEX], rctl_reg[`VNIC_RCTL__BSIZE]);
    assign flt_upe = rctl_reg[`VNIC_RCTL__UPE];
    assign flt_mpe = rctl_reg[`VNIC_RCTL__MPE];
    assign flt_bam = rctl_reg[`VNIC_RCTL__BAM];
    assign flt_mo = rctl_reg[`VNIC_RCTL__MO];
    assign vme = ctrl_reg[`VNIC_CTRL__VME];
    assign vfe = rctl_reg[`VNIC_RCTL__VFE];
    assign vlan_cfien = rctl_reg[`VNIC_RCTL__CFIEN];
    assign vlan_cfi = rctl_reg[`VNIC_RCTL__CFI];
    assign tx_en = tctl_reg[`VNIC_TCTL__EN];
    assign tx_psp = tctl_reg[`VNIC_TCTL__PSP];
    assign link_up = ctrl_reg[`VNIC_CTRL__SLU] && phy_up;
    assign loopback = phy_loopback || rctl_reg[`VNIC_RCTL__LBM] == `VNIC_RCTL__LBM_MAC;
    // A reset takes both down: in silence
    assign lsc = link_up != lu_reg;

    assign phy_rst = reg_wr && reg_addr == `VNIC_CTRL && reg_wdata[`VNIC_CTRL__PHY_RST];
    assign ee_rst = reg_wr && reg_addr == `VNIC_CTRL_EXT && reg_wdata[`VNIC_CTRL_EXT__EE_RST];

    // One test in an idle cycle: a simulator pays for every signal that a clocked block reads
    wire active = reg_act || rst || lsc;

    // Buffer size in bytes; BSEX with BSIZE 00b is reserved and taken as 2048
    function [14:0] bsize(input extended, input [1:0] code);
        case ({extended, code})
            3'b001: bsize = 15'd1024;
            3'b010: bsize = 15'd512;
            3'b011: bsize = 15'd256;
            3'b101: bsize = 15'd16384;
            3'b110: bsize = 15'd8192;
            3'b111: bsize = 15'd4096;
            default: bsize = 15'd2048;
        endcase
    endfunction

    always @(posedge clk) if (active) begin
        if (lsc)
            lu_reg <= link_up;
        if (reg_act) begin
            if (reg_wr)
                case (reg_addr)
                    `VNIC_CTRL: ctrl_reg <= reg_wdata & `VNIC_CTRL_WMASK;
                    `VNIC_CTRL_EXT: ctrl_ext_reg <= reg_wdata & `VNIC_CTRL_EXT_WMASK;
                    `VNIC_PBA: rxa_reg <= reg_wdata[`VNIC_PBA__RXA];
                    `VNIC_RCTL: rctl_reg <= reg_wdata & `VNIC_RCTL_WMASK;
                    `VNIC_TCTL: tctl_reg <= reg_wdata & `VNIC_TCTL_WMASK;
                    default: ;
                endcase
            if (reg_rd)
                case (reg_addr)
                    `VNIC_CTRL: rdata_reg <= ctrl_reg;
                    `VNIC_STATUS: begin
                        rdata_reg <= `VNIC_STATUS_RESET;
                        rdata_reg[`VNIC_STATUS__LU] <= link_up;
                    end
                    `VNIC_CTRL_EXT: rdata_reg <= ctrl_ext_reg;
                    // The transmitter has what is left of 64 KiB
                    `VNIC_PBA: rdata_reg <= {9'd0, rxa_reg > 7'd64 ? 7'd0 : 7'd64 - rxa_reg, 9'd0, rxa_reg};
                    `VNIC_RCTL: rdata_reg <= rctl_reg;
                    `VNIC_TCTL: rdata_reg <= tctl_reg;
                    default: rdata_reg <= 32'd0;
                endcase
            if (clear) begin
                ctrl_reg <= `VNIC_CTRL_RESET;
                ctrl_ext_reg <= `VNIC_CTRL_EXT_RESET;
                rctl_reg <= `VNIC_RCTL_RESET;
                tctl_reg <= `VNIC_TCTL_RESET;
                lu_reg <= 1'b0;
            end
            if (rst)
                rxa_reg <= PBA_RESET[`VNIC_PBA__RXA];
        end
    end

endmodule

`resetall
