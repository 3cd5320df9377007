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
    // Bits of a byte's place in a word, which may be the one behind its end
    parameter PLACE = 4
) (
    input  wire                  clk,
    input  wire                  rst,

    // A word of the frame
    input  wire                  valid,
    input  wire                  first,
    input  wire [DATA_WIDTH-1:0] data,
    // Its part of each range: bytes from up to, but without, upto
    input  wire [PLACE-1:0]      from0, upto0, from1, upto1, from2, upto2,

    // All words until two cycles ago
    output wire [31:0]           total0, total1, total2
);

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
        integer width;
        begin
            lanes = (word & LOW) + ((word >> 16) & LOW);
            for (width = DATA_WIDTH / 2; width >= 32; width = width / 2)
                lanes = (lanes & (ONES >> (DATA_WIDTH - width))) + (lanes >> width);
            fold = lanes[31:0];
        end
    endfunction

    function [31:0] part(input [DATA_WIDTH-1:0] word, input [PLACE-1:0] from, input [PLACE-1:0] upto);
        if (from >= upto)
            part = 32'd0;
        else if (from == {PLACE{1'b0}} && upto[PLACE-1])
            part = fold(word);
        else
            part = fold(word & (ONES << {from, 3'd0}) & ~(ONES << {upto, 3'd0}));
    endfunction

    // One test in an idle cycle: a simulator pays for every clocked block
    wire active = valid || valid_reg || rst;

    always @(posedge clk) if (active) begin
        valid_reg <= valid && !rst;
        if (valid) begin
            first_reg <= first;
            part0_reg <= part(data, from0, upto0);
            part1_reg <= part(data, from1, upto1);
            part2_reg <= part(data, from2, upto2);
        end
        if (valid_reg) begin
            total0_reg <= (first_reg ? 32'd0 : total0_reg) + part0_reg;
            total1_reg <= (first_reg ? 32'd0 : total1_reg) + part1_reg;
            total2_reg <= (first_reg ? 32'd0 : total2_reg) + part2_reg;
        end
    end

endmodule

`resetall
