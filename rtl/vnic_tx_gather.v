// SPDX-License-Identifier: Apache-2.0
//
// Packs the pieces of a frame, each at any byte address and of any length, into whole FIFO words, and
// commits the frame at its last piece. A read word is first moved down to lane 0, then up behind the
// bytes that wait for a full word. In a segmentation the words of the prototype header go to
// vnic_tx_header, which gives them back, brought up to date, at the start of each segment.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_gather #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // FIFO words, a power of two, and bits of a word address
    parameter ADDR_BITS = 11
) (
    input  wire                  clk,
    input  wire                  rst,
    // Forget the frame under assembly; comes while no descriptor is in flight
    input  wire                  forget,

    // Pieces in flight, see vnic_tx_engine
    input  wire                  entry_valid,
    output wire                  entry_pop,
    input  wire [157:0]          entry,

    // Read data; stall keeps the bus from bringing more
    input  wire                  r_valid,
    input  wire [DATA_WIDTH-1:0] r_data,
    output wire                  stall,

    // FIFO write port and committed frames: {edit record follows, IFCS, length in bytes}
    output wire                  wr_en,
    output wire [ADDR_BITS-1:0]  wr_addr,
    output wire [DATA_WIDTH-1:0] wr_data,
    output wire                  frame_valid,
    output wire [15:0]           frame,

    // The piece at hand is worked on; a frame ends with it, or is given up
    output wire                  step,
    output wire                  keep,
    output wire                  discard,
    // IFCS for that frame
    input  wire                  ifcs,

    // Prototype header: words of it are wr_data, its length, the words of the next segment's header
    output wire                  header_wr,
    output wire                  header_last,
    input  wire [7:0]            header_len,
    output wire                  play,
    input  wire                  play_valid,
    input  wire                  play_last,
    input  wire [DATA_WIDTH-1:0] play_data,

    // Descriptors done with
    output wire                  wb_valid,
    input  wire                  wb_ready,
    output wire [127:0]          wb_desc,
    output wire                  wb_write,
    output wire                  wb_hole,
    output wire [1:0]            wb_cause,

    output wire                  busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);

    wire         e_edit;
    wire         e_tso;
    wire         e_head;
    wire         e_drop;
    wire         e_end;
    wire         e_eop;
    wire         e_last;
    wire         e_no_data;
    wire [5:0]   e_offset;
    wire [15:0]  e_len;
    wire [127:0] e_desc;
    assign {e_edit, e_tso, e_head, e_drop, e_end, e_eop, e_last, e_no_data, e_offset, e_len, e_desc} = entry;
    wire         e_rs = e_desc[91];
    wire         e_ide = e_desc[95];

    reg                  wr_en_reg;
    reg [ADDR_BITS-1:0]  wr_addr_reg;
    reg [DATA_WIDTH-1:0] wr_data_reg;
    reg                  frame_valid_reg;
    reg [15:0]           frame_reg;
    // Next word; first word of the frame
    reg [ADDR_BITS-1:0]  next_reg;
    reg [ADDR_BITS-1:0]  start_reg;
    // Bytes that wait for the rest of their word: how many, and where they are: in the last word made, or,
    // if that was filled and written, in what was left over
    reg [LB-1:0]         fill_reg;
    reg                  spill_reg;
    reg [DATA_WIDTH-1:0] over_reg;
    // Bytes of the frame so far
    reg [13:0]           bytes_reg;
    // Inside a piece: bytes still to come
    reg                  mid_reg;
    reg [15:0]           rest_reg;
    // The frame's, or the prototype header's, last bytes still wait: write them
    reg                  flush_reg;
    reg                  flush_head_reg;
    // The word made is of the prototype header, its last one; the segment has its header
    reg                  header_wr_reg;
    reg                  header_last_reg;
    reg                  played_reg;

    // The word at hand
    wire [LB-1:0] lane = mid_reg ? {LB{1'b0}} : e_offset[LB-1:0];
    wire [15:0]   rest = mid_reg ? rest_reg : e_len;
    wire [LB:0]   avail = {1'b1, {LB{1'b0}}} - {1'b0, lane};
    wire          ends = rest <= {{(15-LB){1'b0}}, avail};
    wire [LB:0]   count = ends ? rest[LB:0] : avail;
    wire [LB+1:0] sum = {2'b0, fill_reg} + {1'b0, count};
    wire          spill = sum[LB+1:LB] != 2'b0;
    wire          exact = sum[LB-1:0] == 0;

    wire empty_step = entry_valid && e_no_data && wb_ready && !flush_reg;
    wire done = empty_step || (r_valid && ends);
    wire [13:0] bytes = bytes_reg + (r_valid ? {{(13-LB){1'b0}}, count} : 14'd0);
    wire over = done && e_end;
    wire none_waits = r_valid ? exact : fill_reg == 0;

    // Up to two words: what was waiting, the new bytes behind it, what does not fit
    function [2*DATA_WIDTH-1:0] place;
        input [DATA_WIDTH-1:0] word;
        input [LB-1:0]         down;
        input [LB:0]           size;
        input [LB-1:0]         up;
        reg [DATA_WIDTH-1:0]   bare;
        begin
            bare = word >> {down, 3'd0};
            if (!size[LB])
                bare = bare & ~({DATA_WIDTH{1'b1}} << {size, 3'd0});
            place = {{DATA_WIDTH{1'b0}}, bare} << {up, 3'd0};
        end
    endfunction

    wire [DATA_WIDTH-1:0] waiting = fill_reg == 0 ? {DATA_WIDTH{1'b0}} : spill_reg ? over_reg : wr_data_reg;

    assign step = empty_step || r_valid;
    assign keep = over && !e_drop && !e_head && bytes != 14'd0;
    assign discard = over && e_drop;
    // A segment's first payload comes: the header goes before it
    assign play = entry_valid && e_tso && !e_head && !e_no_data && !played_reg;
    // Read data can only be for a piece that has some
    assign stall = flush_reg || (entry_valid && (e_no_data || !wb_ready)) || play;
    assign entry_pop = done;
    assign wb_valid = e_last && ((entry_valid && e_no_data && !flush_reg) || (r_valid && ends));
    // STA.DD
    assign wb_desc = e_desc | (128'd1 << 96);
    assign wb_write = e_rs;
    assign wb_hole = entry_valid && !e_rs;
    assign wb_cause = {e_rs && e_ide, e_rs && !e_ide};
    assign wr_en = wr_en_reg;
    assign wr_addr = wr_addr_reg;
    assign wr_data = wr_data_reg;
    assign frame_valid = frame_valid_reg;
    assign frame = frame_reg;
    assign header_wr = header_wr_reg;
    assign header_last = header_last_reg;
    assign busy = wr_en_reg || frame_valid_reg || flush_reg || header_wr_reg;

    wire active = r_valid || done || play_valid || busy || forget || rst;

    always @(posedge clk) if (active) begin
        wr_en_reg <= 1'b0;
        frame_valid_reg <= 1'b0;
        header_wr_reg <= 1'b0;

        if (r_valid) begin
            {over_reg, wr_data_reg} <= place(r_data, lane, count, fill_reg) | {{DATA_WIDTH{1'b0}}, waiting};
            spill_reg <= spill;
            fill_reg <= sum[LB-1:0];
            if (spill) begin
                if (e_head) begin
                    header_wr_reg <= 1'b1;
                    header_last_reg <= over && exact;
                end else begin
                    wr_en_reg <= 1'b1;
                    wr_addr_reg <= next_reg;
                    next_reg <= next_reg + 1'b1;
                end
            end
            bytes_reg <= bytes;
            mid_reg <= !ends;
            rest_reg <= rest - {{(15-LB){1'b0}}, count};
        end else if (play_valid) begin
            // The bus waits. Whole words go on at once, the last bytes wait for payload
            wr_data_reg <= play_data;
            if (!play_last || header_len[LB-1:0] == 0) begin
                wr_en_reg <= 1'b1;
                wr_addr_reg <= next_reg;
                next_reg <= next_reg + 1'b1;
            end
            if (play_last) begin
                played_reg <= 1'b1;
                spill_reg <= 1'b0;
                fill_reg <= header_len[LB-1:0];
                bytes_reg <= {6'd0, header_len};
            end
        end

        if (over) begin
            bytes_reg <= 14'd0;
            played_reg <= 1'b0;
            frame_reg <= {e_edit, ifcs, bytes};
            if (e_drop) begin
                // Too long or incomplete: what was written is forgotten
                wr_en_reg <= 1'b0;
                header_wr_reg <= 1'b0;
                next_reg <= start_reg;
                fill_reg <= {LB{1'b0}};
            end else if (keep && none_waits) begin
                frame_valid_reg <= 1'b1;
                start_reg <= r_valid ? next_reg + 1'b1 : next_reg;
            end else if (!none_waits) begin
                flush_reg <= 1'b1;
                flush_head_reg <= e_head;
            end
        end

        if (flush_reg) begin
            flush_reg <= 1'b0;
            wr_data_reg <= waiting;
            fill_reg <= {LB{1'b0}};
            if (flush_head_reg) begin
                header_wr_reg <= 1'b1;
                header_last_reg <= 1'b1;
            end else begin
                wr_en_reg <= 1'b1;
                wr_addr_reg <= next_reg;
                next_reg <= next_reg + 1'b1;
                start_reg <= next_reg + 1'b1;
                frame_valid_reg <= 1'b1;
            end
        end

        if (rst || forget) begin
            next_reg <= start_reg;
            fill_reg <= {LB{1'b0}};
            bytes_reg <= 14'd0;
            played_reg <= 1'b0;
        end
        if (rst) begin
            wr_en_reg <= 1'b0;
            frame_valid_reg <= 1'b0;
            header_wr_reg <= 1'b0;
            flush_reg <= 1'b0;
            next_reg <= {ADDR_BITS{1'b0}};
            start_reg <= {ADDR_BITS{1'b0}};
            mid_reg <= 1'b0;
        end
    end

    wire unused = &{1'b0, e_offset, e_eop};

endmodule

`resetall
