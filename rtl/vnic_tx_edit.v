// SPDX-License-Identifier: Apache-2.0
//
// Last stage of the transmit output: puts checksums and VLAN tag into the words of a frame on their way
// out, by the record that vnic_tx_csum made. The tag stands behind destination and source address (8254x
// SDM 9.2); offsets of checksums do not count it.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_edit #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64
) (
    input  wire                  clk,

    // A word is being read: the frame is to be edited, that is its word `index`, its record, with the tag
    input  wire                  step,
    input  wire                  edit,
    input  wire [11:0]           index,
    input  wire [65:0]           record,
    input  wire                  tag,
    input  wire [15:0]           vet,

    // In the next cycle or later: take it; a word of padding
    input  wire                  load,
    input  wire                  pad,
    input  wire [DATA_WIDTH-1:0] rd_data,

    // The word as it leaves; what the frame's first word says of its destination
    output wire [DATA_WIDTH-1:0] data,
    input  wire                  load_first,
    output wire                  bcast,
    output wire                  mcast
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    // Word and bit where the tag goes
    localparam [11:0] TAG_INDEX = 12'd12 >> LB;
    localparam TAG_BIT = DATA_WIDTH == 64 ? 32 : 96;

    reg                  edit_reg;
    reg [11:0]           index_reg;
    reg [65:0]           record_reg;
    reg                  tag_reg;
    reg [15:0]           vet_reg;
    // Bytes that the tag pushed out of the last word
    reg [31:0]           carry_reg;
    reg [DATA_WIDTH-1:0] data_reg;
    reg                  bcast_reg;
    reg                  mcast_reg;

    wire [15:0] special;
    wire        transport;
    wire [7:0]  transport_place;
    wire [15:0] transport_value;
    wire        ip;
    wire [7:0]  ip_place;
    wire [15:0] ip_value;
    assign {special, transport, transport_place, transport_value, ip, ip_place, ip_value} = record_reg;

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

    // 0 while there is nothing to edit: an event simulator then has nothing to do behind it
    wire [DATA_WIDTH-1:0] raw = edit_reg && !pad ? rd_data : {DATA_WIDTH{1'b0}};
    wire [DATA_WIDTH-1:0] with_ip = ip && edit_reg ? put(raw, index_reg, ip_place, ip_value) : raw;
    wire [DATA_WIDTH-1:0] with_sums = transport && edit_reg
                                      ? put(with_ip, index_reg, transport_place, transport_value) : with_ip;
    wire [31:0] tag_bytes = {special[7:0], special[15:8], vet_reg[7:0], vet_reg[15:8]};
    // Room for the tag: what follows it moves up by four bytes, of which four leave the word
    wire [DATA_WIDTH+31:0] pushed = index_reg == TAG_INDEX
        ? {with_sums[DATA_WIDTH-1:TAG_BIT], tag_bytes, with_sums[TAG_BIT-1:0]} : {with_sums, carry_reg};
    wire [DATA_WIDTH-1:0] edited = tag_reg && (TAG_INDEX == 12'd0 || index_reg != 12'd0) ? pushed[DATA_WIDTH-1:0] : with_sums;

    assign data = data_reg;
    assign bcast = bcast_reg;
    assign mcast = mcast_reg;

    wire active = step || load;

    always @(posedge clk) if (active) begin
        if (step) begin
            edit_reg <= edit;
            if (edit) begin
                index_reg <= index;
                record_reg <= record;
                tag_reg <= tag;
                vet_reg <= vet;
            end
        end
        if (load) begin
            if (edit_reg) begin
                data_reg <= edited;
                carry_reg <= pushed[DATA_WIDTH+31:DATA_WIDTH];
            end else
                data_reg <= pad ? {DATA_WIDTH{1'b0}} : rd_data;
            if (load_first) begin
                bcast_reg <= edit_reg ? &edited[47:0] : &rd_data[47:0];
                mcast_reg <= edit_reg ? edited[0] && !(&edited[47:0]) : rd_data[0] && !(&rd_data[47:0]);
            end
        end
    end

endmodule

`resetall
