// SPDX-License-Identifier: Apache-2.0
//
// What the descriptors ask to be done to their frames: keeps the two contexts (8254x SDM 3.3.6) and what
// the packet under way is to be given. It sees the pieces in the gatherer's order. A packet's first
// descriptor decides, beside what the last one says of IC, IFCS and VLE outside a segmentation.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_packet (
    input  wire         clk,
    input  wire         rst,
    input  wire         forget,

    // The gatherer's piece at hand, see vnic_tx_engine: worked on, with that finished, a frame is complete
    input  wire         step,
    input  wire         done,
    input  wire         keep,
    input  wire         e_tso,
    input  wire         e_eop,
    input  wire [127:0] e_desc,
    // IFCS for the frame that is complete with it
    output wire         ifcs,
    // It is the last one of a segmentation
    output wire         tso_over,

    // The packet from its first piece on: {TUCSE, TUCSO, TUCSS, IPCSE, IPCSO, IPCSS}, where a legacy
    // descriptor's checksum is in the place of IP's; sums that may be wanted
    output wire [63:0]  offsets,
    output wire         sum_ip,
    output wire         sum_transport,
    // Segmentation; its header's fields of IP and TCP change with each segment
    output wire         tso,
    output wire         edit_ip,
    output wire         edit_tcp,
    output wire [7:0]   header_len,
    output wire [15:0]  mss,
    output wire [19:0]  payload,

    // The frame last completed: checksums to insert, tag to insert
    output wire         insert_ip,
    output wire         insert_transport,
    output wire         vle,
    output wire [15:0]  special
);

    // Contexts: offsets; {MSS, HDRLEN, TUCMD's IP and TCP, PAYLEN}
    reg [63:0]  normal_reg;
    reg [63:0]  segment_reg;
    reg [45:0]  segment_sizes_reg;

    // The packet under way
    reg         open_reg;
    reg         legacy_reg;
    reg         tso_reg;
    reg         sum_ip_reg;
    reg         sum_transport_reg;
    reg [63:0]  offsets_reg;
    reg [45:0]  sizes_reg;
    reg         ifcs_reg;
    reg         vle_reg;
    reg [15:0]  special_reg;
    // The frame last completed
    reg         ic_reg;
    reg         frame_vle_reg;
    reg [15:0]  frame_special_reg;

    wire        dext = e_desc[93];
    wire        is_context = dext && e_desc[87:84] == 4'd0;
    wire        data = dext && e_desc[87:84] == 4'd1;
    wire        first = step && !open_reg && (!dext || data);
    // Only an only descriptor shows at once that a legacy frame wants no checksum
    wire        may_ic = !e_eop || e_desc[90];

    assign ifcs = e_tso ? ifcs_reg : e_desc[89];
    assign tso_over = done && e_eop && e_tso;
    assign offsets = offsets_reg;
    assign sum_ip = sum_ip_reg;
    assign sum_transport = sum_transport_reg;
    assign tso = tso_reg;
    assign {mss, header_len, edit_ip, edit_tcp, payload} = sizes_reg;
    assign insert_ip = legacy_reg ? ic_reg : sum_ip_reg;
    assign insert_transport = sum_transport_reg;
    assign vle = frame_vle_reg;
    assign special = frame_special_reg;

    wire active = first || done || forget || rst;

    always @(posedge clk) if (active) begin
        if (done && is_context) begin
            if (e_desc[90]) begin
                segment_reg <= e_desc[63:0];
                segment_sizes_reg <= {e_desc[127:104], e_desc[89:88], e_desc[83:64]};
            end else
                normal_reg <= e_desc[63:0];
        end

        if (first) begin
            open_reg <= 1'b1;
            legacy_reg <= !dext;
            tso_reg <= e_tso;
            sum_ip_reg <= dext ? e_desc[104] : may_ic;
            sum_transport_reg <= dext && e_desc[105];
            if (e_tso) begin
                offsets_reg <= segment_reg;
                sizes_reg <= segment_sizes_reg;
                ifcs_reg <= e_desc[89];
                vle_reg <= e_desc[94];
                special_reg <= e_desc[127:112];
            end else if (dext) begin
                if (e_desc[105:104] != 2'd0)
                    offsets_reg <= normal_reg;
            end else if (may_ic)
                offsets_reg <= {48'd0, e_desc[87:80], e_desc[111:104]};
        end
        if (done && e_eop)
            open_reg <= 1'b0;

        if (keep) begin
            ic_reg <= !dext && e_desc[90];
            frame_vle_reg <= e_tso ? vle_reg : e_desc[94];
            frame_special_reg <= e_tso ? special_reg : e_desc[127:112];
        end

        if (rst || forget)
            open_reg <= 1'b0;
        if (rst) begin
            normal_reg <= 64'd0;
            segment_reg <= 64'd0;
            segment_sizes_reg <= 46'd0;
            sum_ip_reg <= 1'b0;
            sum_transport_reg <= 1'b0;
        end
    end

    wire unused = &{1'b0, e_desc};

endmodule

`resetall
