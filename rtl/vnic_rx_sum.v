// SPDX-License-Identifier: Apache-2.0
//
// Sums of the 16-bit words in three ranges of a received frame, word by word as it passes. They are exact,
// not folded: the even byte is the low one, so the Internet checksum (RFC 1071) comes out with its bytes
// swapped if the range begins at an even offset.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_rx_sum #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // Bits of a word's number in its frame
    parameter INDEX = 12
) (
    input  wire                  clk,
    input  wire                  rst,

    // A word of the frame, and its number
    input  wire                  valid,
    input  wire                  first,
    input  wire [INDEX-1:0]      here,
    input  wire [DATA_WIDTH-1:0] data,
    // Each range: offsets in the frame of its first byte, and of the one behind its last
    input  wire [16:0]           from0, upto0, from1, upto1, from2, upto2,

    // All words until two cycles ago
    output wire [31:0]           total0, total1, total2
);

    localparam LB = $clog2(DATA_WIDTH / 8);
    localparam [DATA_WIDTH-1:0] ONES = {DATA_WIDTH{1'b1}};
    localparam [DATA_WIDTH-1:0] LOW = {(DATA_WIDTH/32){32'h0000FFFF}};

    reg        valid_reg;
    reg        first_reg;
    reg [31:0] part0_reg, part1_reg, part2_reg;
    reg [31:0] total0_reg, total1_reg, total2_reg;

    assign total0 = total0_reg;
    assign total1 = total1_reg;
    assign total2 = total2_reg;

    // 16-bit words in lanes of 32 bits, then halves on top of each other
    function [31:0] fold(input [DATA_WIDTH-1:0] word);
        reg [DATA_WIDTH-1:0] lanes;
        reg [255:0] half;
        reg [127:0] quarter;
        reg [63:0]  eighth;
        begin
            lanes = (word & LOW) + ((word >> 16) & LOW);
            half = {{(256-DATA_WIDTH/2){1'b0}}, lanes[DATA_WIDTH-1:DATA_WIDTH/2] + lanes[DATA_WIDTH/2-1:0]};
            quarter = half[255:128] + half[127:0];
            eighth = quarter[127:64] + quarter[63:0];
            fold = eighth[63:32] + eighth[31:0];
        end
    endfunction

    // What a range has of word `at`, whose sum is `all`
    function [31:0] part(
        input [DATA_WIDTH-1:0] word, input [31:0] all, input [17-LB-1:0] at, input [16:0] from, input [16:0] upto
    );
        if (at < from[16:LB] || at > upto[16:LB])
            part = 32'd0;
        else if (at > from[16:LB] && at < upto[16:LB])
            part = all;
        else
            part = fold(word & (at == from[16:LB] ? ONES << {from[LB-1:0], 3'd0} : ONES)
                & ~(at == upto[16:LB] ? ONES << {upto[LB-1:0], 3'd0} : {DATA_WIDTH{1'b0}}));
    endfunction

    // The first word is wholly in no range that begins before it
    function [95:0] parts(input [DATA_WIDTH-1:0] word, input [17-LB-1:0] at);
        reg [31:0] all;
        begin
            all = at == {(17-LB){1'b0}} ? 32'd0 : fold(word);
            parts = {part(word, all, at, from2, upto2), part(word, all, at, from1, upto1),
                     part(word, all, at, from0, upto0)};
        end
    endfunction

    // One test in an idle cycle: a simulator pays for every clocked block
    wire active = valid || valid_reg || rst;

    always @(posedge clk) if (active) begin
        valid_reg <= valid && !rst;
        if (valid) begin
            first_reg <= first;
            {part2_reg, part1_reg, part0_reg} <= parts(data, {{(17-LB-INDEX){1'b0}}, here});
        end
        if (valid_reg) begin
            total0_reg <= (first_reg ? 32'd0 : total0_reg) + part0_reg;
            total1_reg <= (first_reg ? 32'd0 : total1_reg) + part1_reg;
            total2_reg <= (first_reg ? 32'd0 : total2_reg) + part2_reg;
        end
    end

endmodule

`resetall
