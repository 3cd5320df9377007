// SPDX-License-Identifier: Apache-2.0
//
// Receive front end: takes frames from the MAC or the loopback path without ever holding them back,
// writes them to the FIFO as they come, and decides at the last byte whether they stay: length and FCS
// rules (8254x SDM 14.x RCTL.SBP/LPE), address and VLAN filter (in the CSR block), room. A frame that does
// not stay is overwritten by the next one.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_rx_filter #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // FIFO words and bits of a word address
    parameter WORDS = 6144,
    parameter ADDR_BITS = 13
) (
    input  wire                    clk,
    input  wire                    rst,

    // Configuration; clear empties the FIFO
    input  wire                    clear,
    input  wire                    rx_on,
    input  wire                    loopback,
    input  wire                    sbp,
    input  wire                    lpe,
    // Tags are looked for; those found are stripped; their type
    input  wire                    tags,
    input  wire                    vme,
    input  wire [15:0]             vet,

    // From the MAC
    input  wire [DATA_WIDTH-1:0]   s_axis_rx_tdata,
    input  wire [DATA_WIDTH/8-1:0] s_axis_rx_tkeep,
    input  wire                    s_axis_rx_tvalid,
    output wire                    s_axis_rx_tready,
    input  wire                    s_axis_rx_tlast,
    input  wire                    s_axis_rx_tuser,
    // From the loopback path, always taken; count = valid bytes
    input  wire                    loop_valid,
    input  wire                    loop_first,
    input  wire                    loop_last,
    input  wire [6:0]              loop_count,
    input  wire [DATA_WIDTH-1:0]   loop_data,

    // Address filter, answers in the next cycle
    output wire                    flt_valid,
    output wire [47:0]             flt_da,
    input  wire                    flt_accept,
    input  wire                    flt_pif,
    input  wire                    flt_bcast,
    input  wire                    flt_mcast,
    output wire                    vlan_valid,
    output wire [15:0]             vlan_tci,
    input  wire                    vlan_pass,

    // FIFO write port, and blocks given back
    output wire                    wr_en,
    output wire [ADDR_BITS-1:0]    wr_addr,
    output wire [DATA_WIDTH-1:0]   wr_data,
    input  wire                    release_valid,
    input  wire [9:0]              release_blocks,

    // Room in 64-byte blocks
    output wire [9:0]              free_blocks,

    // Word taken from the stream, as stored
    output wire                    word_valid,
    output wire                    word_first,
    output wire                    word_last,

    // Frame stored: length with FCS, CRC error, passed-inexact-filter; tag found, stripped, its TCI
    output wire                    store,
    output wire [14:0]             store_len,
    output wire                    store_ce,
    output wire                    store_pif,
    output wire                    store_tagged,
    output wire                    store_cut,
    output wire [15:0]             store_tci,

    // Statistics
    output wire                    ev_valid,
    output wire [19:0]             ev_len,
    output wire                    ev_crcerrs,
    output wire                    ev_rfc,
    output wire                    ev_rjc,
    output wire                    ev_ruc,
    output wire                    ev_roc,
    output wire                    ev_good,
    output wire                    ev_bcast,
    output wire                    ev_mcast,
    output wire                    ev_missed,

    output wire                    busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    localparam BLOCKS = WORDS * BYTES / 64;
    localparam [9:0] BLOCKS_ALL = BLOCKS[9:0];
    // Words between block starts - 1
    localparam [ADDR_BITS-1:0] BLOCK_MASK = {{(ADDR_BITS-3){1'b0}}, 3'd7} >> (LB - 3);
    localparam [ADDR_BITS-1:0] LAST_WORD = WORDS[ADDR_BITS-1:0] - 1'b1;

    // Valid bytes of a last word from its keep: lanes are filled from the bottom
    function [6:0] keep_count;
        input [BYTES-1:0] keep;
        reg [63:0] top;
        begin
            if (&keep)
                keep_count = BYTES[6:0];
            else begin
                top = {{(64-BYTES){1'b0}}, keep & ~(keep >> 1)};
                keep_count = {1'b0, |(top & 64'hFFFFFFFF00000000), |(top & 64'hFFFF0000FFFF0000),
                              |(top & 64'hFF00FF00FF00FF00), |(top & 64'hF0F0F0F0F0F0F0F0),
                              |(top & 64'hCCCCCCCCCCCCCCCC), |(top & 64'hAAAAAAAAAAAAAAAA)} + 7'd1;
            end
        end
    endfunction

    // Stage A: one source, frame boundaries, running length -----------------------------------------
    reg                  ready_reg;
    reg                  source_reg;
    reg                  mac_mid_reg;
    reg                  in_frame_reg;
    reg                  a_valid_reg;
    // One register for the whole word: an event simulator pays by the signal
    reg [DATA_WIDTH+9:0] a_word_reg;
    wire                  a_first;
    wire                  a_last;
    wire                  a_bad;
    wire [6:0]            a_count;
    wire [DATA_WIDTH-1:0] a_data;
    assign {a_first, a_last, a_bad, a_count, a_data} = a_word_reg;

    wire mac_beat = s_axis_rx_tvalid && ready_reg;
    wire in_valid = source_reg ? loop_valid : mac_beat;
    wire in_first = source_reg ? loop_first : !mac_mid_reg;
    wire in_last = source_reg ? loop_last : s_axis_rx_tlast;
    // A change of source, like clear, forgets the frame that is under way
    wire abort = clear || source_reg != loopback;
    wire a_take = in_valid && (in_first || in_frame_reg) && !abort;

    assign s_axis_rx_tready = ready_reg;
    assign flt_valid = a_valid_reg && a_first;
    assign flt_da = a_data[47:0];

    wire [6:0] mac_count = s_axis_rx_tlast ? keep_count(s_axis_rx_tkeep) : BYTES[6:0];
    wire [6:0] in_count = !source_reg ? mac_count : loop_last ? loop_count : BYTES[6:0];
    wire in_bad = !source_reg && s_axis_rx_tuser;
    wire [DATA_WIDTH-1:0] in_data = source_reg ? loop_data : s_axis_rx_tdata;

    // A frame begins or ends at the MAC, or here
    wire mac_turn = mac_beat && mac_mid_reg == s_axis_rx_tlast;
    wire turn = a_take && in_frame_reg == in_last;
    wire a_control = mac_turn || turn || abort || a_take != a_valid_reg || !ready_reg || rst;

    // Number of the word in its frame
    reg [19-LB:0] a_index_reg;
    wire [19-LB:0] a_more = &a_index_reg ? a_index_reg : a_index_reg + 1'b1;
    wire [19-LB:0] in_index = in_first ? {(20-LB){1'b0}} : a_more;

    always @(posedge clk) if (a_take) begin
        a_word_reg <= {in_first, in_last, in_bad, in_count, in_data};
        a_index_reg <= in_index;
    end

    always @(posedge clk) if (a_control) begin
        ready_reg <= !rst;
        source_reg <= loopback;
        if (mac_turn)
            mac_mid_reg <= !s_axis_rx_tlast;
        a_valid_reg <= a_take;
        if (turn)
            in_frame_reg <= !in_last;
        if (rst || abort)
            in_frame_reg <= 1'b0;
        if (rst) begin
            a_valid_reg <= 1'b0;
            mac_mid_reg <= 1'b0;
            source_reg <= 1'b0;
        end
    end

    // Stage B: write, and judge at the last word ----------------------------------------------------
    reg                  b_valid_reg;
    // The word and its 64-byte block of the frame; at the last word, the frame's length
    reg [DATA_WIDTH+16:0] b_word_reg;
    reg [19:0]            b_len_reg;
    wire [13:0]           b_block;
    wire                  b_first;
    wire                  b_last;
    wire                  b_bad;
    wire [DATA_WIDTH-1:0] b_data;
    assign {b_block, b_first, b_last, b_bad, b_data} = b_word_reg;
    // Next word to write, after an overflow; first word of the frame under way
    reg [ADDR_BITS:0]    next_reg;
    reg [ADDR_BITS-1:0]  start_reg;
    reg [9:0]            free_reg;

    wire [13:0] a_block = a_index_reg[19-LB:6-LB];

    wire        b_over = (!b_first && next_reg[ADDR_BITS]) || b_block >= {4'd0, free_reg};
    wire        b_end = b_valid_reg && b_last && rx_on && !clear;
    wire        hold;
    wire        b_step = b_valid_reg && !hold;

    vnic_rx_tag #(.DATA_WIDTH(DATA_WIDTH)) tag (
        .clk(clk), .rst(rst), .on(tags), .vme(vme), .vet(vet),
        .a_valid(a_valid_reg), .a_first(a_first), .a_last(a_last), .a_count(a_count), .a_data(a_data),
        .b_valid(b_valid_reg), .b_last(b_last), .b_data(b_data),
        .vlan_valid(vlan_valid), .vlan_tci(vlan_tci),
        .has_tag(store_tagged), .cut(store_cut), .tci(store_tci), .hold(hold), .word(wr_data)
    );

    wire is_huge = b_len_reg > 20'd16384;
    // A destination address has 6 bytes
    wire no_address = b_len_reg < 20'd6;
    wire is_short = b_len_reg < 20'd64;
    wire is_long = b_len_reg > 20'd1522 && !lpe;
    wire flawed = b_bad || is_short || is_long;
    wire pass = b_end && !is_huge && (!flawed || sbp) && flt_accept && !no_address
        && (!store_tagged || vlan_pass);

    assign word_valid = b_step;
    assign word_first = b_first;
    assign word_last = b_last;
    assign wr_en = b_step && !b_over;
    assign wr_addr = b_first ? start_reg : next_reg[ADDR_BITS-1:0];

    assign free_blocks = free_reg;
    assign store = pass && !b_over;
    assign store_len = b_len_reg[14:0];
    assign store_ce = b_bad;
    assign store_pif = flt_pif;

    assign ev_valid = b_end;
    assign ev_len = b_len_reg;
    assign ev_crcerrs = b_bad && !is_short && !is_huge;
    assign ev_rfc = b_bad && is_short;
    assign ev_rjc = b_bad && (is_huge || is_long);
    assign ev_ruc = !b_bad && is_short;
    assign ev_roc = !b_bad && (is_huge || is_long);
    assign ev_good = store && !flawed;
    assign ev_bcast = flt_bcast;
    assign ev_mcast = flt_mcast;
    assign ev_missed = pass && b_over;
    assign busy = a_valid_reg || b_valid_reg || in_frame_reg;

    wire [ADDR_BITS-1:0] wr_next = wr_addr == LAST_WORD ? {ADDR_BITS{1'b0}} : wr_addr + 1'b1;
    wire b_control = a_valid_reg != b_valid_reg || store || release_valid || abort || rst;

    always @(posedge clk) if (a_valid_reg) begin
        b_word_reg <= {a_block, a_first, a_last, a_bad, a_data};
        // A full last word needs no addition either: one more word, no byte
        if (a_last)
            b_len_reg <= a_count[LB] ? {a_more, {LB{1'b0}}} : {a_index_reg, a_count[LB-1:0]};
    end

    always @(posedge clk) if (b_step)
        next_reg <= {b_over, wr_next};

    always @(posedge clk) if (b_control) begin
        b_valid_reg <= (a_valid_reg || hold) && !abort;
        if (store)
            start_reg <= (wr_addr | BLOCK_MASK) == LAST_WORD ? {ADDR_BITS{1'b0}} : (wr_addr | BLOCK_MASK) + 1'b1;
        if (store || release_valid)
            free_reg <= free_reg - (store ? b_block[9:0] + 10'd1 : 10'd0) + (release_valid ? release_blocks : 10'd0);
        if (rst || clear) begin
            b_valid_reg <= 1'b0;
            start_reg <= {ADDR_BITS{1'b0}};
            free_reg <= BLOCKS_ALL;
        end
    end

endmodule

`resetall
