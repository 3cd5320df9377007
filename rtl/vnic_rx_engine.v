// SPDX-License-Identifier: Apache-2.0
//
// Receive engine: gives the oldest frame its descriptors, one a cycle, as DMA jobs; once a job's data
// is in memory, hands the descriptor to the write-back with the values software will read
// (8254x SDM 3.2.3). Stops between descriptors when reception is disabled.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_rx_engine #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // FIFO words and bits of a word address
    parameter WORDS = 6144,
    parameter ADDR_BITS = 13
) (
    input  wire                 clk,
    input  wire                 rst,

    // Configuration; clear forgets the frame under way
    input  wire                 clear,
    input  wire                 en,
    input  wire                 secrc,
    input  wire [14:0]          bsize,

    // Oldest frame: length with FCS and tag, tag taken out, CRC error, passed-inexact-filter, has a result
    input  wire                 frame_valid,
    input  wire [14:0]          frame_len,
    input  wire                 frame_ce,
    input  wire                 frame_pif,
    input  wire                 frame_cut,
    input  wire                 frame_result,
    output wire                 frame_pop,

    // Oldest result: checksum for the first descriptor, the rest for the last
    input  wire                 result_valid,
    input  wire [15:0]          result_checksum,
    input  wire [15:0]          result_special,
    input  wire [7:0]           result_status,
    input  wire [7:0]           result_errors,
    output wire                 result_pop,

    // Descriptors: only the buffer address matters
    input  wire                 desc_valid,
    output wire                 desc_ready,
    input  wire [63:0]          desc_addr,

    // Write job
    output wire                 job_valid,
    input  wire                 job_ready,
    output wire [63:0]          job_addr,
    output wire [14:0]          job_len,
    output wire [ADDR_BITS-1:0] job_src,
    output wire                 job_eop,
    output wire [9:0]           job_blocks,
    input  wire                 job_done,

    // Completed descriptor
    output wire                 wb_valid,
    input  wire                 wb_ready,
    output wire [127:0]         wb_desc,
    output wire                 wb_eop,
    output wire                 wb_more,

    output wire                 busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    localparam [ADDR_BITS:0] ALL_WORDS = WORDS[ADDR_BITS:0];

    reg                 first_reg;
    reg [14:0]          rest_reg;
    // FIFO words: start of the oldest frame; next job's first word
    reg [ADDR_BITS-1:0] base_reg;
    reg [ADDR_BITS-1:0] src_reg;

    reg                 valid_reg;
    reg [63:0]          addr_reg;
    reg [14:0]          len_reg;
    reg [ADDR_BITS-1:0] job_src_reg;
    reg                 eop_reg;
    reg [9:0]           blocks_reg;
    // Blocks of frames that had no byte to write; they leave the FIFO with the next frame
    reg [9:0]           carry_reg;
    reg [5:0]           done_reg;

    // FIFO positions wrap at WORDS, which need not be a power of two
    function [ADDR_BITS-1:0] forward;
        input [ADDR_BITS-1:0] from;
        input [ADDR_BITS:0]   words;
        reg [ADDR_BITS:0] sum;
        begin
            sum = {1'b0, from} + words;
            forward = sum >= ALL_WORDS ? sum[ADDR_BITS-1:0] - ALL_WORDS[ADDR_BITS-1:0] : sum[ADDR_BITS-1:0];
        end
    endfunction

    wire        entry_full;
    wire        entry_empty;
    // Runts stored by SBP can be shorter than the FCS: no data then, only a descriptor
    wire [3:0]  without = {secrc && frame_cut, secrc != frame_cut, 2'd0};
    wire [14:0] stripped = frame_len > {11'd0, without} ? frame_len - {11'd0, without} : 15'd0;
    wire [14:0] rest = first_reg ? stripped : rest_reg;
    wire        last = rest <= bsize;
    wire [14:0] len = last ? rest : bsize;
    wire [14:0] round = frame_len + 15'd63;
    wire [9:0]  blocks = {1'b0, round[14:6]};
    wire [ADDR_BITS-1:0] src = first_reg ? base_reg : src_reg;

    wire room = (!valid_reg || job_ready) && !entry_full;
    wire go = frame_valid && desc_valid && en && room;

    assign desc_ready = frame_valid && en && room;
    assign frame_pop = go && last;
    assign job_valid = valid_reg;
    assign job_addr = addr_reg;
    assign job_len = len_reg;
    assign job_src = job_src_reg;
    assign job_eop = eop_reg;
    assign job_blocks = blocks_reg;

    // Descriptors whose data is on its way
    wire [63:0] entry_addr;
    wire [14:0] entry_len;
    wire        entry_first;
    wire        entry_eop;
    wire        entry_ce;
    wire        entry_pif;
    wire        entry_result;
    wire        entry_empty_frame;

    vnic_fifo #(.WIDTH(85), .DEPTH_LOG2(6)) entry_fifo (
        .clk(clk), .rst(rst),
        .wr_en(go), .full(entry_full),
        .wr_data({desc_addr, len, first_reg, last, frame_ce, frame_pif, frame_result, len == 15'd0}),
        .rd_en(wb_valid && wb_ready),
        .rd_data({entry_addr, entry_len, entry_first, entry_eop, entry_ce, entry_pif, entry_result,
                  entry_empty_frame}),
        .empty(entry_empty)
    );

    // Status: DD 0, EOP 1, IXSM 2, PIF 7. Errors: CE 0.
    wire [7:0] plain = {entry_pif && entry_eop, 4'd0, entry_eop, entry_eop, 1'b1};
    wire [7:0] status = entry_result && entry_eop ? {entry_pif, 7'h03} | result_status : plain;
    wire [7:0] errors = {7'd0, entry_ce && entry_eop} | (entry_result && entry_eop ? result_errors : 8'd0);
    wire [15:0] checksum = entry_result && entry_first ? result_checksum : 16'd0;
    wire [15:0] special = entry_result && entry_eop ? result_special : 16'd0;

    // A result is there long before the data is, except that of a frame without any
    assign wb_valid = !entry_empty && (entry_empty_frame || done_reg != 6'd0) && (!entry_result || result_valid);
    assign wb_desc = {special, errors, status, checksum, 1'b0, entry_len, entry_addr};
    assign result_pop = wb_valid && wb_ready && entry_result && entry_eop;
    assign wb_eop = entry_eop;
    assign wb_more = !entry_empty || (frame_valid && desc_valid && en);
    assign busy = valid_reg || !entry_empty || (frame_valid && desc_valid && en);

    wire entry_take = wb_valid && wb_ready && !entry_empty_frame;

    wire give = valid_reg && job_ready;
    wire active = go || give || job_done || entry_take || clear || rst;

    always @(posedge clk) if (active) begin
        if (go) begin
            addr_reg <= desc_addr;
            len_reg <= len;
            job_src_reg <= src;
            eop_reg <= last;
            blocks_reg <= blocks + carry_reg;
            if (last)
                carry_reg <= len == 15'd0 ? blocks + carry_reg : 10'd0;
            first_reg <= last;
            rest_reg <= rest - len;
            src_reg <= forward(src, {{(ADDR_BITS-14+LB){1'b0}}, bsize[14:LB]});
            if (last)
                base_reg <= forward(base_reg, {{(ADDR_BITS-9){1'b0}}, blocks} << (6 - LB));
        end
        if (go)
            valid_reg <= len != 15'd0;
        else if (job_ready)
            valid_reg <= 1'b0;
        if (job_done != entry_take)
            done_reg <= job_done ? done_reg + 6'd1 : done_reg - 6'd1;

        if (clear) begin
            first_reg <= 1'b1;
            base_reg <= {ADDR_BITS{1'b0}};
            carry_reg <= 10'd0;
        end
        if (rst) begin
            first_reg <= 1'b1;
            base_reg <= {ADDR_BITS{1'b0}};
            carry_reg <= 10'd0;
            valid_reg <= 1'b0;
            done_reg <= 6'd0;
        end
    end

    wire unused = &{1'b0, round[5:0]};

endmodule

`resetall
