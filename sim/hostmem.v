// Host memory of the bench: an AXI4 slave whose bytes are those of Python's HostMemory.
//
// This module decides when a beat happens (latency, back-pressure, the price of a partial cache line);
// hostmem_*.c decide what is in it. Reads are answered in order. Writes of one id are answered in order; a
// write-back (awid != 0) may overtake data (awid 0), as in a real memory system, so a NIC that does not wait
// for the data's response is found out: a write becomes visible with its response.
//
// Plusargs, all in cycles unless said otherwise:
//   read_latency=32       AR handshake to first R beat, at least 2
//   write_latency=16      last W beat of a data write to its response, at least 2
//   writeback_latency=4   the same for every other write
//   line_penalty=0        W channel closed for this long for each cache line that a burst covers in part
//   stall=0               chance of 256 that a channel is held back in a cycle, each channel on its own
//   seed=1                of the stalls
//
// How it is written: in vvp reading a signal in a procedure costs about 100 ns each cycle, a continuous
// assignment costs only when an input changes. So the clocked block stands behind one wire, and latencies are
// delayed assignments instead of counters.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module hostmem #(
    // Width of the data bus in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    parameter ADDR_WIDTH = 64,
    parameter ID_WIDTH = 4,
    // Clock period in nanoseconds
    parameter CLK_NS = 4,
    // Reads and writes that may be in flight, each; at most 62 (hostmem.h says 64)
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

integer read_latency, write_latency, writeback_latency, line_penalty, stall, seed;
integer read_ns, write_ns, writeback_ns;
reg stalling;

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
    if (read_latency < 2 || write_latency < 2 || writeback_latency < 2 || line_penalty < 0
            || stall < 0 || stall > 250) begin
        $hm_fault("bench: a latency is below 2, line_penalty below 0, or stall outside 0..250");
    end
    // A delayed assignment lands after the clock edge it falls on, and its register takes one more.
    read_ns = (read_latency - 2) * CLK_NS;
    write_ns = (write_latency - 2) * CLK_NS;
    writeback_ns = (writeback_latency - 2) * CLK_NS;
    stalling = stall != 0;
    $hm_setup(DATA_WIDTH / 8);
end

// ---- back-pressure: one bit a channel, high = hold ----
reg aw_stall = 1'b0, w_stall = 1'b0, b_stall = 1'b0, ar_stall = 1'b0, r_stall = 1'b0;
reg [31:0] chance, chance_r;
wire stall_clk = clk & stalling;

always @(posedge stall_clk) begin
    chance = $random(seed);
    chance_r = $random(seed);
    aw_stall <= chance[7:0] < stall;
    w_stall <= chance[15:8] < stall;
    b_stall <= chance[23:16] < stall;
    ar_stall <= chance[31:24] < stall;
    r_stall <= chance_r[7:0] < stall;
end

// ---- state; counters run round and only their differences matter ----
reg w_penalty_reg = 1'b0;
reg [7:0] aw_count = 0, wlast_count = 0, b_count = 0;         // accepted, complete, answered
reg [7:0] data_count = 0, data_ripe = 0, data_answered = 0;   // awid 0: complete, due, answered
reg [7:0] back_count = 0, back_ripe = 0, back_answered = 0;   // the rest
reg [7:0] ar_count = 0, ar_ripe = 0, r_count = 0;             // accepted, due, last beat sent
reg [2:0] w_info = 0;
reg [ID_WIDTH+1:0] b_data_info = 0, b_back_info = 0, b_reg = 0;
reg [DATA_WIDTH-1:0] r_data = 0, rdata_reg = 0;
reg [ID_WIDTH+2:0] r_info = 0, r_reg = 0;
reg bvalid_reg = 1'b0, rvalid_reg = 1'b0;

wire [7:0] writes = aw_count - b_count;
wire [7:0] reads = ar_count - r_count;
wire aw_take = s_axi_awvalid & s_axi_awready;
wire w_take = s_axi_wvalid & s_axi_wready;
wire ar_take = s_axi_arvalid & s_axi_arready;
wire data_due = data_ripe != data_answered;
wire back_due = back_ripe != back_answered;
wire r_due = ar_ripe != r_count;
wire b_step = bvalid_reg ? s_axi_bready : (data_due | back_due);
wire r_step = rvalid_reg ? s_axi_rready : r_due;

assign s_axi_awready = !rst & !aw_stall & (writes < OUTSTANDING);
// An address taken in this very cycle opens W already: AW and W may come together, W never before AW.
assign s_axi_wready = !w_stall & !w_penalty_reg & ((aw_count != wlast_count) | aw_take);
assign s_axi_arready = !rst & !ar_stall & (reads < OUTSTANDING);
assign s_axi_bvalid = bvalid_reg;
assign {s_axi_bresp, s_axi_bid} = b_reg;
assign s_axi_rdata = rdata_reg;
assign {s_axi_rlast, s_axi_rresp, s_axi_rid} = r_reg;
assign s_axi_rvalid = rvalid_reg;
assign idle = writes == 0 && reads == 0 && !rvalid_reg;

// ---- what AXI asks of a master: a request, once valid, stays as it is until it is taken ----
wire aw_wait = s_axi_awvalid & !s_axi_awready;
wire w_wait = s_axi_wvalid & !s_axi_wready;
wire ar_wait = s_axi_arvalid & !s_axi_arready;
reg aw_held = 1'b0, w_held = 1'b0, ar_held = 1'b0;
reg [ADDR_WIDTH+ID_WIDTH+7:0] aw_was, ar_was;
reg [DATA_WIDTH+DATA_WIDTH/8:0] w_was;
wire watch = aw_wait | w_wait | ar_wait | aw_held | w_held | ar_held;

wire unknown = (^{s_axi_awvalid, s_axi_wvalid, s_axi_arvalid, s_axi_bready, s_axi_rready}) === 1'bx;

wire step = unknown | watch | aw_take | w_take | ar_take | b_step | r_step;

always @(posedge clk) if (step !== 1'b0 && !rst) begin
    if (unknown) $hm_fault("m_axi: a VALID or READY of the NIC is X or Z");
    if (watch) begin
        if (aw_held && !(s_axi_awvalid && {s_axi_awid, s_axi_awaddr, s_axi_awlen} === aw_was)) begin
            $hm_fault("m_axi: AW changed or was withdrawn before it was taken");
        end
        if (w_held && !(s_axi_wvalid && {s_axi_wlast, s_axi_wstrb, s_axi_wdata} === w_was)) begin
            $hm_fault("m_axi: W changed or was withdrawn before it was taken");
        end
        if (ar_held && !(s_axi_arvalid && {s_axi_arid, s_axi_araddr, s_axi_arlen} === ar_was)) begin
            $hm_fault("m_axi: AR changed or was withdrawn before it was taken");
        end
        aw_held <= aw_wait;
        w_held <= w_wait;
        ar_held <= ar_wait;
        if (aw_wait) aw_was <= {s_axi_awid, s_axi_awaddr, s_axi_awlen};
        if (w_wait) w_was <= {s_axi_wlast, s_axi_wstrb, s_axi_wdata};
        if (ar_wait) ar_was <= {s_axi_arid, s_axi_araddr, s_axi_arlen};
    end

    if (aw_take) begin
        $hm_aw(s_axi_awaddr, s_axi_awid, s_axi_awlen, s_axi_awsize, s_axi_awburst);
        aw_count <= aw_count + 8'd1;
    end

    if (w_take) begin
        if (s_axi_wlast) begin
            $hm_w_last(s_axi_wdata, s_axi_wstrb, w_info);
            wlast_count <= wlast_count + 8'd1;
            if (w_info[0]) begin
                back_count <= back_count + 8'd1;
                back_ripe <= #(writeback_ns) back_count + 8'd1;
            end else begin
                data_count <= data_count + 8'd1;
                data_ripe <= #(write_ns) data_count + 8'd1;
            end
            if (line_penalty != 0 && w_info[2:1] != 0) begin
                w_penalty_reg <= 1'b1;
                w_penalty_reg <= #(w_info[2:1] * line_penalty * CLK_NS) 1'b0;
            end
        end else if (&s_axi_wstrb) begin
            $hm_w(s_axi_wdata);
        end else begin
            $hm_w_part(s_axi_wdata, s_axi_wstrb);
        end
    end

    if (ar_take) begin
        $hm_ar(s_axi_araddr, s_axi_arid, s_axi_arlen, s_axi_arsize, s_axi_arburst);
        ar_count <= ar_count + 8'd1;
        ar_ripe <= #(read_ns) ar_count + 8'd1;
    end

    if (b_step) begin
        if (bvalid_reg) b_count <= b_count + 8'd1;
        bvalid_reg <= 1'b0;
        if (!b_stall) begin
            if (back_due) begin
                $hm_b(1'b1, b_back_info);
                back_answered <= back_answered + 8'd1;
                b_reg <= b_back_info;
                bvalid_reg <= 1'b1;
            end else if (data_due) begin
                $hm_b(1'b0, b_data_info);
                data_answered <= data_answered + 8'd1;
                b_reg <= b_data_info;
                bvalid_reg <= 1'b1;
            end
        end
    end

    if (r_step) begin
        if (r_due && !r_stall) begin
            $hm_r(r_data, r_info);
            rdata_reg <= r_data;
            r_reg <= r_info;
            rvalid_reg <= 1'b1;
            if (r_info[ID_WIDTH+2]) r_count <= r_count + 8'd1;
        end else begin
            rvalid_reg <= 1'b0;
        end
    end
end

endmodule

`resetall
