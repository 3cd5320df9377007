// SPDX-License-Identifier: Apache-2.0
//
// Loopback path (RCTL.LBM, PHY BMCR.14): transmitted words go back to the receiver with the FCS behind
// them. Still while loopback is off.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_loop #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64
) (
    input  wire                  clk,
    input  wire                  rst,

    // Words of a frame; lanes above count are 0
    input  wire                  in_valid,
    output wire                  in_ready,
    input  wire                  in_first,
    input  wire                  in_last,
    input  wire [6:0]            in_count,
    input  wire [DATA_WIDTH-1:0] in_data,

    // The same with FCS
    output wire                  out_valid,
    output wire                  out_first,
    output wire                  out_last,
    output wire [6:0]            out_count,
    output wire [DATA_WIDTH-1:0] out_data,

    output wire                  busy
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);

    // Stage 1: the word; its CRC is ready with it
    reg                  s1_valid_reg;
    reg                  s1_first_reg;
    reg                  s1_last_reg;
    reg [6:0]            s1_count_reg;
    reg [DATA_WIDTH-1:0] s1_data_reg;
    // Stage 2: output; FCS bytes that did not fit go in a word of their own
    reg                  valid_reg;
    reg                  first_reg;
    reg                  last_reg;
    reg [6:0]            count_reg;
    reg [DATA_WIDTH-1:0] data_reg;
    reg                  tail_reg;
    reg [6:0]            tail_count_reg;
    reg [DATA_WIDTH-1:0] tail_data_reg;

    wire [31:0] fcs;
    wire        take = in_valid && in_ready;
    wire        fits = s1_count_reg + 7'd4 <= BYTES[6:0];
    // Bytes of the FCS that the last word has room for
    wire [2:0]  room = BYTES[2:0] - s1_count_reg[2:0];

    function [DATA_WIDTH-1:0] append;
        input [DATA_WIDTH-1:0] word;
        input [LB:0]           bytes;
        input [31:0]           check;
        append = word | ({{(DATA_WIDTH-32){1'b0}}, check} << {bytes, 3'd0});
    endfunction

    vnic_crc32 #(.DATA_WIDTH(DATA_WIDTH)) crc32 (
        .clk(clk), .en(take), .first(in_first), .count(in_count), .data(in_data), .fcs(fcs)
    );

    assign in_ready = !(s1_valid_reg && s1_last_reg && !fits);
    assign out_valid = valid_reg;
    assign out_first = first_reg;
    assign out_last = last_reg;
    assign out_count = count_reg;
    assign out_data = data_reg;
    assign busy = s1_valid_reg || valid_reg || tail_reg;

    wire active = take || busy || rst;

    always @(posedge clk) if (active) begin
        s1_valid_reg <= take;
        if (take) begin
            s1_first_reg <= in_first;
            s1_last_reg <= in_last;
            s1_count_reg <= in_count;
            s1_data_reg <= in_data;
        end

        // No word can be in stage 1 beside a tail: in_ready was down
        valid_reg <= s1_valid_reg || tail_reg;
        tail_reg <= 1'b0;
        if (tail_reg) begin
            first_reg <= 1'b0;
            last_reg <= 1'b1;
            count_reg <= tail_count_reg;
            data_reg <= tail_data_reg;
        end else if (s1_valid_reg) begin
            first_reg <= s1_first_reg;
            last_reg <= s1_last_reg && fits;
            count_reg <= !s1_last_reg ? BYTES[6:0] : fits ? s1_count_reg + 7'd4 : BYTES[6:0];
            data_reg <= s1_last_reg ? append(s1_data_reg, s1_count_reg[LB:0], fcs) : s1_data_reg;
            if (s1_last_reg && !fits) begin
                tail_reg <= 1'b1;
                tail_count_reg <= 7'd4 - {4'd0, room};
                tail_data_reg <= {{(DATA_WIDTH-32){1'b0}}, fcs >> {room, 3'd0}};
            end
        end
        if (rst) begin
            s1_valid_reg <= 1'b0;
            valid_reg <= 1'b0;
            tail_reg <= 1'b0;
        end
    end

endmodule

`resetall
