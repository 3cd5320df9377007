// SPDX-License-Identifier: Apache-2.0
//
// AXI read channels: picks among the two rings' descriptor reads and transmit data, cuts jobs into
// bursts and hands each word to its reader by id. Every reader has room for what it asked for. Data of a
// failed read is all ones, as on PCI.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_axi_rd #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // Bits of an AXI address
    parameter ADDR_WIDTH = 64,
    // Bits of an AXI id, at least 3
    parameter ID_WIDTH = 4,
    // Longest burst in beats: 1 to 256
    parameter MAX_BURST_BEATS = 64
) (
    input  wire                  clk,
    input  wire                  rst,

    // Receive descriptors
    input  wire                  rxd_valid,
    output wire                  rxd_ready,
    input  wire [63:0]           rxd_addr,
    input  wire [6:0]            rxd_len,
    output wire                  rxd_data_valid,

    // Transmit descriptors
    input  wire                  txd_valid,
    output wire                  txd_ready,
    input  wire [63:0]           txd_addr,
    input  wire [6:0]            txd_len,
    output wire                  txd_data_valid,

    // Transmit data
    input  wire                  tx_valid,
    output wire                  tx_ready,
    input  wire [63:0]           tx_addr,
    input  wire [15:0]           tx_len,
    output wire                  tx_data_valid,
    input  wire                  tx_stall,

    // Word for whoever's data_valid is up
    output wire [DATA_WIDTH-1:0] data,

    // AXI read address and data
    output wire [ID_WIDTH-1:0]   m_axi_arid,
    output wire [ADDR_WIDTH-1:0] m_axi_araddr,
    output wire [7:0]            m_axi_arlen,
    output wire                  m_axi_arvalid,
    input  wire                  m_axi_arready,
    input  wire [ID_WIDTH-1:0]   m_axi_rid,
    input  wire [DATA_WIDTH-1:0] m_axi_rdata,
    input  wire [1:0]            m_axi_rresp,
    input  wire                  m_axi_rvalid,
    output wire                  m_axi_rready,

    output wire                  busy
);

    // Master numbers = AXI ids
    localparam [2:0] RX_DESC = 3'd4;
    localparam [2:0] TX_DESC = 3'd5;
    localparam [2:0] TX_DATA = 3'd6;

    wire        job_ready;
    wire        job_valid = rxd_valid || txd_valid || tx_valid;
    wire [2:0]  sel = rxd_valid ? RX_DESC : txd_valid ? TX_DESC : TX_DATA;
    wire [63:0] job_addr = rxd_valid ? rxd_addr : txd_valid ? txd_addr : tx_addr;
    wire [15:0] job_len = rxd_valid ? {9'd0, rxd_len} : txd_valid ? {9'd0, txd_len} : tx_len;

    assign rxd_ready = job_ready;
    assign txd_ready = job_ready && !rxd_valid;
    assign tx_ready = job_ready && !rxd_valid && !txd_valid;

    wire        burst_valid;
    wire        burst_ready;
    wire [63:0] burst_addr;
    wire [8:0]  burst_beats;
    wire        burst_first;
    wire        burst_last;
    wire [2:0]  burst_id;
    wire [8:0]  burst_len = burst_beats - 9'd1;

    vnic_axi_split #(
        .DATA_WIDTH(DATA_WIDTH), .MAX_BURST_BEATS(MAX_BURST_BEATS), .META_WIDTH(3)
    ) split (
        .clk(clk), .rst(rst),
        .job_valid(job_valid), .job_ready(job_ready), .job_addr(job_addr), .job_len(job_len), .job_meta(sel),
        .burst_valid(burst_valid), .burst_ready(burst_ready), .burst_addr(burst_addr), .burst_beats(burst_beats),
        .burst_first(burst_first), .burst_last(burst_last), .burst_meta(burst_id)
    );

    reg                  arvalid_reg;
    reg [ID_WIDTH-1:0]   arid_reg;
    reg [ADDR_WIDTH-1:0] araddr_reg;
    reg [7:0]            arlen_reg;
    reg                  ready_reg;

    assign burst_ready = !arvalid_reg || m_axi_arready;
    assign m_axi_arvalid = arvalid_reg;
    assign m_axi_arid = arid_reg;
    assign m_axi_araddr = araddr_reg;
    assign m_axi_arlen = arlen_reg;
    assign m_axi_rready = ready_reg && !tx_stall;
    assign busy = burst_valid || arvalid_reg;

    wire taken = m_axi_rvalid && m_axi_rready;
    assign rxd_data_valid = taken && m_axi_rid[2:0] == RX_DESC;
    assign txd_data_valid = taken && m_axi_rid[2:0] == TX_DESC;
    assign tx_data_valid = taken && m_axi_rid[2:0] == TX_DATA;
    assign data = m_axi_rresp[1] ? {DATA_WIDTH{1'b1}} : m_axi_rdata;

    wire issue = burst_valid && burst_ready;
    wire active = issue || (arvalid_reg && m_axi_arready) || !ready_reg || rst;

    always @(posedge clk) if (active) begin
        ready_reg <= !rst;
        if (issue) begin
            arvalid_reg <= 1'b1;
            arid_reg <= {{(ID_WIDTH-3){1'b0}}, burst_id};
            araddr_reg <= burst_addr[ADDR_WIDTH-1:0];
            arlen_reg <= burst_len[7:0];
        end else
            arvalid_reg <= 1'b0;
        if (rst)
            arvalid_reg <= 1'b0;
    end

    wire unused = &{1'b0, m_axi_rid[ID_WIDTH-1:3], m_axi_rresp[0], burst_len[8], burst_addr[63:ADDR_WIDTH-1], burst_first,
                     burst_last};

endmodule

`resetall
