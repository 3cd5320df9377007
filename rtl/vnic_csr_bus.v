// SPDX-License-Identifier: Apache-2.0
//
// The AXI4-Lite slave of the control and status registers, and the reset that CTRL.RST starts. It serves one
// access at a time; a write is answered when its effect is complete (a reset is over, a switched-off engine
// is quiet), so software need not wait for anything.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_csr_bus (
    input  wire        clk, rst,

    // AXI4-Lite slave: 17-bit byte address, 32-bit data
    input  wire [16:0] s_axil_awaddr,
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
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    output wire [1:0]  s_axil_rresp,
    output wire        s_axil_rvalid,
    input  wire        s_axil_rready,
    // An access is under way or wanted
    output wire        busy,

    // Register bus: act is high whenever a block has something to do, wr and rd for one cycle an access
    output wire        reg_act,
    output wire        reg_wr,
    output wire        reg_rd,
    output wire [16:0] reg_addr,
    output wire [31:0] reg_wdata,

    // Registers go to their reset values; a memory clears word sweep_addr while in_reset
    output wire        clear,
    output wire        in_reset,
    output wire [8:0]  sweep_addr,
    output wire        sweep_last,

    // The data path is in reset; engines are on, or off and quiet
    input  wire        soft_rst_done,
    input  wire        rx_en,
    input  wire        rx_quiet,
    input  wire        tx_en,
    input  wire        tx_quiet
);

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

    assign in_reset = state_reg == S_RESET;
    assign clear = rst || in_reset;
    assign sweep_addr = count_reg;
    assign sweep_last = count_reg == 9'd511;
    assign reg_act = act_reg;
    assign reg_wr = state_reg == S_WRITE && strb_reg;
    assign reg_rd = state_reg == S_READ;
    assign reg_addr = addr_reg;
    assign reg_wdata = wdata_reg;
    assign busy = state_reg != S_IDLE || s_axil_awvalid || s_axil_arvalid;

    // One test in an idle cycle: a simulator pays for every signal that a clocked block reads
    wire       active = rst || busy;

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

    wire unused = &{1'b0, s_axil_awaddr[1:0], s_axil_araddr[1:0]};

endmodule

`resetall
