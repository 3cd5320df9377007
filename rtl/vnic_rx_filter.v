// SPDX-License-Identifier: Apache-2.0
//
// Receive front end: takes frames from the MAC or the loopback path without ever holding them back,
// writes them to the FIFO as they come, and decides at the last byte whether they stay: length and FCS
// rules (8254x SDM 14.x RCTL.SBP/LPE), address filter (in the CSR block), room. A frame that does not
// stay is overwritten by the next one.

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

    // FIFO write port, and blocks given back
    output wire                    wr_en,
    output wire [ADDR_BITS-1:0]    wr_addr,
    output wire [DATA_WIDTH-1:0]   wr_data,
    input  wire                    release_valid,
    input  wire [9:0]              release_blocks,

    // Room in 64-byte blocks
    output wire [9:0]              free_blocks,

    // Frame stored: length with FCS, CRC error, passed-inexact-filter
    output wire                    store,
    output wire [14:0]             store_len,
    output wire                    store_ce,
    output wire                    store_pif,

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
    localparam BLOCKS = WORDS * BYTES / 64;
    localparam [9:0] BLOCKS_ALL = BLOCKS[9:0];
    // Words between block starts - 1
    localparam [ADDR_BITS-1:0] BLOCK_MASK = {{(ADDR_BITS-3){1'b0}}, 3'd7} >> ($clog2(BYTES) - 3);
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
    reg                  a_first_reg;
    reg                  a_last_reg;
    reg                  a_bad_reg;
    reg [6:0]            a_count_reg;
    reg [DATA_WIDTH-1:0] a_data_reg;

    wire mac_beat = s_axis_rx_tvalid && ready_reg;
    wire in_valid = source_reg ? loop_valid : mac_beat;
    wire in_first = source_reg ? loop_first : !mac_mid_reg;
    wire in_last = source_reg ? loop_last : s_axis_rx_tlast;
    // A change of source, like clear, forgets the frame that is under way
    wire abort = clear || source_reg != loopback;
    wire a_take = in_valid && (in_first || in_frame_reg) && !abort;

    assign s_axis_rx_tready = ready_reg;
    assign flt_valid = a_valid_reg && a_first_reg;
    assign flt_da = a_data_reg[47:0];

    wire a_active = in_valid || mac_beat || a_valid_reg || abort || !ready_reg || rst;

    always @(posedge clk) if (a_active) begin
        ready_reg <= !rst;
        source_reg <= loopback;
        if (mac_beat)
            mac_mid_reg <= !s_axis_rx_tlast;
        a_valid_reg <= a_take;
        if (a_take) begin
            in_frame_reg <= !in_last;
            a_first_reg <= in_first;
            a_last_reg <= in_last;
            if (source_reg) begin
                a_data_reg <= loop_data;
                a_bad_reg <= 1'b0;
                a_count_reg <= loop_last ? loop_count : BYTES[6:0];
            end else begin
                a_data_reg <= s_axis_rx_tdata;
                a_bad_reg <= s_axis_rx_tuser;
                a_count_reg <= s_axis_rx_tlast ? keep_count(s_axis_rx_tkeep) : BYTES[6:0];
            end
        end
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
    reg                  b_first_reg;
    reg                  b_last_reg;
    reg                  b_bad_reg;
    reg [DATA_WIDTH-1:0] b_data_reg;
    // Bytes of the frame so far, with this word
    reg [19:0]           b_len_reg;
    reg                  b_over_reg;
    // Next word to write; first word of the frame under way
    reg [ADDR_BITS-1:0]  next_reg;
    reg [ADDR_BITS-1:0]  start_reg;
    reg [9:0]            free_reg;

    wire [19:0] a_base = a_first_reg ? 20'd0 : b_len_reg;
    wire [20:0] a_sum = {1'b0, a_base} + {14'd0, a_count_reg};

    wire [20:0] b_round = {1'b0, b_len_reg} + 21'd63;
    wire [14:0] b_blocks = b_round[20:6];
    wire        b_over = (!b_first_reg && b_over_reg) || b_blocks > {5'd0, free_reg};
    wire        b_end = b_valid_reg && b_last_reg && rx_on && !clear;

    wire is_huge = b_len_reg > 20'd16384;
    // A destination address has 6 bytes
    wire no_address = b_len_reg < 20'd6;
    wire is_short = b_len_reg < 20'd64;
    wire is_long = b_len_reg > 20'd1522 && !lpe;
    wire flawed = b_bad_reg || is_short || is_long;
    wire pass = b_end && !is_huge && (!flawed || sbp) && flt_accept && !no_address;

    assign wr_en = b_valid_reg && !b_over;
    assign wr_addr = b_first_reg ? start_reg : next_reg;
    assign wr_data = b_data_reg;

    assign free_blocks = free_reg;
    assign store = pass && !b_over;
    assign store_len = b_len_reg[14:0];
    assign store_ce = b_bad_reg;
    assign store_pif = flt_pif;

    assign ev_valid = b_end;
    assign ev_len = b_len_reg;
    assign ev_crcerrs = b_bad_reg && !is_short && !is_huge;
    assign ev_rfc = b_bad_reg && is_short;
    assign ev_rjc = b_bad_reg && (is_huge || is_long);
    assign ev_ruc = !b_bad_reg && is_short;
    assign ev_roc = !b_bad_reg && (is_huge || is_long);
    assign ev_good = store && !flawed;
    assign ev_bcast = flt_bcast;
    assign ev_mcast = flt_mcast;
    assign ev_missed = pass && b_over;
    assign busy = a_valid_reg || b_valid_reg || in_frame_reg;

    wire b_active = a_valid_reg || b_valid_reg || release_valid || clear || rst;

    always @(posedge clk) if (b_active) begin
        b_valid_reg <= a_valid_reg && !abort;
        if (a_valid_reg) begin
            b_first_reg <= a_first_reg;
            b_last_reg <= a_last_reg;
            b_bad_reg <= a_bad_reg;
            b_data_reg <= a_data_reg;
            b_len_reg <= a_sum[20] ? 20'hFFFFF : a_sum[19:0];
        end
        if (b_valid_reg) begin
            b_over_reg <= b_over;
            next_reg <= wr_addr == LAST_WORD ? {ADDR_BITS{1'b0}} : wr_addr + 1'b1;
        end
        if (store)
            start_reg <= (wr_addr | BLOCK_MASK) == LAST_WORD ? {ADDR_BITS{1'b0}} : (wr_addr | BLOCK_MASK) + 1'b1;
        if (store || release_valid)
            free_reg <= free_reg - (store ? b_blocks[9:0] : 10'd0) + (release_valid ? release_blocks : 10'd0);
        if (rst || clear) begin
            b_valid_reg <= 1'b0;
            start_reg <= {ADDR_BITS{1'b0}};
            free_reg <= BLOCKS_ALL;
        end
    end

    wire unused = &{1'b0, b_round[5:0]};

endmodule

`resetall
