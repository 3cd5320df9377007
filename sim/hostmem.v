// Host memory of the bench: an AXI4 slave whose bytes are those of Python's HostMemory.
//
// This module decides when a beat happens (latency, back-pressure, the price of a partial cache line);
// hostmem.c decides what is in it. Reads are answered in order. Writes of one id are answered in order; a
// write-back (awid != 0) may overtake data (awid 0), as in a real memory system, so a NIC that does not wait
// for the data's response is found out: a write becomes visible with its response.
//
// Plusargs, all in cycles unless said otherwise:
//   read_latency=32       AR handshake to first R beat
//   write_latency=16      last W beat of a data write to its response
//   writeback_latency=4   the same for every other write
//   line_penalty=0        W channel closed for this long for each cache line that a burst covers in part
//   stall=0               chance of 256 that a channel is held back in a cycle, each channel on its own
//   seed=1                of the stalls

`resetall
`timescale 1ns / 1ps
`default_nettype none

module hostmem #(
    // Width of the data bus in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    parameter ADDR_WIDTH = 64,
    parameter ID_WIDTH = 4,
    // Reads and writes that may be in flight, each; at most 62 (hostmem.c holds 64)
    parameter OUTSTANDING = 32
) (
    input  wire                    clk,
    input  wire                    rst,

    input  wire [ID_WIDTH-1:0]     s_axi_awid,
    input  wire [ADDR_WIDTH-1:0]   s_axi_awaddr,
    input  wire [7:0]              s_axi_awlen,
    input  wire [2:0]              s_axi_awsize,
    input  wire [1:0]              s_axi_awburst,
    input  wire                    s_axi_awvalid,
    output wire                    s_axi_awready,
    input  wire [DATA_WIDTH-1:0]   s_axi_wdata,
    input  wire [DATA_WIDTH/8-1:0] s_axi_wstrb,
    input  wire                    s_axi_wlast,
    input  wire                    s_axi_wvalid,
    output wire                    s_axi_wready,
    output wire [ID_WIDTH-1:0]     s_axi_bid,
    output wire [1:0]              s_axi_bresp,
    output wire                    s_axi_bvalid,
    input  wire                    s_axi_bready,
    input  wire [ID_WIDTH-1:0]     s_axi_arid,
    input  wire [ADDR_WIDTH-1:0]   s_axi_araddr,
    input  wire [7:0]              s_axi_arlen,
    input  wire [2:0]              s_axi_arsize,
    input  wire [1:0]              s_axi_arburst,
    input  wire                    s_axi_arvalid,
    output wire                    s_axi_arready,
    output wire [ID_WIDTH-1:0]     s_axi_rid,
    output wire [DATA_WIDTH-1:0]   s_axi_rdata,
    output wire [1:0]              s_axi_rresp,
    output wire                    s_axi_rlast,
    output wire                    s_axi_rvalid,
    input  wire                    s_axi_rready,

    // Nothing is in flight
    output wire                    idle
);

localparam SLOTS = 64;

integer read_latency, write_latency, writeback_latency, line_penalty, stall, seed;

initial begin
    read_latency = 32;
    write_latency = 16;
    writeback_latency = 4;
    line_penalty = 0;
    stall = 0;
    seed = 1;
    if ($value$plusargs("read_latency=%d", read_latency)) ;
    if ($value$plusargs("write_latency=%d", write_latency)) ;
    if ($value$plusargs("writeback_latency=%d", writeback_latency)) ;
    if ($value$plusargs("line_penalty=%d", line_penalty)) ;
    if ($value$plusargs("stall=%d", stall)) ;
    if ($value$plusargs("seed=%d", seed)) ;
    if (read_latency < 1 || write_latency < 1 || writeback_latency < 1 || line_penalty < 0
            || stall < 0 || stall > 250) begin
        $hm_fault("bench: a latency is below 1, line_penalty below 0, or stall outside 0..250");
    end
    $hm_setup(DATA_WIDTH / 8);
end

// Blocking variables below are used in the clocked block alone; everything that leaves it is a register.
reg [31:0] cycle = 0;
reg [31:0] chance, chance_r;

// ---- write ----
reg awready_reg = 1'b0;
reg w_hold_reg = 1'b0;               // back-pressure or penalty: W closed
reg [6:0] aw_pending_reg = 0;        // addresses accepted whose last W beat has not come
reg [7:0] penalty = 0;
reg [6:0] write_count = 0;           // accepted, response not taken
reg [31:0] data_due [0:SLOTS-1];
reg [31:0] back_due [0:SLOTS-1];
reg [5:0] data_head = 0, data_tail = 0, back_head = 0, back_tail = 0;
reg [2:0] w_info = 0;
reg [ID_WIDTH+1:0] b_info_data = 0, b_info_back = 0;
reg bvalid_reg = 1'b0;
reg [ID_WIDTH+1:0] b_reg = 0;

wire aw_take = s_axi_awvalid && awready_reg;
wire w_take = s_axi_wvalid && s_axi_wready;

assign s_axi_awready = awready_reg;
// An address taken in this very cycle opens W already: AW and W may come together, W never before AW.
assign s_axi_wready = !w_hold_reg && (aw_pending_reg != 0 || aw_take);
assign s_axi_bvalid = bvalid_reg;
assign {s_axi_bresp, s_axi_bid} = b_reg;

// ---- read ----
reg arready_reg = 1'b0;
reg [6:0] read_count = 0;            // accepted, last beat not taken by the R register
reg [31:0] read_due [0:SLOTS-1];
reg [5:0] read_head = 0, read_tail = 0;
reg [DATA_WIDTH-1:0] r_data = 0;
reg [ID_WIDTH+2:0] r_info = 0;
reg [DATA_WIDTH-1:0] rdata_reg = 0;
reg [ID_WIDTH+2:0] r_reg = 0;
reg rvalid_reg = 1'b0;

assign s_axi_arready = arready_reg;
assign s_axi_rdata = rdata_reg;
assign {s_axi_rlast, s_axi_rresp, s_axi_rid} = r_reg;
assign s_axi_rvalid = rvalid_reg;

reg idle_reg = 1'b0;
assign idle = idle_reg;

// ---- what AXI asks of a master: a request, once valid, stays as it is until it is taken ----
reg aw_held = 1'b0, w_held = 1'b0, ar_held = 1'b0;
reg [ADDR_WIDTH+ID_WIDTH+7:0] aw_was, ar_was;
reg [DATA_WIDTH+DATA_WIDTH/8:0] w_was;

always @(posedge clk) begin
    cycle = cycle + 1;
    if (rst) begin
        awready_reg <= 1'b0;
        arready_reg <= 1'b0;
        idle_reg <= 1'b0;
    end else begin
        chance = 32'hffffffff;
        chance_r = 32'hffffffff;
        if (stall != 0) begin
            chance = $random(seed);
            chance_r = $random(seed);
        end

        if ((^{s_axi_awvalid, s_axi_wvalid, s_axi_arvalid, s_axi_bready, s_axi_rready}) === 1'bx) begin
            $hm_fault("m_axi: a VALID or READY of the NIC is X or Z");
        end
        if (aw_held && !(s_axi_awvalid && {s_axi_awid, s_axi_awaddr, s_axi_awlen} === aw_was)) begin
            $hm_fault("m_axi: AW changed or was withdrawn before it was taken");
        end
        if (w_held && !(s_axi_wvalid && {s_axi_wlast, s_axi_wstrb, s_axi_wdata} === w_was)) begin
            $hm_fault("m_axi: W changed or was withdrawn before it was taken");
        end
        if (ar_held && !(s_axi_arvalid && {s_axi_arid, s_axi_araddr, s_axi_arlen} === ar_was)) begin
            $hm_fault("m_axi: AR changed or was withdrawn before it was taken");
        end
        aw_held = s_axi_awvalid && !awready_reg;
        w_held = s_axi_wvalid && !s_axi_wready;
        ar_held = s_axi_arvalid && !arready_reg;
        if (aw_held) aw_was = {s_axi_awid, s_axi_awaddr, s_axi_awlen};
        if (w_held) w_was = {s_axi_wlast, s_axi_wstrb, s_axi_wdata};
        if (ar_held) ar_was = {s_axi_arid, s_axi_araddr, s_axi_arlen};

        // ---- AW, W ----
        if (aw_take) begin
            $hm_aw(s_axi_awaddr, s_axi_awid, s_axi_awlen, s_axi_awsize, s_axi_awburst);
            write_count = write_count + 1;
        end
        if (penalty != 0) penalty = penalty - 1;
        if (w_take) begin
            if (s_axi_wlast) begin
                $hm_w_last(s_axi_wdata, s_axi_wstrb, w_info);
                if (w_info[0]) begin
                    back_due[back_tail] = cycle + writeback_latency - 1;
                    back_tail = back_tail + 1;
                end else begin
                    data_due[data_tail] = cycle + write_latency - 1;
                    data_tail = data_tail + 1;
                end
                penalty = w_info[2:1] * line_penalty;
            end else if (&s_axi_wstrb) begin
                $hm_w(s_axi_wdata);
            end else begin
                $hm_w_part(s_axi_wdata, s_axi_wstrb);
            end
        end
        if (aw_take != (w_take && s_axi_wlast)) begin
            aw_pending_reg <= aw_take ? aw_pending_reg + 1 : aw_pending_reg - 1;
        end
        w_hold_reg <= penalty != 0 || chance[7:0] < stall;

        // ---- B ----
        if (bvalid_reg && s_axi_bready) write_count = write_count - 1;
        if (!bvalid_reg || s_axi_bready) begin
            bvalid_reg <= 1'b0;
            if (chance[15:8] >= stall) begin
                if (back_head != back_tail && back_due[back_head] <= cycle) begin
                    $hm_b(1'b1, b_info_back);
                    back_head = back_head + 1;
                    b_reg <= b_info_back;
                    bvalid_reg <= 1'b1;
                end else if (data_head != data_tail && data_due[data_head] <= cycle) begin
                    $hm_b(1'b0, b_info_data);
                    data_head = data_head + 1;
                    b_reg <= b_info_data;
                    bvalid_reg <= 1'b1;
                end
            end
        end
        awready_reg <= write_count < OUTSTANDING - 1 && chance[23:16] >= stall;

        // ---- AR, R ----
        if (s_axi_arvalid && arready_reg) begin
            $hm_ar(s_axi_araddr, s_axi_arid, s_axi_arlen, s_axi_arsize, s_axi_arburst);
            read_due[read_tail] = cycle + read_latency - 1;
            read_tail = read_tail + 1;
            read_count = read_count + 1;
        end
        if (!rvalid_reg || s_axi_rready) begin
            if (read_head != read_tail && read_due[read_head] <= cycle && chance_r[7:0] >= stall) begin
                $hm_r(r_data, r_info);
                rdata_reg <= r_data;
                r_reg <= r_info;
                rvalid_reg <= 1'b1;
                if (r_info[ID_WIDTH+2]) begin
                    read_head = read_head + 1;
                    read_count = read_count - 1;
                end
            end else begin
                rvalid_reg <= 1'b0;
            end
        end
        arready_reg <= read_count < OUTSTANDING - 1 && chance[31:24] >= stall;

        idle_reg <= write_count == 0 && read_count == 0 && !rvalid_reg;
    end
end

endmodule

`resetall
