// SPDX-License-Identifier: Apache-2.0
//
// Ethernet CRC-32 (IEEE 802.3 3.2.9) of a stream of words, lane 0 first. The CRC is linear, so a word's
// is the sum of its nibbles' contributions; the table of those is constant (four-input LUTs in an FPGA),
// and looking up nibbles is the cheapest form in an event simulator. Nothing moves while !en.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_crc32 #(
    // Bits a word: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64
) (
    input  wire                  clk,

    // Word, its valid bytes (1 to all), whether it begins a frame; lanes above count must be 0
    input  wire                  en,
    input  wire                  first,
    input  wire [6:0]            count,
    input  wire [DATA_WIDTH-1:0] data,

    // FCS of all words so far, first byte on the wire in [7:0]
    output wire [31:0]           fcs
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam NIBBLES = 2 * BYTES;
    localparam AB = $clog2(16 * NIBBLES);
    localparam [31:0] POLYNOMIAL = 32'hEDB88320;

    // What nibble `value` adds when `after` nibbles follow it in the word
    function [31:0] contribution;
        input integer after;
        input integer value;
        integer k;
        begin
            contribution = value;
            for (k = 0; k < 4 * (after + 1); k = k + 1)
                contribution = contribution[0] ? (contribution >> 1) ^ POLYNOMIAL : contribution >> 1;
        end
    endfunction

    reg [31:0] nib_mem [0:16*NIBBLES-1];

    integer n;
    initial
        for (n = 0; n < 16 * NIBBLES; n = n + 1)
            nib_mem[n] = contribution(NIBBLES - 1 - n / 16, n % 16);

    reg [31:0] crc_reg;

    // Unrolled by 64 bits: a loop's bookkeeping would cost a simulator more than the lookups
    function [31:0] lookup;
        input [AB-1:0] at;
        input [63:0]   v;
        lookup = nib_mem[at | {{(AB-8){1'b0}}, 4'd0, v[3:0]}] ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd1, v[7:4]}]
                 ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd2, v[11:8]}] ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd3, v[15:12]}]
                 ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd4, v[19:16]}] ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd5, v[23:20]}]
                 ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd6, v[27:24]}] ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd7, v[31:28]}]
                 ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd8, v[35:32]}] ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd9, v[39:36]}]
                 ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd10, v[43:40]}] ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd11, v[47:44]}]
                 ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd12, v[51:48]}] ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd13, v[55:52]}]
                 ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd14, v[59:56]}] ^ nib_mem[at | {{(AB-8){1'b0}}, 4'd15, v[63:60]}];
    endfunction

    function [31:0] next_crc;
        input [31:0]           crc;
        input [DATA_WIDTH-1:0] word;
        input [6:0]            bytes;
        reg [DATA_WIDTH-1:0]   v;
        integer                i;
        begin
            v = word ^ {{(DATA_WIDTH-32){1'b0}}, crc};
            next_crc = 32'd0;
            if (bytes != BYTES[6:0]) begin
                // Zeros in front contribute nothing; a word of under 4 bytes leaves part of the old CRC
                v = v << {BYTES[6:0] - bytes, 3'd0};
                next_crc = crc >> {bytes, 3'd0};
            end
            for (i = 0; i < DATA_WIDTH / 64; i = i + 1)
                next_crc = next_crc ^ lookup(i[AB-1:0] << 8, v[64*i +: 64]);
        end
    endfunction

    assign fcs = ~crc_reg;

    always @(posedge clk)
        if (en)
            crc_reg <= next_crc(first ? 32'hFFFFFFFF : crc_reg, data, count);

endmodule

`resetall
