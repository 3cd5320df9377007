// SPDX-License-Identifier: Apache-2.0
//
// Small first-word-fall-through FIFO: rd_data shows the oldest word whenever !empty.
// Meant for command and record queues; frame data goes through vnic_fifo_ram.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_fifo #(
    // Bits a word
    parameter WIDTH = 32,
    // Words held are 2**DEPTH_LOG2
    parameter DEPTH_LOG2 = 4
) (
    input  wire                 clk,
    input  wire                 rst,

    // Write while !full
    input  wire                 wr_en,
    input  wire [WIDTH-1:0]     wr_data,
    output wire                 full,

    // Read while !empty
    input  wire                 rd_en,
    output wire [WIDTH-1:0]     rd_data,
    output wire                 empty
);

    generate
        if (WIDTH < 1 || DEPTH_LOG2 < 1 || DEPTH_LOG2 > 16) begin : g_bad
            vnic_fifo_needs_width_and_depth_of_at_least_one guard ();
        end
    endgenerate

    reg [WIDTH-1:0] mem [0:(1<<DEPTH_LOG2)-1];
    reg [DEPTH_LOG2-1:0] wr_ptr_reg;
    reg [DEPTH_LOG2-1:0] rd_ptr_reg;
    reg [DEPTH_LOG2:0] count_reg;

    assign rd_data = mem[rd_ptr_reg];
    assign empty = count_reg == 0;
    assign full = count_reg[DEPTH_LOG2];

    // One test a cycle while idle: an event simulator pays for every signal a clocked block reads
    wire active = wr_en || rd_en || rst;

    always @(posedge clk) if (active) begin
        if (wr_en) begin
            mem[wr_ptr_reg] <= wr_data;
            wr_ptr_reg <= wr_ptr_reg + 1'b1;
        end
        if (rd_en)
            rd_ptr_reg <= rd_ptr_reg + 1'b1;
        if (wr_en && !rd_en)
            count_reg <= count_reg + 1'b1;
        else if (rd_en && !wr_en)
            count_reg <= count_reg - 1'b1;
        if (rst) begin
            wr_ptr_reg <= 0;
            rd_ptr_reg <= 0;
            count_reg <= 0;
        end
    end

endmodule

`resetall
