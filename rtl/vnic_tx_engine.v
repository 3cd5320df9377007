// SPDX-License-Identifier: Apache-2.0
//
// Transmit engine: turns descriptors, or pieces of them, into read jobs, as far as the FIFO has room for
// their data, and tells the gatherer in the same order what each of them brings.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_engine #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // FIFO words
    parameter WORDS = 2048
) (
    input  wire         clk,
    input  wire         rst,
    // Forget the frame under assembly
    input  wire         forget,

    // Pieces, see vnic_tx_cut
    input  wire         piece_valid,
    output wire         piece_ready,
    input  wire [127:0] piece_desc,
    input  wire [63:0]  piece_addr,
    input  wire [19:0]  piece_len,
    input  wire         piece_none,
    input  wire         piece_last,
    input  wire         piece_eop,
    input  wire         piece_end,
    input  wire         piece_drop,
    input  wire         piece_tso,
    input  wire         piece_head,
    input  wire         piece_edit,
    input  wire [14:0]  segment_bytes,

    // Read job
    output wire         job_valid,
    input  wire         job_ready,
    output wire [63:0]  job_addr,
    output wire [15:0]  job_len,

    // To the gatherer: {flags as those of the piece: edit, TSO, head, drop, end, EOP, last, no data;
    // first byte's lane modulo 64, bytes, descriptor}
    output wire         entry_valid,
    input  wire         entry_pop,
    output wire [157:0] entry,

    // FIFO words given back by frames that left, and by one with an edit record
    input  wire         release_valid,
    input  wire [11:0]  release_words,
    input  wire         release_edit,

    output wire         busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    localparam [13:0] ALL_WORDS = WORDS[13:0];
    // Longest frame of the 82540EM: SDM 3.3.3, table of the LENGTH field
    localparam [20:0] MAX_FRAME = 21'd16288;

    reg         valid_reg;
    reg [63:0]  addr_reg;
    reg [15:0]  len_reg;
    // Bytes of the frame under assembly; too long
    reg [14:0]  bytes_reg;
    reg         drop_reg;
    // Words of complete frames that are still in the FIFO; those with an edit record, at most 64
    reg [12:0]  used_reg;
    reg [6:0]   edits_reg;

    wire [20:0] sum = piece_tso ? {6'd0, segment_bytes} : {6'd0, bytes_reg} + {1'b0, piece_len};
    wire        over = !piece_tso && (drop_reg || sum > MAX_FRAME);
    wire        no_data = piece_none || over;
    wire        drop = piece_drop || over;
    wire [14:0] round = sum[14:0] + BYTES[14:0] - 15'd1;
    wire [14:0] words = round >> LB;
    wire [13:0] total = {1'b0, used_reg} + {1'b0, words[12:0]};
    // A frame will be in the FIFO, maybe an empty one
    wire        commit = piece_end && !drop && !piece_head;
    wire        edit = commit && piece_edit && sum != 21'd0;
    wire        fits = (no_data || piece_head || total <= ALL_WORDS) && !(edit && edits_reg[6]);

    wire        entry_full;
    wire        entry_empty;
    wire        go = piece_valid && piece_ready;

    assign piece_ready = fits && !entry_full && (!valid_reg || job_ready);
    assign job_valid = valid_reg;
    assign job_addr = addr_reg;
    assign job_len = len_reg;
    assign entry_valid = !entry_empty;
    assign busy = valid_reg || !entry_empty;

    vnic_fifo #(.WIDTH(158), .DEPTH_LOG2(6)) entry_fifo (
        .clk(clk), .rst(rst),
        .wr_en(go), .full(entry_full),
        .wr_data({edit, piece_tso, piece_head, drop, piece_end, piece_eop, piece_last, no_data,
                  piece_addr[5:0], piece_len[15:0], piece_desc}),
        .rd_en(entry_pop), .rd_data(entry), .empty(entry_empty)
    );

    wire give = valid_reg && job_ready;
    wire active = go || give || release_valid || forget || rst;

    always @(posedge clk) if (active) begin
        if (go) begin
            addr_reg <= piece_addr;
            len_reg <= piece_len[15:0];
            valid_reg <= !no_data;
            if (!piece_tso) begin
                drop_reg <= over && !piece_end;
                bytes_reg <= piece_end ? 15'd0 : over ? bytes_reg : sum[14:0];
            end
        end else if (job_ready)
            valid_reg <= 1'b0;

        if ((go && commit) || release_valid)
            used_reg <= used_reg + (go && commit ? words[12:0] : 13'd0)
                        - (release_valid ? {1'b0, release_words} : 13'd0);
        if ((go && edit) != release_edit)
            edits_reg <= release_edit ? edits_reg - 7'd1 : edits_reg + 7'd1;

        if (rst || forget) begin
            bytes_reg <= 15'd0;
            drop_reg <= 1'b0;
        end
        if (rst) begin
            valid_reg <= 1'b0;
            used_reg <= 13'd0;
            edits_reg <= 7'd0;
        end
    end

    wire unused = &{1'b0, words[14:13]};

endmodule

`resetall
