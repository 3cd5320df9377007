// SPDX-License-Identifier: Apache-2.0
//
// Descriptor prefetch for one ring (8254x SDM 3.2.4, 3.4). Reads 64-byte lines ahead of use, many
// outstanding, and hands out one descriptor a cycle (every second cycle on a 64-bit bus).
// Also owns the ring's position: use_idx is the next descriptor to hand out.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_desc_fetch #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64
) (
    input  wire                  clk,
    input  wire                  rst,

    // Ring registers
    input  wire                  en,
    input  wire [63:0]           ring_base,
    input  wire [19:0]           ring_len,
    input  wire [15:0]           tail,
    input  wire                  flush,
    input  wire                  head_wr,
    input  wire [15:0]           head_wdata,

    // 1: everything handed out has been completed, so the position may be changed
    input  wire                  ring_idle,
    output wire                  load_head,
    output wire [15:0]           load_head_data,

    // Read job of 1 to 64 bytes
    output wire                  job_valid,
    input  wire                  job_ready,
    output wire [63:0]           job_addr,
    output wire [6:0]            job_len,
    // Read data, always taken
    input  wire                  r_valid,
    input  wire [DATA_WIDTH-1:0] r_data,

    // Descriptors in ring order
    output wire                  desc_valid,
    input  wire                  desc_ready,
    output wire [127:0]          desc,

    // 1: the ring has no descriptor left for the NIC, or is not runnable
    output wire                  starved,
    output wire                  busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    // 128 descriptors; short requests at the tail may waste part of a word
    localparam WORDS = 2048 / BYTES;
    localparam AW = $clog2(WORDS);
    // Words that a line of up to 64 bytes may take
    localparam [AW:0] LINE_WORDS = {{(AW-3){1'b0}}, 4'd8} >> (LB - 3);
    localparam [AW:0] ALL_WORDS = WORDS[AW:0];
    localparam [5:0] WORD_MASK = BYTES[5:0] - 6'd1;

    reg [DATA_WIDTH-1:0] mem [0:WORDS-1];
    reg [AW-1:0] wr_ptr_reg;
    reg [AW-1:0] rd_ptr_reg;
    // Words arrived and not used; words asked for and not used; words asked for and not arrived
    reg [AW:0]   level_reg;
    reg [AW:0]   claimed_reg;
    reg [AW:0]   pending_reg;

    reg [15:0] fetch_idx_reg;
    reg [15:0] use_idx_reg;
    reg        drain_reg;
    reg        load_reg;
    reg [15:0] load_data_reg;
    reg        en_reg;
    reg        job_valid_reg;
    reg [63:0] job_addr_reg;
    reg [2:0]  job_count_reg;

    wire       restart;
    wire       step;
    wire       word_pop;
    // What each request brings: descriptors, and the place of its first one in a line
    wire       req_full;
    wire       req_empty;
    wire [2:0] req_count;
    wire [1:0] req_place;
    wire       req_pop;

    // Request side -------------------------------------------------------------------------------
    wire [15:0] ring_size = ring_len[19:4];
    wire        runnable = tail < ring_size && fetch_idx_reg < ring_size;
    wire [15:0] ring_end = tail >= fetch_idx_reg ? tail : ring_size;
    wire [15:0] avail = ring_end - fetch_idx_reg;
    wire [63:0] fetch_addr = ring_base + {44'd0, fetch_idx_reg, 4'd0};
    wire [2:0]  to_line = 3'd4 - {1'b0, fetch_addr[5:4]};
    wire [2:0]  count = avail < {13'd0, to_line} ? avail[2:0] : to_line;
    wire        fetchable = en && !drain_reg && !flush && runnable && avail != 0;
    wire        request = fetchable && !job_valid_reg && !req_full && claimed_reg + LINE_WORDS <= ALL_WORDS;
    wire [15:0] fetch_next = fetch_idx_reg + {13'd0, count};
    // Bus words that the request covers
    wire [6:0]  span = {1'b0, fetch_addr[5:0] & WORD_MASK} + {count, 4'd0} + {1'b0, WORD_MASK};
    wire [3:0]  words = span[6:3] >> (LB - 3);

    assign job_valid = job_valid_reg;
    assign job_addr = job_addr_reg;
    assign job_len = {job_count_reg, 4'd0};

    vnic_fifo #(.WIDTH(5), .DEPTH_LOG2(7)) req_fifo (
        .clk(clk), .rst(rst || restart),
        .wr_en(request), .wr_data({count, fetch_addr[5:4]}), .full(req_full),
        .rd_en(req_pop), .rd_data({req_count, req_place}), .empty(req_empty)
    );

    // Unpacking ----------------------------------------------------------------------------------
    reg         out_valid_reg;
    reg [127:0] out_reg;
    reg [2:0]   taken_reg;

    wire [1:0] place = req_place + taken_reg[1:0];
    wire       last = taken_reg + 3'd1 == req_count;
    wire       word_ok = level_reg != 0 && !req_empty && !drain_reg && (!out_valid_reg || desc_ready);

    assign req_pop = step && last;
    assign desc_valid = out_valid_reg && !drain_reg && en;
    assign desc = out_reg;

    generate
        if (DATA_WIDTH == 64) begin : g_narrow
            // Two words a descriptor: the address waits here for the rest
            reg half_reg;
            assign step = word_ok && half_reg;
            assign word_pop = word_ok;
            always @(posedge clk) begin
                if (word_ok) begin
                    half_reg <= !half_reg;
                    if (half_reg)
                        out_reg[127:64] <= mem[rd_ptr_reg];
                    else
                        out_reg[63:0] <= mem[rd_ptr_reg];
                end
                if (rst || restart)
                    half_reg <= 1'b0;
            end
            wire unused = &{1'b0, place};
        end else if (DATA_WIDTH == 128) begin : g_equal
            assign step = word_ok;
            assign word_pop = step;
            always @(posedge clk)
                if (step)
                    out_reg <= mem[rd_ptr_reg];
            wire unused = &{1'b0, place};
        end else begin : g_wide
            // The place of a descriptor in its word; the word goes with its last descriptor
            localparam [1:0] SUB_MASK = DATA_WIDTH == 256 ? 2'd1 : 2'd3;
            wire [1:0] sub = place & SUB_MASK;
            wire [DATA_WIDTH-1:0] moved = mem[rd_ptr_reg] >> {sub, 7'd0};
            assign step = word_ok;
            assign word_pop = step && (last || sub == SUB_MASK);
            always @(posedge clk)
                if (step)
                    out_reg <= moved[127:0];
            wire unused = &{1'b0, moved[DATA_WIDTH-1:128]};
        end
    endgenerate

    // Position -----------------------------------------------------------------------------------
    wire take = desc_valid && desc_ready;
    assign restart = drain_reg && pending_reg == 0 && !job_valid_reg && ring_idle && !flush;

    assign load_head = restart && load_reg;
    assign load_head_data = load_data_reg;
    assign starved = !(tail < ring_size && use_idx_reg < ring_size && tail != use_idx_reg) && !drain_reg;
    assign busy = drain_reg || job_valid_reg || pending_reg != 0
                  || request || (en && level_reg != 0 && !out_valid_reg) || en != en_reg;

    wire give = out_valid_reg && desc_ready;
    wire [AW:0] asked = request ? {{(AW-3){1'b0}}, words} : {(AW+1){1'b0}};
    wire moves = request || job_valid_reg || r_valid || word_pop || step || give;
    wire active = moves || drain_reg || flush || en != en_reg || rst;

    always @(posedge clk) if (active) begin
        en_reg <= en;
        if (request) begin
            job_valid_reg <= 1'b1;
            job_addr_reg <= fetch_addr;
            job_count_reg <= count;
            fetch_idx_reg <= fetch_next == ring_size ? 16'd0 : fetch_next;
        end else if (job_ready)
            job_valid_reg <= 1'b0;

        if (r_valid) begin
            mem[wr_ptr_reg] <= r_data;
            wr_ptr_reg <= wr_ptr_reg + 1'b1;
        end
        if (word_pop)
            rd_ptr_reg <= rd_ptr_reg + 1'b1;
        if (r_valid != word_pop)
            level_reg <= r_valid ? level_reg + 1'b1 : level_reg - 1'b1;
        if (request || word_pop)
            claimed_reg <= claimed_reg + asked - {{AW{1'b0}}, word_pop};
        if (request || r_valid)
            pending_reg <= pending_reg + asked - {{AW{1'b0}}, r_valid};

        if (step) begin
            out_valid_reg <= 1'b1;
            taken_reg <= last ? 3'd0 : taken_reg + 3'd1;
        end else if (desc_ready)
            out_valid_reg <= 1'b0;
        if (take)
            use_idx_reg <= use_idx_reg + 16'd1 == ring_size ? 16'd0 : use_idx_reg + 16'd1;

        // Drain: what was fetched is thrown away once all of it has arrived
        if (restart) begin
            drain_reg <= 1'b0;
            load_reg <= 1'b0;
            level_reg <= 0;
            claimed_reg <= 0;
            wr_ptr_reg <= 0;
            rd_ptr_reg <= 0;
            taken_reg <= 0;
            out_valid_reg <= 1'b0;
            fetch_idx_reg <= load_reg ? load_data_reg : use_idx_reg;
            if (load_reg)
                use_idx_reg <= load_data_reg;
        end
        if (flush || (en_reg && !en))
            drain_reg <= 1'b1;
        if (head_wr) begin
            load_reg <= 1'b1;
            load_data_reg <= head_wdata;
        end

        if (rst) begin
            en_reg <= 1'b0;
            drain_reg <= 1'b0;
            load_reg <= 1'b0;
            job_valid_reg <= 1'b0;
            out_valid_reg <= 1'b0;
            taken_reg <= 0;
            level_reg <= 0;
            claimed_reg <= 0;
            pending_reg <= 0;
            wr_ptr_reg <= 0;
            rd_ptr_reg <= 0;
            fetch_idx_reg <= 16'd0;
            use_idx_reg <= 16'd0;
        end
    end

    wire unused_len = &{1'b0, ring_len[3:0], span[2:0]};

endmodule

`resetall
