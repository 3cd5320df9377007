// SPDX-License-Identifier: Apache-2.0
//
// AXI write channels: picks among frame data and the two rings' write-back lines, cuts jobs into
// bursts, sends their data in the same order (vnic_axi_wdata) and tells each source when a job's last
// write response is in. Addresses run ahead of data; up to 64 bursts a source are in flight.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_axi_wr #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // Bits of an AXI address
    parameter ADDR_WIDTH = 64,
    // Bits of an AXI id, at least 3
    parameter ID_WIDTH = 4,
    // Longest burst in beats: 1 to 256
    parameter MAX_BURST_BEATS = 64,
    // Bits of a word address in the receive FIFO
    parameter SRC_BITS = 13,
    // Words in the receive FIFO
    parameter SRC_WORDS = 6144
) (
    input  wire                    clk,
    input  wire                    rst,

    // Frame data: buffer address, bytes, first word in the receive FIFO, frame's last job, its blocks
    input  wire                    data_valid,
    output wire                    data_ready,
    input  wire [63:0]             data_addr,
    input  wire [14:0]             data_len,
    input  wire [SRC_BITS-1:0]     data_src,
    input  wire                    data_eop,
    input  wire [9:0]              data_blocks,
    output wire                    data_done,
    // Receive FIFO read port, and the blocks of a frame that has been read to its end
    output wire                    src_en,
    output wire [SRC_BITS-1:0]     src_addr,
    input  wire [DATA_WIDTH-1:0]   src_data,
    output wire                    release_valid,
    output wire [9:0]              release_blocks,

    // Receive ring write-back
    input  wire                    rxwb_valid,
    output wire                    rxwb_ready,
    input  wire [63:0]             rxwb_addr,
    input  wire [6:0]              rxwb_len,
    input  wire [511:0]            rxwb_line,
    input  wire [3:0]              rxwb_strb,
    output wire                    rxwb_pop,
    output wire                    rxwb_done,

    // Transmit ring write-back
    input  wire                    txwb_valid,
    output wire                    txwb_ready,
    input  wire [63:0]             txwb_addr,
    input  wire [6:0]              txwb_len,
    input  wire [511:0]            txwb_line,
    input  wire [3:0]              txwb_strb,
    output wire                    txwb_pop,
    output wire                    txwb_done,

    // AXI write address, data and response
    output wire [ID_WIDTH-1:0]     m_axi_awid,
    output wire [ADDR_WIDTH-1:0]   m_axi_awaddr,
    output wire [7:0]              m_axi_awlen,
    output wire                    m_axi_awvalid,
    input  wire                    m_axi_awready,
    output wire [DATA_WIDTH-1:0]   m_axi_wdata,
    output wire [DATA_WIDTH/8-1:0] m_axi_wstrb,
    output wire                    m_axi_wlast,
    output wire                    m_axi_wvalid,
    input  wire                    m_axi_wready,
    input  wire [ID_WIDTH-1:0]     m_axi_bid,
    input  wire                    m_axi_bvalid,
    output wire                    m_axi_bready,

    output wire                    busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    // Master numbers = AXI ids
    localparam [1:0] DATA = 2'd0;
    localparam [1:0] RXWB = 2'd1;
    localparam [1:0] TXWB = 2'd2;
    // kind, offset, end, extra, src, eop, blocks
    localparam META = 2 + 6 + LB + 1 + SRC_BITS + 1 + 10;

    // Job selection: write-backs first, they are short and software waits for them -----------------
    wire        job_ready;
    wire [1:0]  sel = rxwb_valid ? RXWB : txwb_valid ? TXWB : DATA;
    wire        job_valid = rxwb_valid || txwb_valid || data_valid;
    wire [63:0] job_addr = rxwb_valid ? rxwb_addr : txwb_valid ? txwb_addr : data_addr;
    wire [15:0] job_len = rxwb_valid ? {9'd0, rxwb_len} : txwb_valid ? {9'd0, txwb_len} : {1'b0, data_len};

    // Place of the last byte in its bus word, alone and shifted to the buffer's alignment
    wire [LB-1:0] src_end = data_len[LB-1:0] - 1'b1;
    wire [LB:0]   dst_end = {1'b0, src_end} + {1'b0, data_addr[LB-1:0]};

    assign rxwb_ready = job_ready;
    assign txwb_ready = job_ready && !rxwb_valid;
    assign data_ready = job_ready && !rxwb_valid && !txwb_valid;

    wire            burst_valid;
    wire            burst_ready;
    wire [63:0]     burst_addr;
    wire [8:0]      burst_beats;
    wire            burst_first;
    wire            burst_last;
    wire [META-1:0] burst_meta;
    wire [1:0]      burst_kind = burst_meta[META-1:META-2];

    vnic_axi_split #(
        .DATA_WIDTH(DATA_WIDTH), .MAX_BURST_BEATS(MAX_BURST_BEATS), .META_WIDTH(META)
    ) split (
        .clk(clk), .rst(rst),
        .job_valid(job_valid), .job_ready(job_ready), .job_addr(job_addr), .job_len(job_len),
        .job_meta({sel, job_addr[5:0], dst_end[LB-1:0], dst_end[LB], data_src, data_eop, data_blocks}),
        .burst_valid(burst_valid), .burst_ready(burst_ready), .burst_addr(burst_addr), .burst_beats(burst_beats),
        .burst_first(burst_first), .burst_last(burst_last), .burst_meta(burst_meta)
    );

    // Address channel -----------------------------------------------------------------------------
    reg                  awvalid_reg;
    reg [ID_WIDTH-1:0]   awid_reg;
    reg [ADDR_WIDTH-1:0] awaddr_reg;
    reg [7:0]            awlen_reg;

    wire [2:0] flag_full;
    wire [2:0] flag_empty;
    wire [2:0] flag_last;
    wire       cmd_full;
    wire [8:0] burst_len = burst_beats - 9'd1;
    wire       issue = burst_valid && burst_ready;

    assign burst_ready = (!awvalid_reg || m_axi_awready) && !cmd_full && flag_full == 3'd0;
    assign m_axi_awvalid = awvalid_reg;
    assign m_axi_awid = awid_reg;
    assign m_axi_awaddr = awaddr_reg;
    assign m_axi_awlen = awlen_reg;

    wire aw_active = issue || (awvalid_reg && m_axi_awready) || rst;

    always @(posedge clk) if (aw_active) begin
        if (issue) begin
            awvalid_reg <= 1'b1;
            awid_reg <= {{(ID_WIDTH-2){1'b0}}, burst_kind};
            awaddr_reg <= burst_addr[ADDR_WIDTH-1:0];
            awlen_reg <= burst_len[7:0];
        end else
            awvalid_reg <= 1'b0;
        if (rst)
            awvalid_reg <= 1'b0;
    end

    // Data channel --------------------------------------------------------------------------------
    wire data_busy;

    vnic_axi_wdata #(
        .DATA_WIDTH(DATA_WIDTH), .SRC_BITS(SRC_BITS), .SRC_WORDS(SRC_WORDS), .META_WIDTH(META)
    ) wdata (
        .clk(clk), .rst(rst),
        .cmd_valid(issue), .cmd_full(cmd_full), .cmd_first(burst_first), .cmd_last(burst_last),
        .cmd_len(burst_len[7:0]), .cmd_meta(burst_meta),
        .src_en(src_en), .src_addr(src_addr), .src_data(src_data),
        .release_valid(release_valid), .release_blocks(release_blocks),
        .rxwb_line(rxwb_line), .rxwb_strb(rxwb_strb), .rxwb_pop(rxwb_pop),
        .txwb_line(txwb_line), .txwb_strb(txwb_strb), .txwb_pop(txwb_pop),
        .m_axi_wdata(m_axi_wdata), .m_axi_wstrb(m_axi_wstrb), .m_axi_wlast(m_axi_wlast),
        .m_axi_wvalid(m_axi_wvalid), .m_axi_wready(m_axi_wready),
        .busy(data_busy)
    );

    // Responses: bursts of one id come back in order; a job is done with its last one -----------------
    reg [2:0] done_reg;
    reg       ready_reg;
    wire [2:0] push = issue ? 3'd1 << burst_kind : 3'd0;
    wire [2:0] pop = m_axi_bvalid && ready_reg ? 3'd1 << m_axi_bid[1:0] : 3'd0;

    genvar i;
    generate
        for (i = 0; i < 3; i = i + 1) begin : g_flag
            vnic_fifo #(.WIDTH(1), .DEPTH_LOG2(6)) flag_fifo (
                .clk(clk), .rst(rst),
                .wr_en(push[i]), .wr_data(burst_last), .full(flag_full[i]),
                .rd_en(pop[i]), .rd_data(flag_last[i]), .empty(flag_empty[i])
            );
        end
    endgenerate

    assign m_axi_bready = ready_reg;
    assign {txwb_done, rxwb_done, data_done} = done_reg;
    assign busy = burst_valid || awvalid_reg || data_busy || flag_empty != 3'd7 || done_reg != 3'd0;

    wire b_active = m_axi_bvalid || done_reg != 3'd0 || !ready_reg || rst;

    always @(posedge clk) if (b_active) begin
        ready_reg <= !rst;
        done_reg <= pop & flag_last;
        if (rst)
            done_reg <= 3'd0;
    end

    wire unused = &{1'b0, m_axi_bid[ID_WIDTH-1:2], burst_len[8], burst_addr[63:ADDR_WIDTH-1]};

endmodule

`resetall
