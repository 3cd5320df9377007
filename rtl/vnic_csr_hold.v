// SPDX-License-Identifier: Apache-2.0
//
// Registers that keep what software writes and do nothing (see vnic_regs.rdl), in one memory. A word holds
// the difference to the register's reset value, so that a memory of zeros is a block at reset.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_csr_hold (
    input  wire        clk,

    // Register bus
    input  wire        reg_act,
    input  wire        reg_wr,
    input  wire        reg_rd,
    input  wire [16:0] reg_addr,
    input  wire [31:0] reg_wdata,
    output wire [31:0] reg_rdata,

    // Reset: clear word sweep_addr
    input  wire        sweep,
    input  wire [8:0]  sweep_addr
);

    reg [31:0] mem [0:511];
    reg [31:0] word_reg;
    reg [31:0] init_reg;
    reg        hit_reg;

    // Where the addressed register is, which bits it has, and what it resets to; no bits: no such register
    reg [8:0]  index;
    reg [31:0] mask;
    reg [31:0] init;

    assign reg_rdata = hit_reg ? word_reg ^ init_reg : 32'd0;

    always @* begin
        index = 9'd0;
        mask = 32'd0;
        init = 32'd0;
        casez (reg_addr)
            17'b0_1001_00??_????_?000: begin  // FFMT
                index = {2'd1, reg_addr[9:3]}; mask = `VNIC_FFMT_WMASK;
            end
            17'b0_1001_10??_????_?000: begin  // FFVT
                index = {2'd2, reg_addr[9:3]}; mask = `VNIC_FFVT_WMASK;
            end
            17'b0_0101_1000_010?_?000: begin  // IP4AT
                index = {7'b11_00000, reg_addr[4:3]}; mask = `VNIC_IP4AT_WMASK;
            end
            17'b0_0101_1000_1000_??00: begin  // IP6AT
                index = {7'b11_00001, reg_addr[3:2]}; mask = `VNIC_IP6AT_WMASK;
            end
            17'b0_0101_1111_000?_?000: begin  // FFLT
                index = {7'b11_00010, reg_addr[4:3]}; mask = `VNIC_FFLT_WMASK;
            end
            `VNIC_FCAL: begin index = 9'h18C; mask = `VNIC_FCAL_WMASK; end
            `VNIC_FCAH: begin index = 9'h18D; mask = `VNIC_FCAH_WMASK; end
            `VNIC_FCT: begin index = 9'h18E; mask = `VNIC_FCT_WMASK; end
            `VNIC_FCTTV: begin index = 9'h190; mask = `VNIC_FCTTV_WMASK; end
            `VNIC_TXCW: begin index = 9'h191; mask = `VNIC_TXCW_WMASK; end
            `VNIC_TIPG: begin index = 9'h192; mask = `VNIC_TIPG_WMASK; end
            `VNIC_AIFS: begin index = 9'h193; mask = `VNIC_AIFS_WMASK; end
            `VNIC_LEDCTL: begin index = 9'h194; mask = `VNIC_LEDCTL_WMASK; init = `VNIC_LEDCTL_RESET; end
            `VNIC_FCRTL: begin index = 9'h195; mask = `VNIC_FCRTL_WMASK; end
            `VNIC_FCRTH: begin index = 9'h196; mask = `VNIC_FCRTH_WMASK; end
            `VNIC_RXDCTL: begin index = 9'h197; mask = `VNIC_RXDCTL_WMASK; init = `VNIC_RXDCTL_RESET; end
            `VNIC_RSRPD: begin index = 9'h198; mask = `VNIC_RSRPD_WMASK; end
            `VNIC_TXDCTL: begin index = 9'h199; mask = `VNIC_TXDCTL_WMASK; end
            `VNIC_TSPMT: begin index = 9'h19A; mask = `VNIC_TSPMT_WMASK; init = `VNIC_TSPMT_RESET; end
            `VNIC_WUC: begin index = 9'h19C; mask = `VNIC_WUC_WMASK; end
            `VNIC_WUFC: begin index = 9'h19D; mask = `VNIC_WUFC_WMASK; end
            `VNIC_MANC: begin index = 9'h19E; mask = `VNIC_MANC_WMASK; end
            `VNIC_IPAV: begin index = 9'h19F; mask = `VNIC_IPAV_WMASK; end
            default: ;
        endcase
    end

    always @(posedge clk) if (reg_act) begin
        if (sweep)
            mem[sweep_addr] <= 32'd0;
        else if (reg_wr && |mask)
            mem[index] <= (reg_wdata ^ init) & mask;
        if (reg_rd) begin
            word_reg <= mem[index];
            init_reg <= init;
            hit_reg <= |mask;
        end
    end

endmodule

`resetall
