// SPDX-License-Identifier: Apache-2.0
//
// Prototype header of a TCP segmentation (8254x SDM 3.5): stored word by word, then given out once a
// segment with IP's length and identification, TCP's sequence number and flags brought up to date.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_header #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64
) (
    input  wire                  clk,
    input  wire                  rst,
    // The packet is over or forgotten
    input  wire                  restart,

    // Words of the prototype; bytes of the last word behind its end are 0
    input  wire                  wr_en,
    input  wire                  wr_last,
    input  wire [DATA_WIDTH-1:0] wr_data,

    // The packet: bytes of header, where its IP and TCP headers start, which of them change
    input  wire [7:0]            header_len,
    input  wire [7:0]            ip_start,
    input  wire [7:0]            tcp_start,
    input  wire                  edit_ip,
    input  wire                  edit_tcp,
    input  wire [15:0]           mss,
    input  wire [19:0]           payload,

    // Header of the next segment, while play
    input  wire                  play,
    output wire                  play_valid,
    output wire                  play_last,
    output wire [DATA_WIDTH-1:0] play_data
);

    localparam BYTES = DATA_WIDTH / 8;
    localparam LB = $clog2(BYTES);
    // Bits of a word index: 256 bytes hold any header
    localparam IB = 8 - LB;
    // FIN and PSH: in a packet's last segment only
    localparam [7:0] FIN_PSH = 8'h09;

    localparam [1:0]
        S_STORE = 2'd0,  // take the prototype's words, pick its fields
        S_IP    = 2'd1,  // make the next segment's IP length and identification
        S_TCP   = 2'd2,  // make its sequence number and flags
        S_PLAY  = 2'd3;  // give out the header when the gatherer wants it

    reg [1:0]            state_reg;
    reg [DATA_WIDTH-1:0] mem [0:(1<<IB)-1];
    reg [IB-1:0]         index_reg;
    // Four bytes of the prototype each, from length, sequence number and flags on, in memory's order
    reg [31:0]           ip_reg;
    reg [31:0]           seq_reg;
    reg [31:0]           flags_reg;
    // Segments and payload bytes given out
    reg [15:0]           number_reg;
    reg [19:0]           sent_reg;
    // The next segment's fields, and which of their bytes change
    reg [31:0]           new_ip_reg;
    reg [31:0]           new_seq_reg;
    reg [7:0]            new_flags_reg;
    reg                  valid_reg;
    reg                  last_reg;
    reg [DATA_WIDTH-1:0] data_reg;

    // First byte of the fields: length and identification, sequence number, flags
    wire [8:0] ip_place = {1'b0, ip_start} + 9'd2;
    wire [8:0] seq_place = {1'b0, tcp_start} + 9'd4;
    wire [8:0] flags_place = {1'b0, tcp_start} + 9'd13;
    // A field changes only if it is wholly in the header
    wire [8:0] len = {1'b0, header_len};
    wire       edit_length = edit_ip && ip_place + 9'd2 <= len;
    wire       edit_ident = edit_ip && ip_place + 9'd4 <= len;
    wire       edit_seq = edit_tcp && seq_place + 9'd4 <= len;
    wire       edit_flags = edit_tcp && flags_place < len;
    wire [31:0] ip_mask = {{16{edit_ident}}, {16{edit_length}}};
    wire [31:0] seq_mask = {32{edit_seq}};
    wire [31:0] flags_mask = {24'd0, {8{edit_flags}}};

    function [31:0] swap;
        input [31:0] value;
        swap = {value[7:0], value[15:8], value[23:16], value[31:24]};
    endfunction

    // Four bytes from `place` on, as far as they are in word `index`; behind it and before it they are 0
    function [31:0] pick;
        input [DATA_WIDTH-1:0] word;
        input [IB-1:0]         index;
        input [8:0]            place;
        reg [9:0]              at;
        reg [DATA_WIDTH-1:0]   unused;
        begin
            at = {1'b0, place} + 10'd4 - {2'd0, index, {LB{1'b0}}};
            {unused, pick} = {word, 32'd0} >> {at[LB:0], 3'd0};
            if (at >= BYTES[9:0] + 10'd4)
                pick = 32'd0;
        end
    endfunction

    // The word with the bytes of mask, of four bytes from `place` on, replaced
    function [DATA_WIDTH-1:0] put;
        input [DATA_WIDTH-1:0] word;
        input [IB-1:0]         index;
        input [8:0]            place;
        input [31:0]           mask;
        input [31:0]           value;
        reg [9:0]              at;
        reg [DATA_WIDTH-1:0]   masks;
        reg [DATA_WIDTH-1:0]   values;
        reg [31:0]             unused;
        begin
            at = {1'b0, place} + 10'd4 - {2'd0, index, {LB{1'b0}}};
            {masks, unused} = {{DATA_WIDTH{1'b0}}, mask} << {at[LB:0], 3'd0};
            {values, unused} = {{DATA_WIDTH{1'b0}}, value & mask} << {at[LB:0], 3'd0};
            put = at < BYTES[9:0] + 10'd4 ? (word & ~masks) | values : word;
        end
    endfunction

    // Four bytes at `to` of the header, with the bytes of mask, of four bytes from `place` on, replaced
    function [31:0] overlaid;
        input [31:0] old;
        input [8:0]  to;
        input [8:0]  place;
        input [31:0] mask;
        input [31:0] value;
        reg [9:0]    at;
        reg [31:0]   masks;
        reg [31:0]   values;
        reg [31:0]   unused_high;
        reg [31:0]   unused_low;
        begin
            at = {1'b0, place} + 10'd4 - {1'b0, to};
            {unused_high, masks, unused_low} = {64'd0, mask} << {at[3:0], 3'd0};
            {unused_high, values, unused_low} = {64'd0, value & mask} << {at[3:0], 3'd0};
            overlaid = at < 10'd8 ? (old & ~masks) | values : old;
        end
    endfunction

    wire [19:0] rest = payload - sent_reg;
    wire        is_last = rest <= {4'd0, mss};
    wire [15:0] size = is_last ? rest[15:0] : mss;
    wire [15:0] new_length = {8'd0, header_len} - {8'd0, ip_start} + size;
    wire [15:0] new_ident = {ip_reg[23:16], ip_reg[31:24]} + number_reg;
    wire [31:0] base_seq = overlaid(seq_reg, seq_place, ip_place, ip_mask, new_ip_reg);
    wire [31:0] new_seq = swap(base_seq) + {12'd0, sent_reg};
    // Offsets may be such that TCP's fields begin with bytes of IP's
    wire [31:0] flags = overlaid(flags_reg, flags_place, ip_place, ip_mask, new_ip_reg);
    wire [7:0]  last_index = header_len - 8'd1;

    assign play_valid = valid_reg;
    assign play_last = last_reg;
    assign play_data = data_reg;

    wire active = state_reg != S_STORE || wr_en || valid_reg || restart || rst;

    always @(posedge clk) if (active) begin
        valid_reg <= 1'b0;
        case (state_reg)
            S_STORE:
                if (wr_en) begin
                    mem[index_reg] <= wr_data;
                    index_reg <= wr_last ? {IB{1'b0}} : index_reg + 1'b1;
                    ip_reg <= ip_reg | pick(wr_data, index_reg, ip_place);
                    seq_reg <= seq_reg | pick(wr_data, index_reg, seq_place);
                    flags_reg <= flags_reg | pick(wr_data, index_reg, flags_place);
                    if (wr_last)
                        state_reg <= S_IP;
                end
            S_IP: begin
                new_ip_reg <= {new_ident[7:0], new_ident[15:8], new_length[7:0], new_length[15:8]};
                state_reg <= S_TCP;
            end
            S_TCP: begin
                new_seq_reg <= swap(new_seq);
                new_flags_reg <= is_last ? flags[7:0] : flags[7:0] & ~FIN_PSH;
                state_reg <= S_PLAY;
            end
            S_PLAY:
                if (play) begin
                    data_reg <= put(put(put(mem[index_reg], index_reg, ip_place, ip_mask, new_ip_reg),
                                        index_reg, seq_place, seq_mask, new_seq_reg),
                                    index_reg, flags_place, flags_mask, {24'd0, new_flags_reg});
                    valid_reg <= 1'b1;
                    last_reg <= index_reg == last_index[7:LB];
                    index_reg <= index_reg + 1'b1;
                    if (index_reg == last_index[7:LB]) begin
                        index_reg <= {IB{1'b0}};
                        number_reg <= number_reg + 16'd1;
                        sent_reg <= sent_reg + {4'd0, mss};
                        state_reg <= S_IP;
                    end
                end
        endcase

        if (rst || restart) begin
            state_reg <= S_STORE;
            index_reg <= {IB{1'b0}};
            ip_reg <= 32'd0;
            seq_reg <= 32'd0;
            flags_reg <= 32'd0;
            number_reg <= 16'd0;
            sent_reg <= 20'd0;
            valid_reg <= 1'b0;
        end
    end

    wire unused = &{1'b0, ip_reg[15:0], flags[31:8], last_index[LB-1:0]};

endmodule

`resetall
