// SPDX-License-Identifier: Apache-2.0
//
// Edits a transmitted frame: puts checksums and VLAN tag into its words on their way out, by the record that
// vnic_tx_csum made. The tag stands behind destination and source address (8254x SDM 9.2); offsets of
// checksums do not count it.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_edit #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64
) (
    // Word `index` of a frame as it is in the FIFO, 0 if it is padding or there is nothing to edit
    input  wire [DATA_WIDTH-1:0] raw,
    input  wire [11:0]           index,
    input  wire                  edit,
    // The frame's record, and whether it gets the tag that it names; the tag's first two bytes
    input  wire [65:0]           record,
    input  wire                  tag,
    input  wire [15:0]           vet,
    // Bytes that the tag pushed out of the word before, and out of this one
    input  wire [31:0]           carry,
    output wire [31:0]           carry_next,
    // The word as it leaves
    output wire [DATA_WIDTH-1:0] edited
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    // Word and bit where the tag goes
    localparam [11:0] TAG_INDEX = 12'd12 >> LB;
    localparam TAG_BIT = DATA_WIDTH == 64 ? 32 : 96;

    wire [15:0] special;
    wire        transport;
    wire [7:0]  transport_place;
    wire [15:0] transport_value;
    wire        ip;
    wire [7:0]  ip_place;
    wire [15:0] ip_value;
    assign {special, transport, transport_place, transport_value, ip, ip_place, ip_value} = record;

    // Word `at` of the frame with a checksum, the high byte of it at byte `spot` of the frame
    function [DATA_WIDTH-1:0] put;
        input [DATA_WIDTH-1:0] word;
        input [11:0]           at;
        input [7:0]            spot;
        input [15:0]           value;
        reg [8:0]              next;
        reg [DATA_WIDTH-1:0]   mask;
        reg [DATA_WIDTH-1:0]   bytes;
        reg [7:0]              unused;
        // Its place in the word with a byte before that
        reg [LB:0]             lane;
        begin
            next = {1'b0, spot} + 9'd1;
            lane = at == {4'd0, spot} >> LB ? {1'b0, spot[LB-1:0]} + 1'b1 : {(LB+1){1'b0}};
            {mask, unused} = {{(DATA_WIDTH-8){1'b0}}, 16'hFFFF} << {lane, 3'd0};
            {bytes, unused} = {{(DATA_WIDTH-8){1'b0}}, value[7:0], value[15:8]} << {lane, 3'd0};
            put = at == {4'd0, spot} >> LB || at == {3'd0, next} >> LB
                  ? (word & ~mask) | bytes : word;
        end
    endfunction

    wire [DATA_WIDTH-1:0] with_ip = edit && ip ? put(raw, index, ip_place, ip_value) : raw;
    wire [DATA_WIDTH-1:0] with_sums = edit && transport ? put(with_ip, index, transport_place, transport_value) : with_ip;
    wire [31:0] tag_bytes = {special[7:0], special[15:8], vet[7:0], vet[15:8]};
    // Room for the tag: what follows it moves up by four bytes, of which four leave the word
    wire [DATA_WIDTH+31:0] pushed = index == TAG_INDEX
        ? {with_sums[DATA_WIDTH-1:TAG_BIT], tag_bytes, with_sums[TAG_BIT-1:0]} : {with_sums, carry};

    assign edited = edit && tag && (TAG_INDEX == 12'd0 || index != 12'd0) ? pushed[DATA_WIDTH-1:0] : with_sums;
    assign carry_next = pushed[DATA_WIDTH+31:DATA_WIDTH];

endmodule

`resetall
