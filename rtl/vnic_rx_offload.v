// SPDX-License-Identifier: Apache-2.0
//
// Receive checksums (8254x SDM 3.2.9, 13.4.47): sums up the words of a frame while they are stored, judges
// IPv4, TCP and UDP at the last one, and keeps what the frame's descriptors say of it until they are written.
// A word is summed when the next one is there, for the last one tells where the FCS begins.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_rx_offload #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // Room for the results of 2**DEPTH_LOG2 frames
    parameter DEPTH_LOG2 = 10
) (
    input  wire                  clk,
    input  wire                  rst,

    // Frames have a result: checksums or their tag; RXCSUM; the FCS is not stored
    input  wire                  on,
    input  wire [9:0]            csum,
    input  wire                  secrc,

    // Word stored. With the last one: the frame stays, it has no error, its length as stored and with FCS
    input  wire                  word_valid,
    input  wire                  word_first,
    input  wire                  word_last,
    input  wire [DATA_WIDTH-1:0] word,
    input  wire                  store,
    input  wire                  good,
    input  wire [14:0]           len,
    // It has a tag, the tag has been taken out, its control information
    input  wire                  has_tag,
    input  wire                  cut,
    input  wire [15:0]           tci,

    // Oldest frame's result: for its first descriptor, and for its last; popped with that
    output wire                  result_valid,
    output wire [15:0]           checksum,
    output wire [15:0]           special,
    output wire [7:0]            status,
    output wire [7:0]            errors,
    input  wire                  result_pop
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    // Bits of a word's number in a frame
    localparam W = 15 - LB;
    // Behind every frame
    localparam [16:0] NEVER = 17'h1FFFF;
    // Words that hold the first 40 bytes: IPv4 addresses end at 34, or at 38 with a tag
    localparam HEAD = (40 + BYTES - 1) / BYTES;
    localparam [W-1:0] HEAD_WORDS = HEAD[W-1:0];
    // Byte 20 is in word 2 or 1, or in the first
    localparam SHORT = DATA_WIDTH == 64 ? 1 : 0;

    localparam [7:0] TCP = 8'd6, UDP = 8'd17;

    // Stage C: the word to be summed, and the frame's first bytes -------------------------------------
    reg                       c_valid_reg;
    reg                       c_first_reg;
    reg                       c_last_reg;
    reg [W-1:0]               c_index_reg;
    reg [DATA_WIDTH-1:0]      c_data_reg;
    reg [HEAD*DATA_WIDTH-1:0] head_reg;
    // With the last word
    reg                       c_store_reg;
    reg                       c_good_reg;
    reg                       c_tagged_reg;
    reg [14:0]                c_len_reg;
    reg [14:0]                c_end_reg;
    reg [16:0]                c_tag_reg;

    wire sums = csum != 10'd0;
    wire take = word_valid && on;
    wire step = c_valid_reg && (c_last_reg || take);
    wire [W-1:0] index = word_first ? {W{1'b0}} : c_index_reg + 1'b1;
    // Where the packet checksum ends
    wire [14:0] data_end = !sums ? 15'd0 : !secrc ? len : len > 15'd4 ? len - 15'd4 : 15'd0;

    // The IP header, if there is one: it begins behind the type, at 14 or 18
    wire [175:0] ip = c_tagged_reg ? head_reg[16*8 +: 176] : head_reg[12*8 +: 176];
    wire [4:0]   net = c_tagged_reg ? 5'd18 : 5'd14;
    wire [6:0]   net_end = {2'd0, net} + {1'b0, ip[19:16], 2'd0};
    wire [15:0]  total_len = {ip[39:32], ip[47:40]};
    wire [16:0]  ip_end = {12'd0, net} + {1'b0, total_len};
    wire [7:0]   protocol = ip[95:88];

    // From the word with byte 20 on, both lengths in the IP header are known
    wire known = DATA_WIDTH >= 256 || |(c_index_reg >> SHORT);
    wire ends = c_last_reg || word_last;
    // Packet checksum; IP header; what IP carries
    wire [31:0] packet_total, header_total, body_total;

    vnic_rx_sum #(.DATA_WIDTH(DATA_WIDTH), .INDEX(W)) sum (
        .clk(clk), .rst(rst), .valid(step && sums), .first(c_first_reg), .here(c_index_reg), .data(c_data_reg),
        .from0({9'd0, csum[7:0]}), .upto0(ends ? {2'd0, c_last_reg ? c_end_reg : data_end} : NEVER),
        .total0(packet_total),
        .from1(csum[8] ? {12'd0, net} : NEVER), .upto1(known ? {10'd0, net_end} : NEVER), .total1(header_total),
        .from2(csum[9] && known ? {10'd0, net_end} : NEVER), .upto2(ip_end), .total2(body_total)
    );

    // Stages D to F: the judgement, while the sums are completed and folded ----------------------------
    reg        d_store_reg, d_ip_reg, d_transport_reg, d_odd_reg, d_sums_reg;
    reg [16:0] d_tag_reg;
    reg [18:0] d_pseudo_reg;
    reg        e_store_reg, e_ip_reg, e_transport_reg, e_odd_reg, e_sums_reg;
    reg [16:0] e_tag_reg;
    reg [18:0] e_pseudo_reg;
    reg        f_store_reg, f_ip_reg, f_transport_reg, f_ip_wrong_reg, f_transport_wrong_reg;
    reg [16:0] f_tag_reg;
    reg [15:0] f_packet_reg;
    // The UDP checksum, once it has passed, is not 0
    reg        udp_reg;

    // The frame is long enough, with its FCS
    wire fits_header = {10'd0, net} + 15'd24 <= c_len_reg && {8'd0, net_end} + 15'd4 <= c_len_reg;
    wire fits_packet = {1'b0, ip_end} + 18'd4 <= {3'd0, c_len_reg};
    wire ipv4 = c_good_reg && ip[15:0] == 16'h0008 && ip[23:20] == 4'd4 && ip[19:16] >= 4'd5 && fits_header;
    // Header and payload: nonsense if the total length is shorter than the header
    wire [15:0] body_len = total_len - {10'd0, ip[19:16], 2'd0};
    wire has_body = total_len >= {10'd0, ip[19:16], 2'd0} && fits_packet;
    // No fragment: neither more to come nor an offset
    wire whole = ip[69:64] == 6'd0 && ip[79:72] == 8'd0;
    // UDP checksum: at offset 6
    wire [6:0] udp_at = net_end + 7'd6;
    wire [16:0] low_sum = {1'b0, ip[127:112]} + {1'b0, ip[143:128]};
    wire [16:0] high_sum = {1'b0, ip[159:144]} + {1'b0, ip[175:160]};
    wire [16:0] kind_sum = {1'b0, protocol, 8'd0} + {1'b0, body_len[7:0], body_len[15:8]};

    wire udp_here = {8'd0, udp_at} >> LB == {{LB{1'b0}}, c_index_reg};

    function given(input [LB-1:0] lane);
        given = |c_data_reg[{lane, 3'd0} +: 16];
    endfunction

    // End-around carry
    function [15:0] fold(input [31:0] total);
        reg [16:0] once;
        begin
            once = {1'b0, total[31:16]} + {1'b0, total[15:0]};
            fold = once[15:0] + {15'd0, once[16]};
        end
    endfunction

    function [15:0] swap(input [15:0] sum16);
        swap = {sum16[7:0], sum16[15:8]};
    endfunction

    // One test in an idle cycle: a simulator pays for every clocked block
    wire active = take || c_valid_reg || d_store_reg || e_store_reg || f_store_reg || rst;

    always @(posedge clk) if (active) begin
        c_valid_reg <= take || (c_valid_reg && !c_last_reg);
        if (take) begin
            if (sums) begin
                c_index_reg <= index;
                c_data_reg <= word;
                if (index < HEAD_WORDS)
                    head_reg[index * DATA_WIDTH +: DATA_WIDTH] <= word;
            end
            c_first_reg <= word_first;
            c_last_reg <= word_last;
            c_store_reg <= store;
            c_tagged_reg <= has_tag && !cut;
            if (word_last) begin
                c_good_reg <= good;
                c_len_reg <= len;
                c_end_reg <= data_end;
                c_tag_reg <= {cut, cut ? tci : 16'd0};
            end
        end

        d_store_reg <= step && c_last_reg && c_store_reg;
        if (step && udp_here && csum[9])
            udp_reg <= given(udp_at[LB-1:0]);
        if (step && c_last_reg) begin
            d_tag_reg <= c_tag_reg;
            d_sums_reg <= sums;
            d_odd_reg <= csum[0];
            d_ip_reg <= csum[8] && ipv4;
            d_transport_reg <= csum[9] && ipv4 && has_body && whole
                && (protocol == TCP && body_len >= 16'd20
                    || protocol == UDP && body_len >= 16'd8 && (udp_here ? given(udp_at[LB-1:0]) : udp_reg));
            d_pseudo_reg <= {2'd0, low_sum} + {2'd0, high_sum} + {2'd0, kind_sum};
        end

        e_store_reg <= d_store_reg;
        if (d_store_reg) begin
            e_tag_reg <= d_tag_reg;
            e_sums_reg <= d_sums_reg;
            e_odd_reg <= d_odd_reg;
            e_ip_reg <= d_ip_reg;
            e_transport_reg <= d_transport_reg;
            e_pseudo_reg <= d_pseudo_reg;
        end

        f_store_reg <= e_store_reg;
        if (e_store_reg) begin
            f_tag_reg <= e_tag_reg;
            f_packet_reg <= !e_sums_reg ? 16'd0 : e_odd_reg ? ~fold(packet_total) : ~swap(fold(packet_total));
            f_ip_reg <= e_ip_reg;
            f_ip_wrong_reg <= e_ip_reg && fold(header_total) != 16'hFFFF;
            f_transport_reg <= e_transport_reg;
            f_transport_wrong_reg <= e_transport_reg && fold(body_total + {13'd0, e_pseudo_reg}) != 16'hFFFF;
        end

        if (rst) begin
            c_valid_reg <= 1'b0;
            c_last_reg <= 1'b0;
            d_store_reg <= 1'b0;
            e_store_reg <= 1'b0;
            f_store_reg <= 1'b0;
        end
    end

    wire        vp, tcpcs, ipcs, tcpe, ipe, empty, full;

    vnic_fifo #(.WIDTH(37), .DEPTH_LOG2(DEPTH_LOG2)) fifo (
        .clk(clk), .rst(rst),
        .wr_en(f_store_reg), .full(full),
        .wr_data({f_ip_wrong_reg, f_transport_wrong_reg, f_ip_reg, f_transport_reg, f_tag_reg, f_packet_reg}),
        .rd_en(result_pop), .rd_data({ipe, tcpe, ipcs, tcpcs, vp, special, checksum}), .empty(empty)
    );

    assign result_valid = !empty;
    // Of the descriptor: VP 3, TCPCS 5, IPCS 6, and IXSM 2, which says that nothing was checked; TCPE 5, IPE 6
    assign status = {1'b0, ipcs, tcpcs, 1'b0, vp, !ipcs && !tcpcs, 2'd0};
    assign errors = {1'b0, ipe, tcpe, 5'd0};

    // One result a stored frame: it cannot overflow
    wire unused = &{1'b0, full, ip[31:24], ip[63:48], ip[71:70], ip[87:80], ip[111:96], head_reg};

endmodule

`resetall
