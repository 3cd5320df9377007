// SPDX-License-Identifier: Apache-2.0
//
// Finds the 802.1Q tag of a received frame (8254x SDM 9.2, 9.3): asks the VLAN filter in the CSR block about
// it, and takes it out where it is stripped. A stored word then ends with the first bytes of the word behind
// it, so it waits until that one is there.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_rx_tag #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64
) (
    input  wire                  clk,
    input  wire                  rst,

    // Tags are looked for; those found are stripped; their type
    input  wire                  on,
    input  wire                  vme,
    input  wire [15:0]           vet,

    // Word coming, and the one before it, which is to be stored; count = valid bytes of a last word
    input  wire                  a_valid,
    input  wire                  a_first,
    input  wire                  a_last,
    input  wire [6:0]            a_count,
    input  wire [DATA_WIDTH-1:0] a_data,
    input  wire                  b_valid,
    input  wire                  b_last,
    input  wire [DATA_WIDTH-1:0] b_data,

    // VLAN filter, answers in the next cycle
    output wire                  vlan_valid,
    output wire [15:0]           vlan_tci,

    // Of the frame whose word is to be stored, final at its last word: tag found, stripped, its TCI
    output wire                  has_tag,
    output wire                  cut,
    output wire [15:0]           tci,
    // The word to be stored is not complete yet; when it is: what is stored
    output wire                  hold,
    output wire [DATA_WIDTH-1:0] word
);

    // Bytes 12 to 15 are in word TAG_WORD, 0 or 1, behind TAG_BIT bits; too short a frame ends there or, on
    // a narrow bus, within 4 bytes of the next word
    localparam TAG_WORD = DATA_WIDTH == 64 ? 1 : 0;
    localparam TAG_BIT = 96 - TAG_WORD * 64;
    localparam NARROW = DATA_WIDTH < 256;
    // A tagged frame has addresses, tag and FCS
    localparam [6:0] MIN_COUNT = 7'd20;

    // The word before the one coming was the first; the word to be stored has the tag's place
    reg        second_reg;
    reg        place_reg;
    reg        has_tag_reg;
    reg        cut_reg;
    reg [15:0] tci_reg;

    wire at_tag = a_valid && (TAG_WORD == 1 ? second_reg : a_first);
    wire ends_here = a_last && (NARROW || a_count < MIN_COUNT);
    wire ends_next = NARROW && place_reg && a_valid && a_last && a_count < 7'd4;

    // Nothing but two multiplexers sees the data while no tag is looked for: a simulator pays for the rest
    wire [DATA_WIDTH-1:0] a_word = on ? a_data : {DATA_WIDTH{1'b0}};
    wire [DATA_WIDTH-1:0] b_word = cut_reg ? b_data : {DATA_WIDTH{1'b0}};
    wire [31:0] a_tag = a_word[TAG_BIT +: 32];

    assign vlan_valid = at_tag && on;
    assign vlan_tci = {a_tag[23:16], a_tag[31:24]};
    assign has_tag = has_tag_reg;
    assign cut = cut_reg;
    assign tci = tci_reg;
    assign hold = b_valid && cut_reg && !b_last && !a_valid;

    // Stripped: the word with the tag keeps what is before it, later words have moved up by 4 bytes
    wire [DATA_WIDTH-1:0] moved = {a_word[31:0], b_word[DATA_WIDTH-1:32]};
    wire [DATA_WIDTH-1:0] without = place_reg ? {moved[DATA_WIDTH-1:TAG_BIT], b_word[TAG_BIT-1:0]} : moved;
    assign word = cut_reg && !ends_next ? without : b_data;

    wire active = rst || (a_valid && (on || has_tag_reg) && (a_first || second_reg || place_reg));

    always @(posedge clk) if (active) begin
        second_reg <= a_first;
        place_reg <= at_tag;
        if (at_tag) begin
            has_tag_reg <= on && !ends_here && {a_tag[7:0], a_tag[15:8]} == vet;
            cut_reg <= on && !ends_here && {a_tag[7:0], a_tag[15:8]} == vet && vme;
            tci_reg <= vlan_tci;
        end else if (a_first || ends_next) begin
            has_tag_reg <= 1'b0;
            cut_reg <= 1'b0;
        end
        if (rst) begin
            second_reg <= 1'b0;
            place_reg <= 1'b0;
            has_tag_reg <= 1'b0;
            cut_reg <= 1'b0;
        end
    end

    wire unused = &{1'b0, a_word};

endmodule

`resetall
