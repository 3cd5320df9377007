// SPDX-License-Identifier: Apache-2.0
//
// AXI write data: follows the bursts in the order their addresses went out and never pauses between
// them. Frame data is shifted from the FIFO's alignment (always a whole word) to the buffer's: an output
// word is the upper part of the previous FIFO word and the lower part of the current one, so an unaligned
// buffer costs one more beat at most. Write-back lines are cut into bus words.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_axi_wdata #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // Bits of a word address in the receive FIFO
    parameter SRC_BITS = 13,
    // Bits of cmd_meta: kind 2, address modulo 64 6, last byte's lane, extra beat, src, eop, blocks 10
    parameter META_WIDTH = 32,
    // Words in the receive FIFO
    parameter SRC_WORDS = 6144
) (
    input  wire                    clk,
    input  wire                    rst,

    // Burst: length in beats - 1, whether it begins and ends its job
    input  wire                    cmd_valid,
    output wire                    cmd_full,
    input  wire                    cmd_first,
    input  wire                    cmd_last,
    input  wire [7:0]              cmd_len,
    input  wire [META_WIDTH-1:0]   cmd_meta,

    // Receive FIFO read port
    output wire                    src_en,
    output wire [SRC_BITS-1:0]     src_addr,
    input  wire [DATA_WIDTH-1:0]   src_data,
    output wire                    release_valid,
    output wire [9:0]              release_blocks,

    // Lines
    input  wire [511:0]            rxwb_line,
    input  wire [3:0]              rxwb_strb,
    output wire                    rxwb_pop,
    input  wire [511:0]            txwb_line,
    input  wire [3:0]              txwb_strb,
    output wire                    txwb_pop,

    // AXI write data
    output wire [DATA_WIDTH-1:0]   m_axi_wdata,
    output wire [DATA_WIDTH/8-1:0] m_axi_wstrb,
    output wire                    m_axi_wlast,
    output wire                    m_axi_wvalid,
    input  wire                    m_axi_wready,

    output wire                    busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    localparam [5:0] WORD_MASK = ~(BYTES[5:0] - 6'd1);
    localparam [1:0] DATA = 2'd0;
    localparam [1:0] RXWB = 2'd1;
    localparam [SRC_BITS-1:0] SRC_LAST = SRC_WORDS[SRC_BITS-1:0] - 1'b1;

    // Stage 0: the burst at hand; asks the FIFO for the next word ------------------------------------
    wire                  cmd_empty;
    wire                  cur_first;
    wire                  cur_last;
    wire [7:0]            cur_len;
    wire [1:0]            cur_kind;
    wire [5:0]            cur_offset;
    wire [LB-1:0]         cur_end;
    wire                  cur_extra;
    wire [SRC_BITS-1:0]   cur_src;
    wire                  cur_eop;
    wire [9:0]            cur_blocks;
    wire                  cur_pop;

    vnic_fifo #(.WIDTH(META_WIDTH+10), .DEPTH_LOG2(4)) cmd_fifo (
        .clk(clk), .rst(rst),
        .wr_en(cmd_valid), .wr_data({cmd_first, cmd_last, cmd_len, cmd_meta}), .full(cmd_full),
        .rd_en(cur_pop),
        .rd_data({cur_first, cur_last, cur_len, cur_kind, cur_offset, cur_end, cur_extra, cur_src, cur_eop,
                  cur_blocks}),
        .empty(cmd_empty)
    );

    reg [7:0]          beat_reg;
    reg [SRC_BITS-1:0] src_reg;
    // Which byte of a line comes next
    reg [5:0]          at_reg;

    wire advance;
    wire step = !cmd_empty && advance;
    wire first_beat = cur_first && beat_reg == 8'd0;
    wire burst_end = beat_reg == cur_len;
    wire last_beat = cur_last && burst_end;
    wire [5:0] at = first_beat ? cur_offset & WORD_MASK : at_reg;

    wire [SRC_BITS-1:0] src_next = src_addr == SRC_LAST ? {SRC_BITS{1'b0}} : src_addr + 1'b1;
    wire data_end = last_beat && cur_eop && cur_kind == DATA;
    wire [LB+LB+11:0] s0_burst = {cur_kind, cur_offset[LB-1:0], cur_end, cur_blocks};
    wire [3:0] s0_beat = {first_beat, last_beat, burst_end, data_end};

    assign cur_pop = step && burst_end;
    assign src_addr = first_beat ? cur_src : src_reg;
    // The extra beat of an unaligned buffer has nothing new to read
    assign src_en = step && cur_kind == DATA && !(last_beat && cur_extra);

    // Stage 1: FIFO word is there; stage 2: bus -----------------------------------------------------
    reg                  s1_valid_reg;
    reg [LB+LB+11:0]     s1_burst_reg;
    reg [3:0]            s1_beat_reg;
    reg [5:0]            s1_at_reg;
    wire [1:0]           s1_kind;
    wire [LB-1:0]        s1_offset;
    wire [LB-1:0]        s1_end;
    wire [9:0]           s1_blocks;
    wire                 s1_first;
    wire                 s1_last;
    wire                 s1_wlast;
    wire                 s1_release;
    assign {s1_kind, s1_offset, s1_end, s1_blocks} = s1_burst_reg;
    assign {s1_first, s1_last, s1_wlast, s1_release} = s1_beat_reg;
    reg [DATA_WIDTH-1:0] prev_reg;
    reg [DATA_WIDTH-1:0] wdata_reg;
    reg [BYTES-1:0]      wstrb_reg;
    reg                  wlast_reg;
    reg                  wvalid_reg;

    wire s1_go = s1_valid_reg && advance;
    wire wb_pop = s1_go && s1_last && s1_kind != DATA;

    wire [BYTES-1:0] strb_first = s1_first ? {BYTES{1'b1}} << s1_offset : {BYTES{1'b1}};
    wire [BYTES-1:0] strb_last = s1_last ? {BYTES{1'b1}} >> ~s1_end : {BYTES{1'b1}};

    assign advance = !wvalid_reg || m_axi_wready;
    assign rxwb_pop = wb_pop && s1_kind == RXWB;
    assign txwb_pop = wb_pop && s1_kind != RXWB;
    assign release_valid = s1_go && s1_release;
    assign release_blocks = s1_blocks;
    assign m_axi_wdata = wdata_reg;
    assign m_axi_wstrb = wstrb_reg;
    assign m_axi_wlast = wlast_reg;
    assign m_axi_wvalid = wvalid_reg;
    assign busy = !cmd_empty || s1_valid_reg || wvalid_reg;

    // Functions, so that a simulator works these wide selections out only for beats that need them
    function [63:0] lanes;
        input [3:0] strb;
        lanes = (strb[0] ? 64'h000000000000FFFF : 64'd0) | (strb[1] ? 64'h00000000FFFF0000 : 64'd0)
                | (strb[2] ? 64'h0000FFFF00000000 : 64'd0) | (strb[3] ? 64'hFFFF000000000000 : 64'd0);
    endfunction

    function [DATA_WIDTH-1:0] line_word;
        input [511:0] line;
        input [5:0]   from;
        line_word = line[{from, 3'd0} +: DATA_WIDTH];
    endfunction

    function [BYTES-1:0] line_strobes;
        input [63:0] line;
        input [5:0]  from;
        line_strobes = line[from +: BYTES];
    endfunction

    // Bits by which the current FIFO word moves up and the previous one down
    wire [LB+3:0] up = {1'b0, s1_offset, 3'd0};
    wire [LB+3:0] down = {{1'b1, {LB{1'b0}}} - {1'b0, s1_offset}, 3'd0};
    wire aligned = s1_offset == 0;
    wire is_data = s1_kind == DATA;
    wire [BYTES:0] data_strobes = {s1_wlast, strb_first & strb_last};

    wire [7:0] beat_next = burst_end ? 8'd0 : beat_reg + 8'd1;
    wire line_step = step && cur_kind != DATA;
    wire burst_step = step && beat_reg == 8'd0;
    wire control = (advance && (s1_valid_reg == cmd_empty || wvalid_reg != s1_valid_reg)) || rst;

    always @(posedge clk) if (control) begin
        s1_valid_reg <= !cmd_empty;
        wvalid_reg <= s1_valid_reg;
        if (rst) begin
            s1_valid_reg <= 1'b0;
            wvalid_reg <= 1'b0;
        end
    end

    always @(posedge clk) if (step || rst)
        beat_reg <= rst ? 8'd0 : beat_next;

    always @(posedge clk) if (step) begin
        src_reg <= src_next;
        s1_beat_reg <= s0_beat;
    end

    // What is the same for a whole burst moves once
    always @(posedge clk) if (burst_step)
        s1_burst_reg <= s0_burst;

    always @(posedge clk) if (line_step) begin
        at_reg <= at + BYTES[5:0];
        s1_at_reg <= at;
    end

    always @(posedge clk) if (s1_go) begin
        if (is_data) begin
            {wlast_reg, wstrb_reg} <= data_strobes;
            if (aligned)
                wdata_reg <= src_data;
            else begin
                wdata_reg <= (src_data << up) | (prev_reg >> down);
                prev_reg <= src_data;
            end
        end else begin
            wlast_reg <= s1_wlast;
            if (s1_kind == RXWB) begin
                wdata_reg <= line_word(rxwb_line, s1_at_reg);
                wstrb_reg <= line_strobes(lanes(rxwb_strb), s1_at_reg);
            end else begin
                wdata_reg <= line_word(txwb_line, s1_at_reg);
                wstrb_reg <= line_strobes(lanes(txwb_strb), s1_at_reg);
            end
        end
    end

endmodule

`resetall
