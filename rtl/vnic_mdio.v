// SPDX-License-Identifier: Apache-2.0
//
// MDIC and the PHY behind it: a copper PHY of the Marvell 88E1011 kind at address 1, always at 1000 Mb/s
// full duplex (8254x SDM 13.4.7; IEEE 802.3 clause 22). An access is over before its write is answered;
// auto-negotiation is complete as soon as there is a link.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_mdio (
    input  wire        clk,
    // Power-up: resets the PHY; clear: resets the controller's own register
    input  wire        rst,
    input  wire        clear,

    // Register bus
    input  wire        reg_act,
    input  wire        reg_wr,
    input  wire        reg_rd,
    input  wire [16:0] reg_addr,
    input  wire [31:0] reg_wdata,
    output wire [31:0] reg_rdata,

    // Reset of the PHY (pulse), carrier (asynchronous)
    input  wire        phy_rst,
    input  wire        phy_link,
    // Link, PHY loopback; the carrier is on its way through the synchronizer; pulse: ICR.MDAC
    output wire        link,
    output wire        loopback,
    output wire        changing,
    output wire        mdac
);

    localparam [4:0] PHY_ADDRESS = 5'd1;

    localparam [4:0] BMCR = 5'd0;     // control
    localparam [4:0] BMSR = 5'd1;     // status
    localparam [4:0] PHYID1 = 5'd2;
    localparam [4:0] PHYID2 = 5'd3;
    localparam [4:0] ANAR = 5'd4;     // auto-negotiation advertisement
    localparam [4:0] ANLPAR = 5'd5;   // link partner's ability
    localparam [4:0] ANER = 5'd6;     // auto-negotiation expansion
    localparam [4:0] GCON = 5'd9;     // 1000BASE-T control
    localparam [4:0] GSTATUS = 5'd10; // 1000BASE-T status
    localparam [4:0] ESTATUS = 5'd15; // extended status
    localparam [4:0] PSCR = 5'd16;    // Marvell: PHY specific control
    localparam [4:0] PSSR = 5'd17;    // Marvell: PHY specific status
    localparam [4:0] IER = 5'd18;     // Marvell: interrupt enable
    localparam [4:0] EPSCR = 5'd20;   // Marvell: extended control
    localparam [4:0] PAGE = 5'd29;    // Marvell: page select
    localparam [4:0] GENERAL = 5'd30; // Marvell: general control

    reg [15:0] bmcr_reg, anar_reg, gcon_reg, pscr_reg, ier_reg, epscr_reg, page_reg, general_reg;
    reg [1:0]  carrier_reg;

    reg [29:0] mdic_reg;
    reg        error_reg;
    reg        mdac_reg;
    reg [31:0] rdata_reg;

    wire        command = reg_wr && reg_addr == `VNIC_MDIC;
    wire [15:0] data = reg_wdata[`VNIC_MDIC__DATA];
    wire [4:0]  number = reg_wdata[`VNIC_MDIC__REGADD];
    wire        here = reg_wdata[`VNIC_MDIC__PHYADD] == PHY_ADDRESS;
    wire        is_write = reg_wdata[`VNIC_MDIC__OP] == `VNIC_MDIC__OP_WRITE;
    wire        is_read = reg_wdata[`VNIC_MDIC__OP] == `VNIC_MDIC__OP_READ;
    wire        phy_wr = command && here && is_write;
    wire        negotiated = link && bmcr_reg[12];

    wire unused = &{1'b0, reg_wdata[31:30], reg_wdata[28]};

    assign reg_rdata = rdata_reg;
    assign link = carrier_reg[1] && !bmcr_reg[11] && !bmcr_reg[10];
    assign loopback = bmcr_reg[14];
    assign changing = carrier_reg != {2{phy_link}};
    assign mdac = mdac_reg;

    function [15:0] phy_read(input [4:0] register);
        case (register)
            BMCR: phy_read = bmcr_reg;
            // All speeds and duplexes, extended registers, negotiates; link in bit 2, negotiated in bit 5
            BMSR: phy_read = 16'h7949 | {10'd0, negotiated, 2'd0, link, 2'd0};
            PHYID1: phy_read = 16'h0141;
            PHYID2: phy_read = 16'h0C20;
            ANAR: phy_read = anar_reg;
            ANLPAR: phy_read = negotiated ? 16'h45E1 : 16'h0000;
            ANER: phy_read = 16'h0001;
            GCON: phy_read = gcon_reg;
            GSTATUS: phy_read = negotiated ? 16'h3C00 : 16'h0000;
            ESTATUS: phy_read = 16'h3000;
            PSCR: phy_read = pscr_reg;
            // 1000 Mb/s, full duplex, resolved, link
            PSSR: phy_read = link ? 16'hAC00 : 16'h0000;
            IER: phy_read = ier_reg;
            EPSCR: phy_read = epscr_reg;
            PAGE: phy_read = page_reg;
            GENERAL: phy_read = general_reg;
            default: phy_read = 16'h0000;
        endcase
    endfunction

    // One test in an idle cycle: a simulator pays for every signal that a clocked block reads
    wire active = reg_act || rst || changing || mdac_reg;

    always @(posedge clk) if (active) begin
        if (changing)
            carrier_reg <= {carrier_reg[0], phy_link};
        if (mdac_reg)
            mdac_reg <= 1'b0;
        if (reg_act) begin
            if (command) begin
                // The result is here at once, so READY (bit 28) is always set after a command
                mdic_reg <= {reg_wdata[29], 1'b1, reg_wdata[27:16], here && is_read ? phy_read(number) : data};
                error_reg <= !here || !(is_read || is_write);
                mdac_reg <= reg_wdata[`VNIC_MDIC__INT_EN];
            end
            if (phy_wr)
                case (number)
                    BMCR: bmcr_reg <= data & 16'h7DC0;
                    ANAR: anar_reg <= data & 16'h2DFF;
                    GCON: gcon_reg <= data & 16'hFF00;
                    PSCR: pscr_reg <= data;
                    IER: ier_reg <= data;
                    EPSCR: epscr_reg <= data;
                    PAGE: page_reg <= data;
                    GENERAL: general_reg <= data;
                    default: ;
                endcase
            if (reg_rd)
                rdata_reg <= reg_addr == `VNIC_MDIC ? {1'b0, error_reg, mdic_reg} : 32'd0;
            if (clear) begin
                mdic_reg <= 30'd0;
                error_reg <= 1'b0;
                mdac_reg <= 1'b0;
            end
            if (rst || phy_rst || (phy_wr && number == BMCR && data[15])) begin
                bmcr_reg <= 16'h1140;
                anar_reg <= 16'h01E1;
                gcon_reg <= 16'h0300;
                pscr_reg <= 16'h0068;
                ier_reg <= 16'h0000;
                epscr_reg <= 16'h0D60;
                page_reg <= 16'h0000;
                general_reg <= 16'h0000;
            end
        end
        if (rst)
            carrier_reg <= 2'b00;
    end

endmodule

`resetall
