// SPDX-License-Identifier: Apache-2.0
//
// Packs the pieces of a frame, each at any byte address and of any length, into whole FIFO words, and
// commits the frame at its last descriptor. A read word is first moved down to lane 0, then up behind the
// bytes that wait for a full word.

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

    // Descriptors in flight, see vnic_tx_engine
    input  wire                  entry_valid,
    output wire                  entry_pop,
    input  wire [136:0]          entry,

    // Read data; stall keeps the bus from bringing more
    input  wire                  r_valid,
    input  wire [DATA_WIDTH-1:0] r_data,
    output wire                  stall,

    // FIFO write port and committed frames: {IFCS, length in bytes}
    output wire                  wr_en,
    output wire [ADDR_BITS-1:0]  wr_addr,
    output wire [DATA_WIDTH-1:0] wr_data,
    output wire                  frame_valid,
    output wire [14:0]           frame,

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

    wire [5:0]   e_offset;
    wire         e_no_data;
    wire         e_eop;
    wire         e_drop;
    wire [127:0] e_desc;
    assign {e_offset, e_no_data, e_eop, e_drop, e_desc} = entry;
    wire [15:0]  e_len = e_desc[79:64];
    wire         e_ifcs = e_desc[89];
    wire         e_rs = e_desc[91];
    wire         e_ide = e_desc[95];

    reg                  wr_en_reg;
    reg [ADDR_BITS-1:0]  wr_addr_reg;
    reg [DATA_WIDTH-1:0] wr_data_reg;
    reg                  frame_valid_reg;
    reg [14:0]           frame_reg;
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
    // Inside a descriptor: bytes still to come
    reg                  mid_reg;
    reg [15:0]           rest_reg;
    // The frame's last bytes still wait: write them and commit
    reg                  flush_reg;

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
    wire eop = done && e_eop;
    wire keep = eop && !e_drop && bytes != 14'd0;

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

    // Read data can only be for a descriptor that has some
    assign stall = flush_reg || (entry_valid && (e_no_data || !wb_ready));
    assign entry_pop = done;
    assign wb_valid = (entry_valid && e_no_data && !flush_reg) || (r_valid && ends);
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
    assign busy = wr_en_reg || frame_valid_reg || flush_reg;

    wire active = r_valid || done || busy || forget || rst;

    always @(posedge clk) if (active) begin
        wr_en_reg <= 1'b0;
        frame_valid_reg <= 1'b0;

        if (r_valid) begin
            {over_reg, wr_data_reg} <= place(r_data, lane, count, fill_reg) | {{DATA_WIDTH{1'b0}}, waiting};
            spill_reg <= spill;
            fill_reg <= sum[LB-1:0];
            if (spill) begin
                wr_en_reg <= 1'b1;
                wr_addr_reg <= next_reg;
                next_reg <= next_reg + 1'b1;
            end
            bytes_reg <= bytes;
            mid_reg <= !ends;
            rest_reg <= rest - {{(15-LB){1'b0}}, count};
        end

        if (eop) begin
            bytes_reg <= 14'd0;
            frame_reg <= {e_ifcs, bytes};
            if (e_drop) begin
                // Too long: what was written is forgotten
                next_reg <= start_reg;
                fill_reg <= {LB{1'b0}};
            end else if (keep && (r_valid ? exact : fill_reg == 0)) begin
                frame_valid_reg <= 1'b1;
                start_reg <= r_valid ? next_reg + 1'b1 : next_reg;
            end else if (keep)
                flush_reg <= 1'b1;
        end

        if (flush_reg) begin
            flush_reg <= 1'b0;
            wr_en_reg <= 1'b1;
            wr_addr_reg <= next_reg;
            wr_data_reg <= waiting;
            next_reg <= next_reg + 1'b1;
            start_reg <= next_reg + 1'b1;
            fill_reg <= {LB{1'b0}};
            frame_valid_reg <= 1'b1;
        end

        if (rst || forget) begin
            next_reg <= start_reg;
            fill_reg <= {LB{1'b0}};
            bytes_reg <= 14'd0;
        end
        if (rst) begin
            wr_en_reg <= 1'b0;
            frame_valid_reg <= 1'b0;
            flush_reg <= 1'b0;
            next_reg <= {ADDR_BITS{1'b0}};
            start_reg <= {ADDR_BITS{1'b0}};
            mid_reg <= 1'b0;
        end
    end

    wire unused = &{1'b0, e_offset};

endmodule

`resetall
