// SPDX-License-Identifier: Apache-2.0
//
// Transmit engine: turns legacy descriptors (8254x SDM 3.3.3) into read jobs, as far as the FIFO has room
// for their data, and tells the gatherer in the same order what each of them brings.

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
    input  wire         en,
    // Forget the frame under assembly
    input  wire         forget,

    // Descriptors
    input  wire         desc_valid,
    output wire         desc_ready,
    input  wire [127:0] desc,

    // Read job
    output wire         job_valid,
    input  wire         job_ready,
    output wire [63:0]  job_addr,
    output wire [15:0]  job_len,

    // To the gatherer: {first byte's lane modulo 64, no data, end of frame, drop the frame, descriptor}
    output wire         entry_valid,
    input  wire         entry_pop,
    output wire [136:0] entry,

    // FIFO words given back by frames that left
    input  wire         release_valid,
    input  wire [11:0]  release_words,

    output wire         busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    localparam [13:0] ALL_WORDS = WORDS[13:0];
    // Longest frame of the 82540EM: SDM 3.3.3, table of the LENGTH field
    localparam [16:0] MAX_FRAME = 17'd16288;

    reg         valid_reg;
    reg [63:0]  addr_reg;
    reg [15:0]  len_reg;
    // Bytes of the frame under assembly; too long
    reg [16:0]  bytes_reg;
    reg         drop_reg;
    // Words of complete frames that are still in the FIFO
    reg [12:0]  used_reg;

    wire [15:0] desc_len = desc[79:64];
    wire        cmd_eop = desc[88];
    wire        cmd_dext = desc[93];
    wire        empty = cmd_dext || desc_len == 16'd0;
    wire        eop = cmd_eop && !cmd_dext;
    wire [16:0] sum = bytes_reg + {1'b0, desc_len};
    wire        over = !cmd_dext && (drop_reg || sum > MAX_FRAME);
    wire        no_data = empty || over;
    wire [16:0] round = sum + BYTES[16:0] - 17'd1;
    wire [16:0] words = round >> LB;
    wire [13:0] total = {1'b0, used_reg} + {1'b0, words[12:0]};
    wire        fits = no_data || total <= ALL_WORDS;

    wire        entry_full;
    wire        entry_empty;
    wire        room = fits && !entry_full && (!valid_reg || job_ready);
    wire        go = desc_valid && desc_ready;

    assign desc_ready = en && room;
    assign job_valid = valid_reg;
    assign job_addr = addr_reg;
    assign job_len = len_reg;
    assign entry_valid = !entry_empty;
    // A descriptor that waits for room waits for the frames before it to leave
    assign busy = valid_reg || !entry_empty || (desc_valid && en);

    vnic_fifo #(.WIDTH(137), .DEPTH_LOG2(6)) entry_fifo (
        .clk(clk), .rst(rst),
        .wr_en(go), .wr_data({desc[5:0], no_data, eop, over, desc}), .full(entry_full),
        .rd_en(entry_pop), .rd_data(entry), .empty(entry_empty)
    );

    wire give = valid_reg && job_ready;
    wire active = go || give || release_valid || forget || rst;

    always @(posedge clk) if (active) begin
        if (go) begin
            addr_reg <= desc[63:0];
            len_reg <= desc_len;
            valid_reg <= !no_data;
            if (eop) begin
                bytes_reg <= 17'd0;
                drop_reg <= 1'b0;
            end else if (!cmd_dext) begin
                drop_reg <= over;
                if (!over)
                    bytes_reg <= sum;
            end
        end else if (job_ready)
            valid_reg <= 1'b0;

        if ((go && eop && !over) || release_valid)
            used_reg <= used_reg + (go && eop && !over ? words[12:0] : 13'd0)
                        - (release_valid ? {1'b0, release_words} : 13'd0);

        if (rst || forget) begin
            bytes_reg <= 17'd0;
            drop_reg <= 1'b0;
        end
        if (rst) begin
            valid_reg <= 1'b0;
            used_reg <= 13'd0;
        end
    end

    wire unused = &{1'b0, words[16:13]};

endmodule

`resetall
