// The line towards the NIC: takes frames from the queue that Python fills in batches and sends a beat a cycle.
//
// A real line drops frames when the NIC's FIFO is full. Here a frame is held back until it fits, as long as
// the NIC can still make room by itself: then Verilog NIC and behavioural NIC, whose DMA takes no time, drop
// the same frames. Once the NIC has come to rest (it waits for the driver) a frame is sent whether it fits or not.
//
// Plusargs: rx_stall=0 (chance of 256 that no new beat is offered in a cycle), seed=1.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module axis_source #(
    // Width of the data bus in bits
    parameter DATA_WIDTH = 64
) (
    input  wire                    clk,
    input  wire                    rst,

    // Python may have queued frames: look
    input  wire                    look,
    // The NIC still works on something
    input  wire                    nic_busy,
    // 64-byte blocks free in the NIC's receive FIFO
    input  wire [15:0]             fifo_free,

    output wire [DATA_WIDTH-1:0]   m_axis_tdata,
    output wire [DATA_WIDTH/8-1:0] m_axis_tkeep,
    output wire                    m_axis_tvalid,
    input  wire                    m_axis_tready,
    output wire                    m_axis_tlast,
    output wire                    m_axis_tuser,

    // Nothing is queued or under way
    output wire                    idle
);

// Cycles at rest after which the NIC will make no more room by itself
localparam REST = 32;
// Cycles until a frame's end shows in fifo_free; a power of two
localparam LAG = 16;
// Blocks kept free for what the NIC's input pipeline rounds up
localparam MARGIN = 4;

integer rx_stall, seed;

initial begin
    rx_stall = 0;
    seed = 1;
    if ($value$plusargs("rx_stall=%d", rx_stall)) ;
    if ($value$plusargs("seed=%d", seed)) ;
    if (rx_stall < 0 || rx_stall > 250) $hm_fault("bench: rx_stall outside 0..250");
    seed = seed + 7919;
end

reg [DATA_WIDTH-1:0] tdata_reg = 0;
reg [DATA_WIDTH/8-1:0] tkeep_reg = 0;
reg tvalid_reg = 1'b0, tlast_reg = 1'b0, tuser_reg = 1'b0;

assign m_axis_tdata = tdata_reg;
assign m_axis_tkeep = tkeep_reg;
assign m_axis_tvalid = tvalid_reg;
assign m_axis_tlast = tlast_reg;
assign m_axis_tuser = tuser_reg;

reg idle_reg = 1'b0;
assign idle = idle_reg;

// Blocking variables, used in the clocked block alone.
reg [DATA_WIDTH-1:0] beat = 0;
reg [DATA_WIDTH/8-1:0] keep = 0;
reg [14:0] info = 0;
reg [12:0] peek = 0;
reg waiting = 1'b0, inside = 1'b0;
reg [15:0] blocks = 0;               // of the frame that waits
reg [15:0] recent = 0, older = 0;    // blocks of frames that ended in this LAG window or the one before: perhaps not in fifo_free yet
reg [4:0] window = 0;
reg [7:0] rest = 0;
reg [31:0] chance;
reg go;

always @(posedge clk) begin
    if (rst) begin
        tvalid_reg <= 1'b0;
        idle_reg <= 1'b0;
    end else begin
        if (look && !waiting && !inside) begin
            $rx_peek(peek);
            waiting = peek[12];
            blocks = peek[11:0];
        end

        window = window + 1;
        if (window == LAG) begin
            window = 0;
            older = recent;
            recent = 0;
        end
        if (nic_busy || tvalid_reg) rest = 0;
        else if (rest != REST) rest = rest + 1;

        if (!tvalid_reg || m_axis_tready) begin
            go = inside || (waiting && (rest == REST || fifo_free >= blocks + recent + older + MARGIN));
            if (go && rx_stall != 0) begin
                chance = $random(seed);
                go = chance[7:0] >= rx_stall;
            end
            if (go) begin
                $rx_beat(beat, keep, info);
                tdata_reg <= beat;
                tkeep_reg <= keep;
                tuser_reg <= info[14];
                tlast_reg <= info[13];
                tvalid_reg <= 1'b1;
                rest = 0;
                inside = !info[13];
                if (info[13]) begin
                    recent = recent + blocks;
                    waiting = info[12];
                    blocks = info[11:0];
                end
            end else begin
                tvalid_reg <= 1'b0;
            end
        end
        idle_reg <= !waiting && !inside && !tvalid_reg;
    end
end

endmodule

`resetall
