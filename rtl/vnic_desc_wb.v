// SPDX-License-Identifier: Apache-2.0
//
// Descriptor write-back for one ring. Completed descriptors arrive in ring order and are gathered in
// 64-byte lines; a line leaves when it is complete, at the ring's end, or when nothing more is coming.
// The head register moves, and interrupt causes fire, only at the write response: what RDH/TDH say is
// in memory really is (8254x SDM 3.2.6).

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_desc_wb (
    input  wire         clk,
    input  wire         rst,

    // Ring registers
    input  wire [63:0]  ring_base,
    input  wire [19:0]  ring_len,
    input  wire [15:0]  tail,
    input  wire         load_head,
    input  wire [15:0]  load_head_data,

    // Completed descriptor; in_write = 0 only moves the head; in_cause is handed back when visible
    input  wire         in_valid,
    output wire         in_ready,
    input  wire [127:0] in_desc,
    input  wire         in_write,
    // The next descriptor, whenever it comes, is one that is not written
    input  wire         in_hole,
    input  wire [1:0]   in_cause,
    // 1: more will follow without anybody's doing, so keep a partial line waiting
    input  wire         in_more,

    // Write job of 16 to 64 bytes
    output wire         job_valid,
    input  wire         job_ready,
    output wire [63:0]  job_addr,
    output wire [6:0]   job_len,
    // Oldest line whose data the write channel has not sent yet: bytes by address modulo 64
    output wire [511:0] line_data,
    output wire [3:0]   line_strb,
    input  wire         line_pop,
    // Pulse: the oldest job's write response has arrived
    input  wire         job_done,

    // Visible to software
    output wire [15:0]  head,
    output wire         retire,
    output wire [15:0]  retire_free_before,
    output wire [15:0]  retire_free,
    output wire [1:0]   retire_cause,
    output wire         busy
);

    // Line under assembly
    reg [15:0]  idx_reg;
    // Which of its four descriptors are to be written, above them: as the FIFO takes them
    reg [515:0] line_reg;
    wire [3:0]  strb = line_reg[515:512];
    reg [1:0]   cause_reg;
    reg         any_reg;
    reg         full_reg;
    // Address of the line
    reg [57:0]  addr_reg;

    reg [15:0]  head_reg;
    reg [4:0]   done_reg;

    wire [15:0] ring_size = ring_len[19:4];
    wire [15:0] idx_next = idx_reg + 16'd1 == ring_size ? 16'd0 : idx_reg + 16'd1;
    wire [63:0] in_addr = ring_base + {44'd0, idx_reg, 4'd0};
    wire [1:0]  place = in_addr[5:4];

    wire        cmd_full;
    wire        cmd_empty;
    wire        line_full;
    wire        line_empty;
    wire        fly_full;
    wire        fly_empty;

    wire push_ok = !cmd_full && !line_full && !fly_full;
    // A descriptor that is not written ends the line: no burst has a hole
    wire hole = in_hole && strb != 4'd0;
    wire push = any_reg && push_ok && (full_reg || hole || (!in_valid && !in_more));
    wire accept = in_valid && in_ready;
    assign in_ready = (!full_reg && !hole) || push_ok;

    // First and last descriptor to be written
    wire [1:0] low = strb[0] ? 2'd0 : strb[1] ? 2'd1 : strb[2] ? 2'd2 : 2'd3;
    wire [1:0] high = strb[3] ? 2'd3 : strb[2] ? 2'd2 : strb[1] ? 2'd1 : 2'd0;
    wire [2:0] span = {1'b0, high - low} + 3'd1;
    wire       writes = strb != 0;

    wire [15:0] fly_head;
    wire        fly_writes;
    wire [1:0]  fly_cause;

    vnic_fifo #(.WIDTH(71), .DEPTH_LOG2(2)) cmd_fifo (
        .clk(clk), .rst(rst),
        .wr_en(push && writes), .wr_data({addr_reg, low, 4'd0, span, 4'd0}), .full(cmd_full),
        .rd_en(job_valid && job_ready), .rd_data({job_addr, job_len}), .empty(cmd_empty)
    );

    vnic_fifo #(.WIDTH(516), .DEPTH_LOG2(2)) line_fifo (
        .clk(clk), .rst(rst),
        .wr_en(push && writes), .wr_data(line_reg), .full(line_full),
        .rd_en(line_pop), .rd_data({line_strb, line_data}), .empty(line_empty)
    );

    vnic_fifo #(.WIDTH(19), .DEPTH_LOG2(4)) fly_fifo (
        .clk(clk), .rst(rst),
        .wr_en(push), .wr_data({cause_reg, writes, idx_reg}), .full(fly_full),
        .rd_en(retire), .rd_data({fly_cause, fly_writes, fly_head}), .empty(fly_empty)
    );

    assign job_valid = !cmd_empty;

    assign head = head_reg;
    assign retire = !fly_empty && (!fly_writes || done_reg != 0);
    assign retire_cause = fly_cause;
    assign retire_free_before = tail >= head_reg ? tail - head_reg : tail - head_reg + ring_size;
    assign retire_free = tail >= fly_head ? tail - fly_head : tail - fly_head + ring_size;
    assign busy = any_reg || !fly_empty || !line_empty;

    wire active = push || accept || retire || job_done || load_head || rst;

    always @(posedge clk) if (active) begin
        if (push) begin
            any_reg <= 1'b0;
            full_reg <= 1'b0;
            line_reg[515:512] <= 4'd0;
            cause_reg <= 2'd0;
        end
        if (accept) begin
            any_reg <= 1'b1;
            full_reg <= place == 2'd3 || idx_next == 16'd0;
            addr_reg <= in_addr[63:6];
            idx_reg <= idx_next;
            cause_reg <= push ? in_cause : cause_reg | in_cause;
            line_reg[515:512] <= (push ? 4'd0 : strb) | ({3'd0, in_write} << place);
            case (place)
                2'd0: line_reg[127:0] <= in_desc;
                2'd1: line_reg[255:128] <= in_desc;
                2'd2: line_reg[383:256] <= in_desc;
                default: line_reg[511:384] <= in_desc;
            endcase
        end
        if (retire)
            head_reg <= fly_head;
        if (job_done != (retire && fly_writes))
            done_reg <= job_done ? done_reg + 5'd1 : done_reg - 5'd1;

        if (load_head) begin
            idx_reg <= load_head_data;
            head_reg <= load_head_data;
        end
        if (rst) begin
            idx_reg <= 16'd0;
            head_reg <= 16'd0;
            any_reg <= 1'b0;
            full_reg <= 1'b0;
            line_reg[515:512] <= 4'd0;
            cause_reg <= 2'd0;
            done_reg <= 5'd0;
        end
    end

    wire unused = &{1'b0, ring_len[3:0], in_addr[3:0]};

endmodule

`resetall
