// SPDX-License-Identifier: Apache-2.0
//
// Interrupts: ICR, ITR, ICS, IMS, IMC and the delay registers RDTR, RADV, TIDV, TADV (8254x SDM 13.4.17 to
// 13.4.21, 30, 31, 41, 44). A cause that comes while ICR is read is kept.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_irq #(
    // Clock period in ns
    parameter CLK_NS = 4
) (
    input  wire        clk,
    input  wire        clear,

    // Register bus
    input  wire        reg_act,
    input  wire        reg_wr,
    input  wire        reg_rd,
    input  wire [16:0] reg_addr,
    input  wire [31:0] reg_wdata,
    output wire [31:0] reg_rdata,

    // Causes, pulses
    input  wire        rx_eop,
    input  wire        rx_dmt0,
    input  wire        rx_missed,
    input  wire        tx_dw,
    input  wire        tx_dw_ide,
    input  wire        tx_qe,
    input  wire        lsc,
    input  wire        mdac,

    // Interrupt line; level: a delay timer runs
    output wire        irq,
    output wire        armed
);

    // Clock cycles in ITR's unit of 256 ns, to the nearest
    localparam UNIT = (256 + CLK_NS / 2) / CLK_NS;
    localparam W = 16 + 9;

    reg [16:0]  icr_reg;
    reg [16:0]  ims_reg;
    reg [15:0]  itr_reg;
    reg [15:0]  rdtr_reg;
    reg [15:0]  radv_reg;
    reg [15:0]  tidv_reg;
    reg [15:0]  tadv_reg;
    reg [W-1:0] throttle_reg;
    reg         irq_reg;
    reg [31:0]  rdata_reg;

    wire        rx_fire;
    wire        rx_armed;
    wire        tx_fire;
    wire        tx_armed;

    assign reg_rdata = rdata_reg;
    assign irq = irq_reg;
    assign armed = rx_armed || tx_armed;

    wire unused = &{1'b0, reg_wdata[30:17]};

    wire pending = |(icr_reg & ims_reg);
    wire throttled = throttle_reg != 0;
    wire event_any = rx_fire || rx_dmt0 || rx_missed || tx_fire || tx_qe || lsc || mdac;

    // RDTR.FPD ends a wait
    wire flush = reg_wr && reg_addr == `VNIC_RDTR && reg_wdata[`VNIC_RDTR__FPD];

    function [16:0] causes(input dw, input qe, input ls, input dmt0, input missed, input timer, input md);
        begin
            causes = 17'd0;
            causes[`VNIC_ICR__TXDW] = dw;
            causes[`VNIC_ICR__TXQE] = qe;
            causes[`VNIC_ICR__LSC] = ls;
            causes[`VNIC_ICR__RXDMT0] = dmt0;
            causes[`VNIC_ICR__RXO] = missed;
            causes[`VNIC_ICR__RXT0] = timer;
            causes[`VNIC_ICR__MDAC] = md;
        end
    endfunction

    vnic_irq_delay #(.CLK_NS(CLK_NS)) rx_delay (
        .clk(clk), .clear(clear), .packet(rdtr_reg), .bound(radv_reg),
        .start(rx_eop), .immediate(1'b0), .flush(flush), .fire(rx_fire), .armed(rx_armed)
    );

    vnic_irq_delay #(.CLK_NS(CLK_NS)) tx_delay (
        .clk(clk), .clear(clear), .packet(tidv_reg), .bound(tadv_reg),
        .start(tx_dw_ide), .immediate(tx_dw), .flush(1'b0), .fire(tx_fire), .armed(tx_armed)
    );

    // Causes that stay when this access clears some, and causes that it sets
    reg [16:0] kept;
    reg [16:0] set;
    always @* begin
        kept = icr_reg;
        set = 17'd0;
        if (reg_rd && reg_addr == `VNIC_ICR)
            kept = 17'd0;
        if (reg_wr && reg_addr == `VNIC_ICR)
            kept = icr_reg & ~reg_wdata[16:0];
        if (reg_wr && reg_addr == `VNIC_ICS)
            set = reg_wdata[`VNIC_ICS__CAUSES];
    end

    // One test in an idle cycle: a simulator pays for every signal that a clocked block reads
    wire active = reg_act || event_any || pending != irq_reg || throttled;

    always @(posedge clk) if (active) begin
        if (event_any || reg_act)
            icr_reg <= kept | set | causes(tx_fire, tx_qe, lsc, rx_dmt0, rx_missed, rx_fire, mdac);

        // The line rises at most once in an ITR interval; it falls with its causes
        if (pending != irq_reg) begin
            if (!pending)
                irq_reg <= 1'b0;
            else if (!throttled) begin
                irq_reg <= 1'b1;
                throttle_reg <= {{(W-16){1'b0}}, itr_reg} * UNIT[W-1:0];
            end
        end
        if (throttled)
            throttle_reg <= throttle_reg - 1'b1;

        if (reg_act) begin
            if (reg_wr)
                case (reg_addr)
                    `VNIC_ITR: begin
                        itr_reg <= reg_wdata[`VNIC_ITR__INTERVAL];
                        throttle_reg <= {W{1'b0}};
                    end
                    `VNIC_IMS: ims_reg <= ims_reg | reg_wdata[`VNIC_IMS__CAUSES];
                    `VNIC_IMC: ims_reg <= ims_reg & ~reg_wdata[`VNIC_IMC__CAUSES];
                    `VNIC_RDTR: rdtr_reg <= reg_wdata[`VNIC_RDTR__DELAY];
                    `VNIC_RADV: radv_reg <= reg_wdata[`VNIC_RADV__DELAY];
                    `VNIC_TIDV: tidv_reg <= reg_wdata[`VNIC_TIDV__DELAY];
                    `VNIC_TADV: tadv_reg <= reg_wdata[`VNIC_TADV__DELAY];
                    default: ;
                endcase
            if (reg_rd)
                case (reg_addr)
                    `VNIC_ICR: rdata_reg <= {15'd0, icr_reg};
                    `VNIC_ITR: rdata_reg <= {16'd0, itr_reg};
                    `VNIC_IMS: rdata_reg <= {15'd0, ims_reg};
                    `VNIC_RDTR: rdata_reg <= {16'd0, rdtr_reg};
                    `VNIC_RADV: rdata_reg <= {16'd0, radv_reg};
                    `VNIC_TIDV: rdata_reg <= {16'd0, tidv_reg};
                    `VNIC_TADV: rdata_reg <= {16'd0, tadv_reg};
                    default: rdata_reg <= 32'd0;
                endcase
            if (clear) begin
                icr_reg <= 17'd0;
                ims_reg <= 17'd0;
                itr_reg <= 16'd0;
                rdtr_reg <= 16'd0;
                radv_reg <= 16'd0;
                tidv_reg <= 16'd0;
                tadv_reg <= 16'd0;
                throttle_reg <= {W{1'b0}};
                irq_reg <= 1'b0;
            end
        end
    end

endmodule

`resetall
