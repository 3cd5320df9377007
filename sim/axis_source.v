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
    parameter DATA_WIDTH = 64,
    // Clock period in nanoseconds
    parameter CLK_NS = 4
) (
    input  wire                    clk,
    input  wire                    rst,

    // Rises when Python may have queued frames
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
// Cycles until a frame's end shows in fifo_free
localparam LAG = 16;
// Blocks kept free for what the NIC's input pipeline rounds up
localparam MARGIN = 4;

integer rx_stall, seed;
reg stalling;

initial begin
    rx_stall = 0;
    seed = 1;
    if ($value$plusargs("rx_stall=%d", rx_stall)) ;
    if ($value$plusargs("seed=%d", seed)) ;
    if (rx_stall < 0 || rx_stall > 250) $hm_fault("bench: rx_stall outside 0..250");
    seed = seed + 7919;
    stalling = rx_stall != 0;
end

reg stall = 1'b0;
reg [31:0] chance;
wire stall_clk = clk & stalling;

always @(posedge stall_clk) begin
    chance = $random(seed);
    stall <= chance[7:0] < rx_stall;
end

reg [DATA_WIDTH-1:0] beat = 0, tdata_reg = 0;
reg [DATA_WIDTH/8-1:0] keep = 0, tkeep_reg = 0;
reg [15:0] info = 0;
reg [12:0] peek = 0;
reg tvalid_reg = 1'b0;
reg [1:0] ctl_reg = 0;               // tuser, tlast
reg inside_reg = 1'b0;               // between the first and the last beat of a frame
reg waiting_reg = 1'b0;
reg [15:0] blocks_reg = 0;           // of the frame that waits
reg [15:0] sent_blocks = 0, seen_blocks = 0;

assign m_axis_tdata = tdata_reg;
assign m_axis_tkeep = tkeep_reg;
assign m_axis_tvalid = tvalid_reg;
assign {m_axis_tuser, m_axis_tlast} = ctl_reg;
assign idle = !waiting_reg & !inside_reg & !tvalid_reg;

// Rises after REST quiet cycles, falls at once
wire nic_rests;
assign #(REST * CLK_NS, 0) nic_rests = !nic_busy & !tvalid_reg;

// What ended less than LAG cycles ago may not be in fifo_free yet
wire [15:0] unseen = sent_blocks - seen_blocks;
wire fits = fifo_free >= blocks_reg + unseen + MARGIN;
wire more = !stall & (inside_reg | (waiting_reg & (fits | nic_rests)));
wire step = tvalid_reg ? m_axis_tready : more;

always @(posedge clk) begin
    if (step) begin
        tvalid_reg <= more;
        if (more) begin
            $rx_beat(beat, keep, info);
            tdata_reg <= beat;
            // Not the beats in between: nothing but the data changes there
            if (info[15]) begin
                tkeep_reg <= keep;
                ctl_reg <= info[14:13];
                inside_reg <= !info[13];
                if (info[13]) begin
                    waiting_reg <= info[12];
                    blocks_reg <= info[11:0];
                    sent_blocks <= sent_blocks + blocks_reg;
                    seen_blocks <= #(LAG * CLK_NS) sent_blocks + blocks_reg;
                end
            end
        end
    end
end

always @(posedge look) begin
    if (idle) begin
        $rx_peek(peek);
        waiting_reg <= peek[12];
        blocks_reg <= peek[11:0];
    end
end

endmodule

`resetall
