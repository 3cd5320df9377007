// SPDX-License-Identifier: Apache-2.0
//
// Interrupt delay: a packet timer that each event restarts (RDTR, TIDV) and an absolute one that the first
// event starts (RADV, TADV). Whichever expires first raises the cause and stops both (8254x SDM 3.2.7.1,
// 3.4.3).

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_irq_delay #(
    // Clock period in ns
    parameter CLK_NS = 4
) (
    input  wire        clk,
    input  wire        clear,

    // Delays in units of 1024 ns; packet 0: at once, bound 0: no bound
    input  wire [15:0] packet,
    input  wire [15:0] bound,

    // The event; an event that does not wait; end a wait now
    input  wire        start,
    input  wire        immediate,
    input  wire        flush,

    // Pulse: raise the cause; level: a timer runs
    output wire        fire,
    output wire        armed
);

    // Clock cycles in a unit, to the nearest
    localparam UNIT = (1024 + CLK_NS / 2) / CLK_NS;
    localparam W = 16 + 11;

    reg         armed_reg;
    reg         fire_reg;
    reg         bound_reg;
    reg [W-1:0] packet_count_reg;
    reg [W-1:0] bound_count_reg;

    assign armed = armed_reg || fire_reg;
    assign fire = fire_reg;

    wire expired = packet_count_reg == 0 || (bound_reg && bound_count_reg == 0);

    function [W-1:0] cycles(input [15:0] units);
        cycles = {{(W-16){1'b0}}, units} * UNIT[W-1:0];
    endfunction

    // One test in an idle cycle: a simulator pays for every signal that a clocked block reads
    wire active = armed_reg || fire_reg || start || immediate || clear;

    always @(posedge clk) if (active) begin
        if (fire_reg)
            fire_reg <= 1'b0;
        if (armed_reg) begin
            packet_count_reg <= packet_count_reg - 1'b1;
            bound_count_reg <= bound_count_reg - 1'b1;
            if (expired || flush) begin
                armed_reg <= 1'b0;
                fire_reg <= 1'b1;
            end
        end
        if (start) begin
            if (packet == 16'd0) begin
                armed_reg <= 1'b0;
                fire_reg <= 1'b1;
            end else if (!(armed_reg && (expired || flush))) begin
                armed_reg <= 1'b1;
                packet_count_reg <= cycles(packet);
                if (!armed_reg) begin
                    bound_reg <= bound != 16'd0;
                    bound_count_reg <= cycles(bound);
                end
            end
        end
        if (immediate) begin
            armed_reg <= 1'b0;
            fire_reg <= 1'b1;
        end
        if (clear) begin
            armed_reg <= 1'b0;
            fire_reg <= 1'b0;
        end
    end

endmodule

`resetall
