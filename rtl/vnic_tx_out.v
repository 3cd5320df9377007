// SPDX-License-Identifier: Apache-2.0
//
// Transmit output: reads complete frames from the FIFO without a gap, edits and pads them if asked to, and
// sends them to the MAC, to the loopback path, or, with the link down, nowhere. A reset in mid-frame ends the
// frame with one more word without FCS, so that the stream stays well formed.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_out #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // Bits of a FIFO word address
    parameter ADDR_BITS = 11
) (
    input  wire                    clk,
    input  wire                    rst,
    // Drop all frames but leave the stream well formed
    input  wire                    clear,

    // Configuration, looked at when a frame starts
    input  wire                    psp,
    input  wire                    link_up,
    input  wire                    loopback,
    // VLAN tags are inserted, and their first two bytes
    input  wire                    vme,
    input  wire [15:0]             vet,

    // Frame complete in the FIFO: {edit record follows, IFCS, length in bytes}
    input  wire                    frame_valid,
    input  wire [15:0]             frame,
    // Record of the oldest frame that has one, see vnic_tx_csum
    input  wire                    record_valid,
    input  wire [66:0]             record,
    output wire                    record_pop,
    // FIFO read port, and words given back
    output wire                    rd_en,
    output wire [ADDR_BITS-1:0]    rd_addr,
    input  wire [DATA_WIDTH-1:0]   rd_data,
    output wire                    release_valid,
    output wire [11:0]             release_words,

    // To the MAC; tuser = append FCS
    output wire [DATA_WIDTH-1:0]   m_axis_tx_tdata,
    output wire [DATA_WIDTH/8-1:0] m_axis_tx_tkeep,
    output wire                    m_axis_tx_tvalid,
    input  wire                    m_axis_tx_tready,
    output wire                    m_axis_tx_tlast,
    output wire                    m_axis_tx_tuser,
    // To the loopback path: the same word with its count of bytes
    output wire                    loop_valid,
    input  wire                    loop_ready,
    output wire                    loop_first,
    output wire                    loop_last,
    output wire [6:0]              loop_count,
    output wire [DATA_WIDTH-1:0]   loop_data,

    // Statistics: a frame has left
    output wire                    ev_valid,
    output wire [19:0]             ev_len,
    output wire                    ev_bcast,
    output wire                    ev_mcast,

    output wire                    busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    // Minimum frame without FCS: IEEE 802.3 3.2.8
    localparam [13:0] MIN_FRAME = 14'd60;

    wire        queue_empty;
    wire        queue_full;
    wire        queue_pop;
    wire        edit;
    wire        ifcs;
    wire [13:0] len;

    vnic_fifo #(.WIDTH(16), .DEPTH_LOG2(ADDR_BITS)) queue (
        .clk(clk), .rst(rst || clear),
        .wr_en(frame_valid), .wr_data(frame), .full(queue_full),
        .rd_en(queue_pop), .rd_data({edit, ifcs, len}), .empty(queue_empty)
    );

    // Stage 0: word at hand -------------------------------------------------------------------------
    reg [ADDR_BITS-1:0] ptr_reg;
    // Word of the frame, and where the frame goes
    reg [11:0]          word_reg;
    reg                 to_loop_reg;

    wire        advance;
    wire        ready = !queue_empty && (!edit || record_valid);
    // A frame without both addresses gets no tag
    wire        tag = edit && record[66] && vme && len >= 14'd12;
    wire [13:0] tagged_len = tag ? len + 14'd4 : len;
    wire [13:0] out_len = psp && ifcs && tagged_len < MIN_FRAME ? MIN_FRAME : tagged_len;
    wire [13:0] len_less = len - 14'd1;
    wire [13:0] out_less = out_len - 14'd1;
    // Index of the last word with data, and of the last word
    wire [11:0] data_last = {1'b0, len_less[13:3]} >> (LB - 3);
    wire [11:0] out_last = {1'b0, out_less[13:3]} >> (LB - 3);
    wire        first = word_reg == 12'd0;
    wire        last = word_reg == out_last;
    wire        to_loop = first ? loopback : to_loop_reg;
    wire        lost = first && !loopback && !link_up;
    wire        step = ready && advance && !lost;
    wire        skip = ready && lost;

    assign queue_pop = (step && last) || skip;
    assign rd_en = step && word_reg <= data_last;
    assign rd_addr = ptr_reg;
    assign release_valid = queue_pop;
    assign release_words = data_last + 12'd1;
    assign record_pop = queue_pop && edit;

    // Stage 1: word is there; stage 2: stream -------------------------------------------------------
    reg                  s1_valid_reg;
    reg                  s1_first_reg;
    reg                  s1_last_reg;
    // The frame is edited, the word is padding: if neither, it leaves as it was read
    reg [1:0]            s1_other_reg;
    // To edit: which word, how
    reg [11:0]           s1_index_reg;
    reg [65:0]           s1_record_reg;
    reg                  s1_tag_reg;
    reg [31:0]           carry_reg;
    reg                  s1_loop_reg;
    reg                  s1_ifcs_reg;
    reg [LB-1:0]         s1_end_reg;
    reg [14:0]           s1_len_reg;

    reg                  valid_reg;
    reg                  first_reg;
    reg                  last_reg;
    reg                  loop_reg;
    reg                  user_reg;
    reg [6:0]            count_reg;
    reg [DATA_WIDTH-1:0] data_reg;
    reg [BYTES-1:0]      keep_reg;
    reg [14:0]           len_reg;
    reg                  bcast_reg;
    reg                  mcast_reg;
    // A frame has begun at the MAC and its last word is not in stage 2 yet; it has to be cut short
    reg                  mid_reg;
    reg                  cut_reg;
    reg                  quiet_reg;

    assign advance = (!valid_reg || (loop_reg ? loop_ready : m_axis_tx_tready)) && !cut_reg && !clear;
    assign m_axis_tx_tdata = data_reg;
    assign m_axis_tx_tkeep = keep_reg;
    assign m_axis_tx_tvalid = valid_reg && !loop_reg;
    assign m_axis_tx_tlast = last_reg;
    assign m_axis_tx_tuser = user_reg;
    assign loop_valid = valid_reg && loop_reg;
    assign loop_first = first_reg;
    assign loop_last = last_reg;
    assign loop_count = count_reg;
    assign loop_data = data_reg;
    assign ev_valid = valid_reg && last_reg && !quiet_reg && (loop_reg ? loop_ready : m_axis_tx_tready);
    assign ev_len = {5'd0, len_reg};
    assign ev_bcast = bcast_reg;
    assign ev_mcast = mcast_reg;
    assign busy = !queue_empty || s1_valid_reg || valid_reg || cut_reg;

    wire [DATA_WIDTH-1:0] edited;
    wire [31:0]           carry_next;

    vnic_tx_edit #(.DATA_WIDTH(DATA_WIDTH)) editor (
        .raw(s1_other_reg == 2'b10 ? rd_data : {DATA_WIDTH{1'b0}}), .index(s1_index_reg),
        .edit(s1_other_reg[1]), .record(s1_record_reg), .tag(s1_tag_reg), .vet(vet), .carry(carry_reg),
        .carry_next(carry_next), .edited(edited)
    );

    wire moves = step || skip || s1_valid_reg || valid_reg;
    wire active = moves || cut_reg || clear || rst;

    always @(posedge clk) if (active) begin
        if (skip)
            ptr_reg <= ptr_reg + release_words[ADDR_BITS-1:0];
        else if (rd_en)
            ptr_reg <= ptr_reg + 1'b1;
        if (step) begin
            word_reg <= last ? 12'd0 : word_reg + 12'd1;
            to_loop_reg <= to_loop;
            s1_first_reg <= first;
            s1_last_reg <= last;
            s1_other_reg <= {edit, word_reg > data_last};
            if (edit) begin
                s1_index_reg <= word_reg;
                s1_record_reg <= record[65:0];
                s1_tag_reg <= tag;
            end
            s1_loop_reg <= to_loop;
            s1_ifcs_reg <= ifcs;
            s1_end_reg <= out_less[LB-1:0];
            s1_len_reg <= {1'b0, out_len} + (ifcs || to_loop ? 15'd4 : 15'd0);
        end
        if (advance) begin
            s1_valid_reg <= step;
            valid_reg <= s1_valid_reg;
            if (s1_valid_reg) begin
                if (s1_other_reg == 2'b00)
                    data_reg <= rd_data;
                else begin
                    data_reg <= edited;
                    carry_reg <= carry_next;
                end
                first_reg <= s1_first_reg;
                last_reg <= s1_last_reg;
                loop_reg <= s1_loop_reg;
                user_reg <= s1_ifcs_reg;
                quiet_reg <= 1'b0;
                mid_reg <= !s1_last_reg && !s1_loop_reg;
                if (s1_first_reg) begin
                    bcast_reg <= s1_other_reg[1] ? &edited[47:0] : &rd_data[47:0];
                    mcast_reg <= s1_other_reg[1] ? edited[0] && !(&edited[47:0]) : rd_data[0] && !(&rd_data[47:0]);
                end
                if (s1_last_reg) begin
                    len_reg <= s1_len_reg;
                    count_reg <= {{(7-LB){1'b0}}, s1_end_reg} + 7'd1;
                    keep_reg <= {BYTES{1'b1}} >> ~s1_end_reg;
                end else begin
                    count_reg <= BYTES[6:0];
                    keep_reg <= {BYTES{1'b1}};
                end
            end
        end

        if (clear) begin
            ptr_reg <= {ADDR_BITS{1'b0}};
            word_reg <= 12'd0;
            s1_valid_reg <= 1'b0;
            cut_reg <= cut_reg || mid_reg;
            mid_reg <= 1'b0;
            if (loop_reg || m_axis_tx_tready)
                valid_reg <= 1'b0;
        end else if (cut_reg && (!valid_reg || m_axis_tx_tready)) begin
            valid_reg <= 1'b1;
            last_reg <= 1'b1;
            user_reg <= 1'b0;
            quiet_reg <= 1'b1;
            keep_reg <= {{(BYTES-1){1'b0}}, 1'b1};
            cut_reg <= 1'b0;
        end
        if (rst) begin
            ptr_reg <= {ADDR_BITS{1'b0}};
            word_reg <= 12'd0;
            s1_valid_reg <= 1'b0;
            valid_reg <= 1'b0;
            mid_reg <= 1'b0;
            cut_reg <= 1'b0;
        end
    end

    // One frame a word at most: it cannot overflow
    wire unused = &{1'b0, queue_full, len_less[2:0]};

endmodule

`resetall
