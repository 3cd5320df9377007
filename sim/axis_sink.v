// The line from the NIC: collects transmitted frames for Python, a beat a cycle.
//
// Plusargs: tx_stall=0 (chance of 256 that a cycle takes no beat), seed=1.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module axis_sink #(
    // Width of the data bus in bits
    parameter DATA_WIDTH = 64
) (
    input  wire                    clk,
    input  wire                    rst,

    input  wire [DATA_WIDTH-1:0]   s_axis_tdata,
    input  wire [DATA_WIDTH/8-1:0] s_axis_tkeep,
    input  wire                    s_axis_tvalid,
    output wire                    s_axis_tready,
    input  wire                    s_axis_tlast
);

integer tx_stall, seed;
reg stalling;

initial begin
    tx_stall = 0;
    seed = 1;
    if ($value$plusargs("tx_stall=%d", tx_stall)) ;
    if ($value$plusargs("seed=%d", seed)) ;
    if (tx_stall < 0 || tx_stall > 250) $hm_fault("bench: tx_stall outside 0..250");
    seed = seed + 104729;
    stalling = tx_stall != 0;
end

reg stall = 1'b0;
reg [31:0] chance;
wire stall_clk = clk & stalling;

always @(posedge stall_clk) begin
    chance = $random(seed);
    stall <= chance[7:0] < tx_stall;
end

assign s_axis_tready = !rst & !stall;

reg held = 1'b0;
reg [DATA_WIDTH+DATA_WIDTH/8:0] was;
wire take = s_axis_tvalid & s_axis_tready;
wire wait_now = s_axis_tvalid & !s_axis_tready;
wire watch = held | wait_now;
wire unknown = (^s_axis_tvalid) === 1'bx;
wire step = unknown | take | watch;

always @(posedge clk) if (step !== 1'b0 && !rst) begin
    if (unknown) $hm_fault("m_axis_tx: TVALID is X or Z");
    if (watch) begin
        if (held && !(s_axis_tvalid && {s_axis_tlast, s_axis_tkeep, s_axis_tdata} === was)) begin
            $hm_fault("m_axis_tx: a beat changed or was withdrawn before it was taken");
        end
        held <= wait_now;
        if (wait_now) was <= {s_axis_tlast, s_axis_tkeep, s_axis_tdata};
    end
    if (take) begin
        if (s_axis_tlast || !(&s_axis_tkeep)) $tx_part(s_axis_tdata, s_axis_tkeep, s_axis_tlast);
        else $tx_beat(s_axis_tdata);
    end
end

endmodule

`resetall
