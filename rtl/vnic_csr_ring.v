// SPDX-License-Identifier: Apache-2.0
//
// Registers of one descriptor ring: base, length, head and tail (8254x SDM 13.4.25 to 13.4.29, 13.4.36 to
// 13.4.40). The head itself lives in the data path, which alone knows what is visible in memory.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_csr_ring #(
    // Offset of the ring's first register, RDBAL or TDBAL
    parameter [16:0] BASE = `VNIC_RDBAL
) (
    input  wire        clk,
    input  wire        clear,

    // Register bus
    input  wire        reg_act,
    input  wire        reg_wr,
    input  wire        reg_rd,
    input  wire [16:0] reg_addr,
    input  wire [31:0] reg_wdata,
    output wire [31:0] reg_rdata,

    // Ring; flush: base, length or head was written; head_wr: load the head
    output wire [63:0] ring_base,
    output wire [19:0] ring_len,
    output wire [15:0] tail,
    output wire        flush,
    output wire        head_wr,
    output wire [15:0] head_wdata,
    input  wire [15:0] head
);

    // The two rings differ in their base only
    localparam [16:0] LOW = BASE;
    localparam [16:0] HIGH = BASE + (`VNIC_RDBAH - `VNIC_RDBAL);
    localparam [16:0] LEN = BASE + (`VNIC_RDLEN - `VNIC_RDBAL);
    localparam [16:0] HEAD = BASE + (`VNIC_RDH - `VNIC_RDBAL);
    localparam [16:0] TAIL = BASE + (`VNIC_RDT - `VNIC_RDBAL);

    reg [63:0] base_reg;
    reg [19:0] len_reg;
    reg [15:0] tail_reg;
    reg        flush_reg;
    reg        head_wr_reg;
    reg [15:0] head_wdata_reg;
    reg [31:0] rdata_reg;

    assign reg_rdata = rdata_reg;
    assign ring_base = base_reg;
    assign ring_len = len_reg;
    assign tail = tail_reg;
    assign flush = flush_reg;
    assign head_wr = head_wr_reg;
    assign head_wdata = head_wdata_reg;

    // One test in an idle cycle: a simulator pays for every signal that a clocked block reads
    wire active = reg_act || flush_reg;

    always @(posedge clk) if (active) begin
        if (flush_reg) begin
            flush_reg <= 1'b0;
            head_wr_reg <= 1'b0;
        end
        if (reg_act) begin
            if (reg_wr)
                case (reg_addr)
                    LOW: begin
                        base_reg[31:0] <= reg_wdata & `VNIC_RDBAL_WMASK;
                        flush_reg <= 1'b1;
                    end
                    HIGH: begin
                        base_reg[63:32] <= reg_wdata;
                        flush_reg <= 1'b1;
                    end
                    LEN: begin
                        len_reg <= {reg_wdata[`VNIC_RDLEN__LEN], 7'd0};
                        flush_reg <= 1'b1;
                    end
                    HEAD: begin
                        head_wdata_reg <= reg_wdata[`VNIC_RDH__INDEX];
                        head_wr_reg <= 1'b1;
                        flush_reg <= 1'b1;
                    end
                    TAIL: tail_reg <= reg_wdata[`VNIC_RDT__INDEX];
                    default: ;
                endcase
            if (reg_rd)
                case (reg_addr)
                    LOW: rdata_reg <= base_reg[31:0];
                    HIGH: rdata_reg <= base_reg[63:32];
                    LEN: rdata_reg <= {12'd0, len_reg};
                    HEAD: rdata_reg <= {16'd0, head};
                    TAIL: rdata_reg <= {16'd0, tail_reg};
                    default: rdata_reg <= 32'd0;
                endcase
            if (clear) begin
                base_reg <= 64'd0;
                len_reg <= 20'd0;
                tail_reg <= 16'd0;
                flush_reg <= 1'b0;
                head_wr_reg <= 1'b0;
                head_wdata_reg <= 16'd0;
            end
        end
    end

endmodule

`resetall
