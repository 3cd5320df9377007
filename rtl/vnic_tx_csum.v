// SPDX-License-Identifier: Apache-2.0
//
// Checksums of transmitted frames (8254x SDM 3.3.3, 3.6): sums two byte ranges of each frame that wants it
// while its words go into the FIFO, and makes the record by which vnic_tx_edit changes the frame on its way
// out. A sum is made of 16-bit words as they lie in memory; its bytes are swapped at the end (RFC 1071).

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_csum #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64
) (
    input  wire                  clk,
    input  wire                  rst,

    // Words of the frame under assembly; it is complete, and will be edited; it is given up
    input  wire                  wr_en,
    input  wire [DATA_WIDTH-1:0] wr_data,
    input  wire                  frame_valid,
    input  wire                  frame_edit,
    input  wire [13:0]           frame_len,
    input  wire                  discard,

    // The packet, see vnic_tx_packet
    input  wire [63:0]           offsets,
    input  wire                  sum_ip,
    input  wire                  sum_transport,
    input  wire                  tso,
    input  wire [7:0]            header_len,
    // The complete frame
    input  wire                  insert_ip,
    input  wire                  insert_transport,
    input  wire                  vle,
    input  wire [15:0]           special,

    // {tag, its control information, for transport and IP: insert, offset, checksum}
    output wire                  record_valid,
    output wire [66:0]           record
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);

    wire [7:0]  ip_start = offsets[7:0];
    wire [7:0]  ip_place = offsets[15:8];
    wire [15:0] ip_end = offsets[31:16];
    wire [7:0]  transport_start = offsets[39:32];
    wire [7:0]  transport_place = offsets[47:40];
    wire [15:0] transport_end = offsets[63:48];

    // Word of the frame
    reg [10:0] index_reg;
    // Stage 1: sum of a word; stage 2: sum of the frame
    reg        s1_valid_reg;
    reg        s1_last_reg;
    reg [20:0] s1_ip_reg;
    reg [20:0] s1_transport_reg;
    reg [31:0] ip_reg;
    reg [31:0] transport_reg;
    reg        total_valid_reg;
    reg [31:0] ip_total_reg;
    reg [31:0] transport_total_reg;
    // What else the record is made of: tag, control information, for transport and IP insert, odd start
    // and place, bytes to add to transport's sum
    reg [52:0] s1_about_reg;
    reg [52:0] about_reg;
    reg        s1_edit_reg;

    // The word's bytes that lie in a range of the frame; an end of 0 is the frame's end
    function [DATA_WIDTH-1:0] in_range;
        input [DATA_WIDTH-1:0] word;
        input [10:0]           index;
        input [7:0]            start;
        input [15:0]           stop;
        reg [10:0]             start_word;
        reg [DATA_WIDTH-1:0]   bare;
        begin
            start_word = {3'd0, start} >> LB;
            bare = index < start_word ? {DATA_WIDTH{1'b0}}
                   : index == start_word ? word & ({DATA_WIDTH{1'b1}} << {start[LB-1:0], 3'd0}) : word;
            if (stop != 16'd0 && {5'd0, index} >= stop >> LB)
                bare = {5'd0, index} == stop >> LB
                       ? bare & ({DATA_WIDTH{1'b1}} >> {~stop[LB-1:0], 3'd0}) : {DATA_WIDTH{1'b0}};
            in_range = bare;
        end
    endfunction

    // Sum of a word's 16-bit numbers: halves on halves, in lanes of 32 bits
    function [20:0] sum;
        input [DATA_WIDTH-1:0] word;
        reg [511:0]            wide;
        reg [511:0]            pairs;
        reg [255:0]            sixteen;
        reg [127:0]            eight;
        reg [63:0]             four;
        reg [10:0]             unused;
        begin
            wide = {{(512-DATA_WIDTH){1'b0}}, word};
            pairs = (wide & {16{32'h0000FFFF}}) + ((wide >> 16) & {16{32'h0000FFFF}});
            sixteen = pairs[511:256] + pairs[255:0];
            eight = sixteen[255:128] + sixteen[127:0];
            four = eight[127:64] + eight[63:0];
            {unused, sum} = four[63:32] + four[31:0];
        end
    endfunction

    function [15:0] folded;
        input [31:0] total;
        reg [16:0]   once;
        begin
            once = {1'b0, total[31:16]} + {1'b0, total[15:0]};
            folded = once[15:0] + {15'd0, once[16]};
        end
    endfunction

    // Whether a checksum can be inserted: its range and its place are in the frame
    function inserts;
        input [7:0]  start;
        input [7:0]  spot;
        input [15:0] stop;
        input [13:0] size;
        inserts = {6'd0, start} < size && {6'd0, spot} + 14'd1 < size && (stop == 16'd0 || stop >= {8'd0, start});
    endfunction

    wire summing = sum_ip || sum_transport;
    wire [DATA_WIDTH-1:0] ip_word = sum_ip && wr_en ? wr_data : {DATA_WIDTH{1'b0}};
    wire [DATA_WIDTH-1:0] transport_word = sum_transport && wr_en ? wr_data : {DATA_WIDTH{1'b0}};

    // In a segmentation only the header can be changed, and its pseudo header lacks the length
    wire ip_ok = insert_ip && inserts(ip_start, ip_place, ip_end, frame_len)
                 && (!tso || {1'b0, ip_place} + 9'd2 <= {1'b0, header_len});
    wire transport_ok = insert_transport && inserts(transport_start, transport_place, transport_end, frame_len)
                        && (!tso || {1'b0, transport_place} + 9'd2 <= {1'b0, header_len});
    wire [15:0] length = tso ? {2'd0, frame_len} - {8'd0, transport_start} : 16'd0;

    wire        a_vle;
    wire [15:0] a_special;
    wire        a_transport;
    wire        a_transport_odd;
    wire [7:0]  a_transport_place;
    wire        a_ip;
    wire        a_ip_odd;
    wire [7:0]  a_ip_place;
    wire [15:0] a_length;
    assign {a_vle, a_special, a_transport, a_transport_odd, a_transport_place, a_ip, a_ip_odd, a_ip_place,
            a_length} = about_reg;

    // The byte order of the sums is that of the frame where the range starts at an odd byte
    wire [15:0] ip_folded = folded(ip_total_reg);
    wire [15:0] transport_folded = folded(transport_total_reg);
    wire [15:0] ip_sum = a_ip_odd ? ip_folded : {ip_folded[7:0], ip_folded[15:8]};
    wire [15:0] transport_sum = a_transport_odd ? transport_folded
                                                : {transport_folded[7:0], transport_folded[15:8]};
    wire [15:0] transport_all = folded({16'd0, transport_sum} + {16'd0, a_length});
    // 0 in UDP says that there is no checksum
    wire [15:0] transport_value = transport_all == 16'hFFFF ? 16'hFFFF : ~transport_all;

    assign record_valid = total_valid_reg;
    assign record = {a_vle, a_special, a_transport, a_transport_place, transport_value,
                     a_ip, a_ip_place, ~ip_sum};

    wire active = (summing && (wr_en || frame_valid || discard)) || (frame_valid && frame_edit)
                  || s1_valid_reg || total_valid_reg || rst;

    always @(posedge clk) if (active) begin
        s1_valid_reg <= summing && wr_en;
        s1_last_reg <= frame_valid;
        if (summing && wr_en) begin
            index_reg <= index_reg + 11'd1;
            s1_ip_reg <= sum(in_range(ip_word, index_reg, ip_start, ip_end));
            s1_transport_reg <= sum(in_range(transport_word, index_reg, transport_start, transport_end));
        end
        if (frame_valid) begin
            index_reg <= 11'd0;
            s1_valid_reg <= 1'b1;
            if (!(summing && wr_en)) begin
                s1_ip_reg <= 21'd0;
                s1_transport_reg <= 21'd0;
            end
            s1_edit_reg <= frame_edit;
            s1_about_reg <= {vle, special, transport_ok, transport_start[0], transport_place,
                             ip_ok, ip_start[0], ip_place, length};
        end

        total_valid_reg <= s1_valid_reg && s1_last_reg && s1_edit_reg;
        if (s1_valid_reg) begin
            ip_reg <= s1_last_reg ? 32'd0 : ip_reg + {11'd0, s1_ip_reg};
            transport_reg <= s1_last_reg ? 32'd0 : transport_reg + {11'd0, s1_transport_reg};
        end
        if (s1_valid_reg && s1_last_reg) begin
            ip_total_reg <= ip_reg + {11'd0, s1_ip_reg};
            transport_total_reg <= transport_reg + {11'd0, s1_transport_reg};
            about_reg <= s1_about_reg;
        end

        // Nothing of a frame that is given up; one that is complete in this cycle stays
        if (rst || (discard && !frame_valid)) begin
            index_reg <= 11'd0;
            s1_valid_reg <= 1'b0;
            ip_reg <= 32'd0;
            transport_reg <= 32'd0;
        end
        if (rst)
            total_valid_reg <= 1'b0;
    end

endmodule

`resetall
