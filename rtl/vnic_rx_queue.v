// SPDX-License-Identifier: Apache-2.0
//
// Records of the frames in the receive FIFO, oldest first, and the count for RNBC: a frame that is in the
// FIFO, or enters it, while the oldest one finds no descriptor is counted once. Frames not counted yet
// are always the newest, so their number is all that has to be kept.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_rx_queue #(
    // Room for 2**DEPTH_LOG2 frames
    parameter DEPTH_LOG2 = 10
) (
    input  wire        clk,
    input  wire        rst,

    input  wire        push,
    input  wire [18:0] push_record,
    input  wire        pop,
    output wire [18:0] record,
    output wire        valid,

    // The oldest frame wants a descriptor and there is none
    input  wire        stalled,
    output wire [15:0] rnbc_inc,
    output wire        busy
);

    localparam W = DEPTH_LOG2 + 1;

    reg [W-1:0] count_reg;
    reg [W-1:0] fresh_reg;
    reg [W-1:0] inc_reg;
    wire        empty;
    wire        full;

    vnic_fifo #(.WIDTH(19), .DEPTH_LOG2(DEPTH_LOG2)) fifo (
        .clk(clk), .rst(rst),
        .wr_en(push), .wr_data(push_record), .full(full),
        .rd_en(pop), .rd_data(record), .empty(empty)
    );

    assign valid = !empty;
    assign busy = inc_reg != 0 || (stalled && fresh_reg != 0);
    assign rnbc_inc = {{(16-W){1'b0}}, inc_reg};

    wire active = push || pop || busy || rst;

    always @(posedge clk) if (active) begin
        if (push != pop)
            count_reg <= push ? count_reg + 1'b1 : count_reg - 1'b1;
        if (stalled) begin
            inc_reg <= fresh_reg;
            fresh_reg <= {{(W-1){1'b0}}, push};
        end else begin
            inc_reg <= {W{1'b0}};
            if (push && !(pop && fresh_reg == count_reg))
                fresh_reg <= fresh_reg + 1'b1;
            else if (!push && pop && fresh_reg == count_reg)
                fresh_reg <= fresh_reg - 1'b1;
        end
        if (rst) begin
            count_reg <= {W{1'b0}};
            fresh_reg <= {W{1'b0}};
            inc_reg <= {W{1'b0}};
        end
    end

    // One record a 64-byte block at most: it cannot overflow
    wire unused = &{1'b0, full};

endmodule

`resetall
