// SPDX-License-Identifier: Apache-2.0
//
// Checksums of transmitted frames (8254x SDM 3.3.3, 3.6): sums two byte ranges of each frame that wants it
// while its words go into the FIFO, and keeps the record by which vnic_tx_edit changes the frame on its way
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

    // Oldest record: {tag, its control information, for transport and IP: insert, offset, checksum}. The
    // engine lets in no more frames than there is room for.
    output wire                  record_valid,
    output wire [66:0]           record,
    input  wire                  record_pop
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
    reg [10:0]           index_reg;
    // Sums of the frame so far, in lanes of 32 bits: it has less than 2^14 words of 16 bits
    reg [DATA_WIDTH-1:0] ip_reg;
    reg [DATA_WIDTH-1:0] transport_reg;
    // A frame is complete: its sums, and what else its record is made of: tag, control information, for
    // transport and IP insert, odd start and place, bytes to add to transport's sum
    reg                  total_valid_reg;
    reg [DATA_WIDTH-1:0] ip_total_reg;
    reg [DATA_WIDTH-1:0] transport_total_reg;
    reg [52:0]           about_reg;
    // The same with one lane left
    reg                  made_valid_reg;
    reg [31:0]           ip_sum_reg;
    reg [31:0]           transport_sum_reg;
    reg [52:0]           made_about_reg;

    // The word's bytes that lie in a range of the frame, as sums of two 16-bit numbers in lanes of 32 bits;
    // an end of 0 is the frame's end
    function [DATA_WIDTH-1:0] lanes;
        input [DATA_WIDTH-1:0] word;
        input [10:0]           index;
        input [7:0]            start;
        input [15:0]           stop;
        reg [DATA_WIDTH-1:0]   bare;
        begin
            bare = word;
            if (index <= {3'd0, start} >> LB)
                bare = index == {3'd0, start} >> LB ? bare & ({DATA_WIDTH{1'b1}} << {start[LB-1:0], 3'd0})
                                                    : {DATA_WIDTH{1'b0}};
            if (stop != 16'd0)
                if ({5'd0, index} >= stop >> LB)
                    bare = {5'd0, index} == stop >> LB
                           ? bare & ({DATA_WIDTH{1'b1}} >> {~stop[LB-1:0], 3'd0}) : {DATA_WIDTH{1'b0}};
            lanes = (bare & {(DATA_WIDTH/32){32'h0000FFFF}})
                    + ((bare >> 16) & {(DATA_WIDTH/32){32'h0000FFFF}});
        end
    endfunction

    // Sum of the lanes: halves on halves
    function [31:0] total;
        input [DATA_WIDTH-1:0] sums;
        reg [511:0]            wide;
        reg [255:0]            eight;
        reg [127:0]            four;
        reg [63:0]             two;
        begin
            wide = {{(512-DATA_WIDTH){1'b0}}, sums};
            eight = wide[511:256] + wide[255:0];
            four = eight[255:128] + eight[127:0];
            two = four[127:64] + four[63:0];
            total = two[63:32] + two[31:0];
        end
    endfunction

    function [15:0] folded;
        input [31:0] number;
        reg [16:0]   once;
        begin
            once = {1'b0, number[31:16]} + {1'b0, number[15:0]};
            folded = once[15:0] + {15'd0, once[16]};
        end
    endfunction

    // Records of frames that wait in the FIFO
    reg [66:0] mem [0:63];
    reg [6:0]  wr_ptr_reg;
    reg [6:0]  rd_ptr_reg;

    // Whether a checksum can be inserted: its range and its place are in the frame
    function inserts;
        input [7:0]  start;
        input [7:0]  spot;
        input [15:0] stop;
        input [13:0] size;
        inserts = {6'd0, start} < size && {6'd0, spot} + 14'd1 < size && (stop == 16'd0 || stop >= {8'd0, start});
    endfunction

    wire summing = sum_ip || sum_transport;

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
            a_length} = made_about_reg;

    // The byte order of the sums is that of the frame where the range starts at an odd byte
    wire [15:0] ip_folded = folded(ip_sum_reg);
    wire [15:0] transport_folded = folded(transport_sum_reg);
    wire [15:0] ip_sum = a_ip_odd ? ip_folded : {ip_folded[7:0], ip_folded[15:8]};
    wire [15:0] transport_sum = a_transport_odd ? transport_folded
                                                : {transport_folded[7:0], transport_folded[15:8]};
    wire [15:0] transport_all = folded({16'd0, transport_sum} + {16'd0, a_length});
    // 0 in UDP says that there is no checksum
    wire [15:0] transport_value = transport_all == 16'hFFFF ? 16'hFFFF : ~transport_all;

    assign record_valid = wr_ptr_reg != rd_ptr_reg;
    assign record = mem[rd_ptr_reg[5:0]];

    wire active = (summing && (wr_en || frame_valid || discard)) || (frame_valid && frame_edit)
                  || total_valid_reg || made_valid_reg || record_pop || rst;

    always @(posedge clk) if (active) begin
        if (summing && wr_en) begin
            index_reg <= index_reg + 11'd1;
            if (sum_ip)
                ip_reg <= ip_reg + lanes(wr_data, index_reg, ip_start, ip_end);
            if (sum_transport)
                transport_reg <= transport_reg + lanes(wr_data, index_reg, transport_start, transport_end);
        end

        total_valid_reg <= frame_valid && frame_edit;
        if (frame_valid && frame_edit) begin
            ip_total_reg <= sum_ip && wr_en ? ip_reg + lanes(wr_data, index_reg, ip_start, ip_end) : ip_reg;
            transport_total_reg <= sum_transport && wr_en
                ? transport_reg + lanes(wr_data, index_reg, transport_start, transport_end) : transport_reg;
            about_reg <= {vle, special, transport_ok, transport_start[0], transport_place,
                          ip_ok, ip_start[0], ip_place, length};
        end

        made_valid_reg <= total_valid_reg;
        if (total_valid_reg) begin
            ip_sum_reg <= total(ip_total_reg);
            transport_sum_reg <= total(transport_total_reg);
            made_about_reg <= about_reg;
        end

        if (made_valid_reg) begin
            mem[wr_ptr_reg[5:0]] <= {a_vle, a_special, a_transport, a_transport_place, transport_value,
                                     a_ip, a_ip_place, ~ip_sum};
            wr_ptr_reg <= wr_ptr_reg + 7'd1;
        end
        if (record_pop)
            rd_ptr_reg <= rd_ptr_reg + 7'd1;

        if (rst || frame_valid || discard) begin
            index_reg <= 11'd0;
            ip_reg <= {DATA_WIDTH{1'b0}};
            transport_reg <= {DATA_WIDTH{1'b0}};
        end
        if (rst) begin
            total_valid_reg <= 1'b0;
            made_valid_reg <= 1'b0;
            wr_ptr_reg <= 7'd0;
            rd_ptr_reg <= 7'd0;
        end
    end

endmodule

`resetall
