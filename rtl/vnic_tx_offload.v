// SPDX-License-Identifier: Apache-2.0
//
// Transmit offloads beside the gatherer: contexts, header replay, checksums. What they find out about a
// frame waits here, as its edit record, until the frame leaves.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_offload #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64
) (
    input  wire                  clk,
    input  wire                  rst,
    input  wire                  forget,

    // The gatherer's piece at hand, see vnic_tx_gather and vnic_tx_packet
    input  wire                  step,
    input  wire                  done,
    input  wire                  keep,
    input  wire                  discard,
    input  wire                  e_tso,
    input  wire                  e_eop,
    input  wire [127:0]          e_desc,
    output wire                  ifcs,

    // Words of the frame under assembly; it is complete
    input  wire                  wr_en,
    input  wire [DATA_WIDTH-1:0] wr_data,
    input  wire                  frame_valid,
    input  wire                  frame_edit,
    input  wire [13:0]           frame_len,

    // Prototype header in, headers out, see vnic_tx_header
    input  wire                  header_wr,
    input  wire                  header_last,
    output wire [7:0]            header_len,
    input  wire                  play,
    output wire                  play_valid,
    output wire                  play_last,
    output wire [DATA_WIDTH-1:0] play_data,

    // Oldest record, see vnic_tx_csum
    output wire                  record_valid,
    output wire [66:0]           record,
    input  wire                  record_pop
);

    wire        tso_over;
    wire [63:0] offsets;
    wire        sum_ip;
    wire        sum_transport;
    wire        tso;
    wire        edit_ip;
    wire        edit_tcp;
    wire [15:0] mss;
    wire [19:0] payload;
    wire        insert_ip;
    wire        insert_transport;
    wire        vle;
    wire [15:0] special;

    vnic_tx_packet packet (
        .clk(clk), .rst(rst), .forget(forget),
        .step(step), .done(done), .keep(keep), .e_tso(e_tso), .e_eop(e_eop),
        .e_desc(e_desc), .ifcs(ifcs), .tso_over(tso_over),
        .offsets(offsets), .sum_ip(sum_ip), .sum_transport(sum_transport), .tso(tso), .edit_ip(edit_ip),
        .edit_tcp(edit_tcp), .header_len(header_len), .mss(mss), .payload(payload),
        .insert_ip(insert_ip), .insert_transport(insert_transport), .vle(vle), .special(special)
    );

    vnic_tx_header #(.DATA_WIDTH(DATA_WIDTH)) header (
        .clk(clk), .rst(rst), .restart(tso_over || forget),
        .wr_en(header_wr), .wr_last(header_last), .wr_data(wr_data),
        .header_len(header_len), .ip_start(offsets[7:0]), .tcp_start(offsets[39:32]), .edit_ip(edit_ip),
        .edit_tcp(edit_tcp), .mss(mss), .payload(payload),
        .play(play), .play_valid(play_valid), .play_last(play_last), .play_data(play_data)
    );

    vnic_tx_csum #(.DATA_WIDTH(DATA_WIDTH)) csum (
        .clk(clk), .rst(rst),
        .wr_en(wr_en), .wr_data(wr_data), .frame_valid(frame_valid), .frame_edit(frame_edit),
        .frame_len(frame_len), .discard(discard || forget),
        .offsets(offsets), .sum_ip(sum_ip), .sum_transport(sum_transport), .tso(tso), .header_len(header_len),
        .insert_ip(insert_ip), .insert_transport(insert_transport), .vle(vle), .special(special),
        .record_valid(record_valid), .record(record), .record_pop(record_pop)
    );

endmodule

`resetall
