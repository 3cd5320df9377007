// Python's hand on the NIC: runs one command at a time, among them AXI4-Lite reads and writes.
//
// Python sets `command` in one go; its bit 0 toggles for each new one. When the command is done `answer` holds
// the result and its bit 0 follows the toggle, so Python waits for one event and reads one value.
//
//   command = {operation[3:0], address[16:0], data[31:0], toggle}
//   answer  = {failed, data[31:0], toggle}
//
//   0 READ     data <- register; failed: SLVERR or DECERR
//   1 WRITE    register <- data; failed as above
//   2 SETTLE   until everything is at rest; failed: not within about `data` cycles
//   3 IRQ      until irq is up; failed: not within `data` cycles
//   4 LINK     phy_link <- data[0]
//   5 RUN      `data` cycles

`resetall
`timescale 1ns / 1ps
`default_nettype none

module reg_master #(
    // Clock period in nanoseconds
    parameter CLK_NS = 4,
    // Cycles that everything must be quiet before it counts as at rest
    parameter REST = 16,
    // Cycles between two ticks of the watchdog of SETTLE and of register accesses
    parameter TICK = 65536
) (
    input  wire        clk,
    input  wire        rst,

    input  wire [53:0] command,
    output wire [33:0] answer,
    // A command is under way
    output wire        active,

    // Everything in the bench is quiet in this cycle
    input  wire        quiet,
    input  wire        irq,
    output wire        phy_link,

    output wire [16:0] m_axil_awaddr,
    output wire [2:0]  m_axil_awprot,
    output wire        m_axil_awvalid,
    input  wire        m_axil_awready,
    output wire [31:0] m_axil_wdata,
    output wire [3:0]  m_axil_wstrb,
    output wire        m_axil_wvalid,
    input  wire        m_axil_wready,
    input  wire [1:0]  m_axil_bresp,
    input  wire        m_axil_bvalid,
    output wire        m_axil_bready,
    output wire [16:0] m_axil_araddr,
    output wire [2:0]  m_axil_arprot,
    output wire        m_axil_arvalid,
    input  wire        m_axil_arready,
    input  wire [31:0] m_axil_rdata,
    input  wire [1:0]  m_axil_rresp,
    input  wire        m_axil_rvalid,
    output wire        m_axil_rready
);

localparam [3:0] READ = 0, WRITE = 1, SETTLE = 2, IRQ = 3, LINK = 4;

wire toggle = command[0];
wire [31:0] data = command[32:1];
wire [16:0] address = command[49:33];
wire [3:0] operation = command[53:50];

reg [33:0] answer_reg = 0;
reg active_reg = 1'b0, phy_link_reg = 1'b1;
reg awvalid_reg = 1'b0, wvalid_reg = 1'b0, arvalid_reg = 1'b0;
reg [31:0] count_reg = 0;
reg [31:0] ticks = 0, deadline_reg = 0;

assign answer = answer_reg;
assign active = active_reg;
assign phy_link = phy_link_reg;
assign m_axil_awaddr = address;
assign m_axil_awprot = 3'b000;
assign m_axil_awvalid = awvalid_reg;
assign m_axil_wdata = data;
assign m_axil_wstrb = 4'b1111;
assign m_axil_wvalid = wvalid_reg;
assign m_axil_bready = 1'b1;
assign m_axil_araddr = address;
assign m_axil_arprot = 3'b000;
assign m_axil_arvalid = arvalid_reg;
assign m_axil_rready = 1'b1;

// Rises after REST quiet cycles, falls at once; and no counter has to run for it
wire at_rest;
assign #(REST * CLK_NS, 0) at_rest = quiet;

always #(TICK * CLK_NS) ticks = ticks + 1;
wire late = ticks > deadline_reg;

// The clocked block below costs next to nothing while a SETTLE waits.
wire asleep = active_reg & (operation == SETTLE) & !at_rest & !late;
wire step = (toggle != answer_reg[0]) & !rst & !asleep;

always @(posedge clk) if (step) begin
    if (!active_reg) begin
        active_reg <= 1'b1;
        count_reg <= 0;
        deadline_reg <= ticks + (operation == SETTLE ? data / TICK + 1 : 1);
        arvalid_reg <= operation == READ;
        awvalid_reg <= operation == WRITE;
        wvalid_reg <= operation == WRITE;
        if (operation == LINK) phy_link_reg <= data[0];
    end else begin
        case (operation)
            READ: begin
                if (m_axil_arready) arvalid_reg <= 1'b0;
                if (m_axil_rvalid) begin
                    if ((^m_axil_rdata) === 1'bx) $hm_fault("s_axil: RDATA holds X or Z");
                    active_reg <= 1'b0;
                    answer_reg <= {m_axil_rresp[1], m_axil_rdata, toggle};
                end
                if (late) $hm_fault("s_axil: a register read is not answered");
            end
            WRITE: begin
                if (m_axil_awready) awvalid_reg <= 1'b0;
                if (m_axil_wready) wvalid_reg <= 1'b0;
                if (m_axil_bvalid) begin
                    active_reg <= 1'b0;
                    answer_reg <= {m_axil_bresp[1], 32'd0, toggle};
                end
                if (late) $hm_fault("s_axil: a register write is not answered");
            end
            SETTLE: begin
                active_reg <= 1'b0;
                answer_reg <= {!at_rest, 32'd0, toggle};
            end
            LINK: begin
                active_reg <= 1'b0;
                answer_reg <= {33'd0, toggle};
            end
            default: begin
                // IRQ, or RUN, which waits for its time alone
                count_reg <= count_reg + 1;
                if ((operation == IRQ && irq) || count_reg == data) begin
                    active_reg <= 1'b0;
                    answer_reg <= {operation == IRQ && !irq, 32'd0, toggle};
                end
            end
        endcase
    end
end

endmodule

`resetall
