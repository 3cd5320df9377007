// SPDX-License-Identifier: Apache-2.0
//
// Cuts transmit descriptors into pieces for the engine. A legacy descriptor, and a data descriptor outside
// a segmentation, is one piece and costs no cycle. In a TCP segmentation (8254x SDM 3.5) a piece ends with
// the prototype header, with each segment and with the descriptor. Keeps the segmentation context and
// counts segmentations.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_cut (
    input  wire         clk,
    input  wire         rst,
    // A descriptor of which some pieces are out is finished even without it
    input  wire         en,
    // Forget the packet under way
    input  wire         forget,

    // Descriptors
    input  wire         desc_valid,
    output wire         desc_ready,
    input  wire [127:0] desc,

    // Piece: its descriptor, where and how long it is
    output wire         piece_valid,
    input  wire         piece_ready,
    output wire [127:0] piece_desc,
    output wire [63:0]  piece_addr,
    output wire [19:0]  piece_len,
    // No data to read; last piece of its descriptor; that has EOP
    output wire         piece_none,
    output wire         piece_last,
    output wire         piece_eop,
    // With it a frame, a segment or (head) a prototype header is complete; or (drop) is given up
    output wire         piece_end,
    output wire         piece_drop,
    output wire         piece_tso,
    output wire         piece_head,
    // The frame that it ends has a checksum or a tag to be inserted
    output wire         piece_edit,
    // Bytes of the segment that it belongs to, header included
    output wire [14:0]  segment_bytes,

    // A descriptor is at hand
    output wire         busy,
    // A segmentation is over: with as many bytes as the context announced, or not
    output wire         ev_tsctc,
    output wire         ev_tsctfc
);

    // Bytes of the header buffer, shortest MSS, longest frame: SDM 3.5.9, 3.3.3; docs/deviations.md
    localparam [7:0]  MAX_HEADER = 8'd240;
    localparam [15:0] MIN_MSS = 16'd16;
    localparam [20:0] MAX_FRAME = 21'd16288;

    // Segmentation context: header, MSS, payload; the last two do not matter where there is no header
    reg [7:0]   ctx_header_reg;
    reg [15:0]  ctx_mss_reg;
    reg [19:0]  ctx_payload_reg;

    wire [19:0] ctx_part = {4'd0, ctx_mss_reg} < ctx_payload_reg ? {4'd0, ctx_mss_reg} : ctx_payload_reg;
    wire        ctx_valid = ctx_header_reg != 8'd0 && ctx_header_reg <= MAX_HEADER && ctx_mss_reg >= MIN_MSS
                            && ctx_payload_reg != 20'd0
                            && {13'd0, ctx_header_reg} + {1'b0, ctx_part} <= MAX_FRAME;

    // A packet is under way; its kind; what its first descriptor asks for
    reg         open_reg;
    reg         tso_reg;
    reg         legacy_reg;
    reg         edit_reg;
    // Segmentation: the context is good, header still incomplete, more came than announced
    reg         good_reg;
    reg         head_reg;
    reg         excess_reg;
    reg [7:0]   header_reg;
    reg [15:0]  mss_reg;
    // Bytes to the end of header or segment; of the segment; of the segments after it
    reg [15:0]  need_reg;
    reg [15:0]  size_reg;
    reg [19:0]  rest_reg;
    // Inside a descriptor: what is left of it
    reg         mid_reg;
    reg [127:0] hold_reg;
    reg [63:0]  addr_reg;
    reg [19:0]  left_reg;

    // The descriptor at hand
    wire [127:0] d = mid_reg ? hold_reg : desc;
    wire         dext = d[93];
    wire         is_context = dext && d[87:84] == 4'd0;
    wire         data = dext && d[87:84] == 4'd1;
    wire         member = !dext || data;
    wire         eop = member && d[88];
    wire         tse = d[90];
    wire [19:0]  len = {dext ? d[83:80] : 4'd0, d[79:64]};

    wire         valid = mid_reg || (desc_valid && en);
    // A segmentation starts: one cycle to take a copy of the context
    wire         starts = valid && data && tse && !open_reg;
    wire         tso = tso_reg && member;

    // Pieces of a segmentation
    wire [63:0]  addr = mid_reg ? addr_reg : d[63:0];
    wire [19:0]  left = mid_reg ? left_reg : tso_reg ? len : 20'd0;
    wire         wants = need_reg != 16'd0;
    wire         short = left < {4'd0, need_reg};
    wire         reached = wants && !short;
    wire [15:0]  take = short ? left[15:0] : need_reg;
    wire         tso_last = !reached || left == {4'd0, need_reg};
    wire         complete = wants ? reached && !head_reg && rest_reg == 20'd0
                                  : good_reg && !excess_reg && left == 20'd0;
    wire [15:0]  next_size = {4'd0, mss_reg} < rest_reg ? mss_reg : rest_reg[15:0];

    wire         go = piece_valid && piece_ready;
    wire         over = go && tso && piece_last && eop;

    assign busy = valid;
    assign piece_valid = valid && !starts;
    assign desc_ready = en && !mid_reg && !starts && piece_ready;
    assign piece_desc = d;
    assign piece_addr = addr;
    assign piece_len = tso ? {4'd0, take} : member ? len : 20'd0;
    assign piece_none = tso ? !wants || left == 20'd0 : !member || len == 20'd0;
    assign piece_last = !tso || tso_last;
    assign piece_eop = eop && piece_last;
    assign piece_end = tso ? reached || piece_eop : eop;
    // What is incomplete at EOP, a header without payload included, is given up
    assign piece_drop = tso && piece_eop && !(reached && !head_reg);
    assign piece_tso = tso;
    assign piece_head = tso && head_reg;
    // TSO: all by the first descriptor. Else VLE and IC by the last one, POPTS by the first.
    assign piece_edit = tso ? edit_reg
                            : d[94] || (open_reg ? edit_reg : data && d[105:104] != 2'd0)
                              || (!dext && tse && (legacy_reg || !open_reg));
    assign segment_bytes = {7'd0, header_reg} + size_reg[14:0];
    assign ev_tsctc = over && complete;
    assign ev_tsctfc = over && !complete;

    wire active = go || starts || forget || rst;

    always @(posedge clk) if (active) begin
        if (go && is_context && tse) begin
            ctx_mss_reg <= d[127:112];
            ctx_header_reg <= d[111:104];
            ctx_payload_reg <= d[83:64];
        end

        if (starts) begin
            open_reg <= 1'b1;
            tso_reg <= 1'b1;
            edit_reg <= d[94] || d[105:104] != 2'd0;
            good_reg <= ctx_valid;
            head_reg <= ctx_valid;
            excess_reg <= 1'b0;
            header_reg <= ctx_header_reg;
            mss_reg <= ctx_mss_reg;
            need_reg <= ctx_valid ? {8'd0, ctx_header_reg} : 16'd0;
            size_reg <= 16'd0;
            rest_reg <= ctx_payload_reg;
        end else if (go && member) begin
            open_reg <= !piece_eop;
            if (!open_reg) begin
                legacy_reg <= !dext;
                edit_reg <= data && d[105:104] != 2'd0;
            end
        end

        if (go && tso) begin
            mid_reg <= !piece_last;
            if (!mid_reg && !piece_last)
                hold_reg <= d;
            addr_reg <= addr + {48'd0, take};
            // Not on at address 0: see vnic_axi_split
            if (&addr[63:16] && {1'b0, addr[15:0]} + {1'b0, take} > 17'h0FFFF)
                addr_reg[63:12] <= {52{1'b1}};
            left_reg <= left - {4'd0, take};
            if (reached) begin
                head_reg <= 1'b0;
                need_reg <= next_size;
                size_reg <= next_size;
                rest_reg <= rest_reg - {4'd0, next_size};
            end else if (wants)
                need_reg <= need_reg - take;
            else if (left != 20'd0)
                excess_reg <= 1'b1;
            if (piece_eop)
                tso_reg <= 1'b0;
        end

        if (rst || forget) begin
            open_reg <= 1'b0;
            tso_reg <= 1'b0;
        end
        if (rst) begin
            mid_reg <= 1'b0;
            ctx_header_reg <= 8'd0;
        end
    end

    wire unused = &{1'b0, size_reg[15]};

endmodule

`resetall
