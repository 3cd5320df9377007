// Host memory of vnic_pure_bench.v: a Verilog array behind an AXI4 slave with the latencies of hostmem.v and
// none of its checks. Bursts are full-width INCR.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module pure_memory #(
    // Width of the data bus in bits
    parameter DATA_WIDTH = 64,
    parameter ADDR_WIDTH = 64,
    parameter ID_WIDTH = 4,
    // Clock period in nanoseconds
    parameter CLK_NS = 4,
    parameter MEMORY_BYTES = 1 << 21
) (
    input  wire                    clk,
    input  wire                    rst,

    input  wire [ID_WIDTH-1:0]     s_axi_awid,
    input  wire [ADDR_WIDTH-1:0]   s_axi_awaddr,
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
    input  wire                    s_axi_arvalid,
    output wire                    s_axi_arready,
    output wire [ID_WIDTH-1:0]     s_axi_rid,
    output wire [DATA_WIDTH-1:0]   s_axi_rdata,
    output wire [1:0]              s_axi_rresp,
    output wire                    s_axi_rlast,
    output wire                    s_axi_rvalid,
    input  wire                    s_axi_rready
);

localparam BYTES = DATA_WIDTH / 8;
localparam SHIFT = $clog2(BYTES);
localparam READ_NS = 30 * CLK_NS, DATA_NS = 14 * CLK_NS, BACK_NS = 2 * CLK_NS;

reg [DATA_WIDTH-1:0] words [0:MEMORY_BYTES/BYTES-1];
reg [ADDR_WIDTH-1:0] aw_fifo [0:63], ar_fifo [0:63];
reg [ID_WIDTH-1:0] awid_fifo [0:63], arid_fifo [0:63], data_id [0:63], back_id [0:63];
reg [7:0] arlen_fifo [0:63];
reg [5:0] aw_in = 0, aw_out = 0, ar_in = 0, ar_out = 0, ar_ripe = 0;
reg [5:0] data_in = 0, data_ripe = 0, data_out = 0, back_in = 0, back_ripe = 0, back_out = 0;
reg [31:0] w_word = 0, r_word = 0;
reg w_open = 1'b0;
reg [7:0] r_left = 0;
reg r_open = 1'b0;
reg bvalid = 1'b0, rvalid = 1'b0, rlast = 1'b0;
reg [ID_WIDTH-1:0] bid = 0, rid = 0;
reg [DATA_WIDTH-1:0] rdata = 0;
integer lane;
// Beats accepted on the W channel, and when
integer beats = 0;
time first_beat = 0, last_beat = 0;

wire [5:0] aw_room = aw_in - aw_out, ar_room = ar_in - ar_out;
assign s_axi_awready = !rst && aw_room < 32;
assign s_axi_arready = !rst && ar_room < 32;
assign s_axi_wready = aw_in != aw_out || (s_axi_awvalid && s_axi_awready);
assign s_axi_bvalid = bvalid;
assign s_axi_bid = bid;
assign s_axi_bresp = 2'b00;
assign s_axi_rvalid = rvalid;
assign s_axi_rid = rid;
assign s_axi_rdata = rdata;
assign s_axi_rlast = rlast;
assign s_axi_rresp = 2'b00;

wire aw_take = s_axi_awvalid & s_axi_awready;
wire w_take = s_axi_wvalid & s_axi_wready;
wire ar_take = s_axi_arvalid & s_axi_arready;
wire b_due = data_ripe != data_out || back_ripe != back_out;
wire b_step = bvalid ? s_axi_bready : b_due;
wire r_step = rvalid ? s_axi_rready : (ar_ripe != ar_out);
wire step = aw_take | w_take | ar_take | b_step | r_step;

always @(posedge clk) if (step && !rst) begin
    if (aw_take) begin
        aw_fifo[aw_in] = s_axi_awaddr;
        awid_fifo[aw_in] = s_axi_awid;
        aw_in = aw_in + 1;
    end
    if (w_take) begin
        if (!w_open) w_word = aw_fifo[aw_out] >> SHIFT;
        if (&s_axi_wstrb) words[w_word] = s_axi_wdata;
        else for (lane = 0; lane < BYTES; lane = lane + 1) begin
            if (s_axi_wstrb[lane]) words[w_word][8*lane +: 8] = s_axi_wdata[8*lane +: 8];
        end
        w_word = w_word + 1;
        w_open = !s_axi_wlast;
        beats = beats + 1;
        last_beat = $time;
        if (first_beat == 0) first_beat = $time;
        if (s_axi_wlast) begin
            if (awid_fifo[aw_out] == 0) begin
                data_id[data_in] = 0;
                data_in = data_in + 1;
                data_ripe <= #(DATA_NS) data_in;
            end else begin
                back_id[back_in] = awid_fifo[aw_out];
                back_in = back_in + 1;
                back_ripe <= #(BACK_NS) back_in;
            end
            aw_out = aw_out + 1;
        end
    end
    if (ar_take) begin
        ar_fifo[ar_in] = s_axi_araddr;
        arid_fifo[ar_in] = s_axi_arid;
        arlen_fifo[ar_in] = s_axi_arlen;
        ar_in = ar_in + 1;
        ar_ripe <= #(READ_NS) ar_in;
    end
    if (b_step) begin
        bvalid <= b_due;
        if (back_ripe != back_out) begin
            bid <= back_id[back_out];
            back_out = back_out + 1;
        end else if (data_ripe != data_out) begin
            bid <= data_id[data_out];
            data_out = data_out + 1;
        end
    end
    if (r_step) begin
        rvalid <= ar_ripe != ar_out;
        if (ar_ripe != ar_out) begin
            if (!r_open) begin
                r_word = ar_fifo[ar_out] >> SHIFT;
                r_left = arlen_fifo[ar_out];
            end
            rdata <= words[r_word];
            rid <= arid_fifo[ar_out];
            rlast <= r_left == 0;
            r_open = r_left != 0;
            if (r_left == 0) ar_out = ar_out + 1;
            r_word = r_word + 1;
            r_left = r_left - 1;
        end
    end
end

endmodule

`resetall
