// SPDX-License-Identifier: Apache-2.0
//
// Cuts a DMA job (any byte address, 1..65535 bytes) into AXI bursts: none crosses a 4 KiB boundary
// (AXI4 A3.4.1), none is longer than MAX_BURST_BEATS. One burst a cycle, no gap between jobs.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_axi_split #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // Longest burst in beats: 1 to 256
    parameter MAX_BURST_BEATS = 64,
    // Bits of whatever travels with the job
    parameter META_WIDTH = 4
) (
    input  wire                  clk,
    input  wire                  rst,

    // Job; the length must not be 0
    input  wire                  job_valid,
    output wire                  job_ready,
    input  wire [63:0]           job_addr,
    input  wire [15:0]           job_len,
    input  wire [META_WIDTH-1:0] job_meta,

    // Burst, unregistered; taken when burst_ready
    output wire                  burst_valid,
    input  wire                  burst_ready,
    output wire [63:0]           burst_addr,
    output wire [8:0]            burst_beats,
    output wire                  burst_first,
    output wire                  burst_last,
    output wire [META_WIDTH-1:0] burst_meta
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    // Beats between two 4 KiB boundaries
    localparam [12:0] PAGE_BEATS = 13'd4096 >> LB;
    localparam [12:0] MAX_BEATS = MAX_BURST_BEATS[12:0];

    reg                  valid_reg;
    reg                  first_reg;
    reg [63:0]           addr_reg;
    // Beats still to be requested, the first one perhaps partial
    reg [12:0]           beats_reg;
    reg [META_WIDTH-1:0] meta_reg;

    // Bytes from the start of the job's first bus word to its end, rounded up to words
    wire [16:0] job_span = {1'b0, job_len} + {{(17-LB){1'b0}}, job_addr[LB-1:0]}
                           + {{(17-LB){1'b0}}, {LB{1'b1}}};
    wire [13:0] job_words = job_span[16:3] >> (LB - 3);

    wire [12:0] to_page = PAGE_BEATS - {{(LB+1){1'b0}}, addr_reg[11:LB]};
    wire [12:0] room = to_page < MAX_BEATS ? to_page : MAX_BEATS;
    wire        all = beats_reg <= room;
    wire [12:0] beats = all ? beats_reg : room;

    assign burst_valid = valid_reg;
    assign burst_addr = addr_reg;
    assign burst_beats = beats[8:0];
    assign burst_first = first_reg;
    assign burst_last = all;
    assign burst_meta = meta_reg;
    assign job_ready = !valid_reg || (burst_ready && all);

    // Idle blocks read one signal a cycle: that is what they cost in an event simulator
    wire take = job_valid && job_ready;
    wire give = valid_reg && burst_ready;
    wire active = take || give || rst;

    always @(posedge clk) if (active) begin
        if (give) begin
            // Only a job's first burst can start inside a bus word
            addr_reg <= {addr_reg[63:LB] + {{(51-LB){1'b0}}, beats}, {LB{1'b0}}};
            // The last page there is does not run on at address 0, where there may be memory: the buffer of a
            // descriptor that could not be read begins at the very last byte
            if (&addr_reg[63:12] && beats == to_page)
                addr_reg[63:12] <= {52{1'b1}};
            beats_reg <= beats_reg - beats;
            first_reg <= 1'b0;
            if (all)
                valid_reg <= 1'b0;
        end
        if (take) begin
            valid_reg <= 1'b1;
            first_reg <= 1'b1;
            addr_reg <= job_addr;
            beats_reg <= job_words[12:0];
            meta_reg <= job_meta;
        end
        if (rst)
            valid_reg <= 1'b0;
    end

    wire unused = &{1'b0, job_words[13], beats[12:9], job_span[2:0]};

endmodule

`resetall
