// SPDX-License-Identifier: Apache-2.0
//
// Receive address filter: RA and MTA (8254x SDM 13.5.1 to 13.5.3, rules in 3.2.1) and the decision on one
// destination address a cycle.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_csr_filter (
    input  wire        clk,

    // Register bus
    input  wire        reg_act,
    input  wire        reg_wr,
    input  wire        reg_rd,
    input  wire [16:0] reg_addr,
    input  wire [31:0] reg_wdata,
    output wire [31:0] reg_rdata,

    // Reset: clear word sweep_addr; load: RA[0] takes the EEPROM's address (first byte in 7:0)
    input  wire        sweep,
    input  wire [6:0]  sweep_addr,
    input  wire        load,
    input  wire [47:0] mac,

    // RCTL
    input  wire        upe,
    input  wire        mpe,
    input  wire        bam,
    input  wire [1:0]  mo,

    // Lookup: first byte on the wire in 7:0; the answer holds until the next one
    input  wire        flt_valid,
    input  wire [47:0] flt_da,
    output wire        flt_accept,
    output wire        flt_pif,
    output wire        flt_bcast,
    output wire        flt_mcast
);

    reg [31:0] mta [0:`VNIC_MTA_COUNT-1];
    reg [31:0] ral [0:`VNIC_RAL_COUNT-1];
    reg [17:0] rah [0:`VNIC_RAH_COUNT-1];
    reg [15:0] av_reg;
    // Entries that compare: valid, and with the destination address
    reg [15:0] live_reg;

    // The register bus carries word addresses
    wire unused = &{1'b0, reg_addr[1:0]};

    reg        accept_reg;
    reg        pif_reg;
    reg        bcast_reg;
    reg        mcast_reg;
    reg [31:0] rdata_reg;

    assign reg_rdata = rdata_reg;
    assign flt_accept = accept_reg;
    assign flt_pif = pif_reg;
    assign flt_bcast = bcast_reg;
    assign flt_mcast = mcast_reg;

    // MTA and RA are aligned to their size, so that a part of the address tells them
    wire       at_mta = reg_addr[16:9] == 8'h29;
    wire       at_ra = reg_addr[16:7] == 10'h0A8;
    wire       at_rah = reg_addr[2];
    wire [6:0] word = reg_addr[8:2];
    wire [3:0] entry = reg_addr[6:3];

    function exact(input [47:0] da);
        integer i;
        begin
            exact = live_reg[0] && da == {rah[0][15:0], ral[0]};
            // Most often only the first entry is in use, and a simulator need not look at the others
            if (|live_reg[15:1])
                for (i = 1; i < `VNIC_RAL_COUNT; i = i + 1)
                    if (live_reg[i] && da == {rah[i][15:0], ral[i]})
                        exact = 1'b1;
        end
    endfunction

    // MTA's index is 12 bits of the address' last two bytes
    function [11:0] hash(input [15:0] last, input [1:0] offset);
        case (offset)
            2'd0: hash = last[15:4];
            2'd1: hash = last[14:3];
            2'd2: hash = last[13:2];
            default: hash = last[11:0];
        endcase
    endfunction

    function listed(input [11:0] index);
        reg [31:0] bits;
        begin
            bits = mta[index[11:5]];
            listed = bits[index[4:0]];
        end
    endfunction

    // {accept, pif}
    function [1:0] decide(input [47:0] da);
        if (exact(da))
            decide = 2'b10;
        else if (&da)
            decide = {bam || mpe, !bam && mpe};
        else if (da[0])
            decide = {2{mpe || listed(hash(da[47:32], mo))}};
        else
            decide = {2{upe}};
    endfunction

    // One test in an idle cycle: a simulator pays for every signal that a clocked block reads
    wire active = reg_act || flt_valid;

    always @(posedge clk) if (active) begin
        if (flt_valid) begin
            {accept_reg, pif_reg} <= decide(flt_da);
            bcast_reg <= &flt_da;
            mcast_reg <= flt_da[0] && !(&flt_da);
        end
        if (reg_act) begin
            if (reg_wr && at_mta)
                mta[word] <= reg_wdata;
            if (reg_wr && at_ra) begin
                if (at_rah) begin
                    rah[entry] <= reg_wdata[17:0];
                    av_reg[entry] <= reg_wdata[`VNIC_RAH__AV];
                    live_reg[entry] <= reg_wdata[`VNIC_RAH__AV] && reg_wdata[`VNIC_RAH__ASEL] == `VNIC_RAH__ASEL_DEST;
                end else
                    ral[entry] <= reg_wdata;
            end
            if (reg_rd)
                rdata_reg <= at_mta ? mta[word]
                    : !at_ra ? 32'd0
                    : at_rah ? {av_reg[entry], 13'd0, rah[entry]} : ral[entry];
            if (sweep) begin
                mta[sweep_addr] <= 32'd0;
                ral[sweep_addr[3:0]] <= 32'd0;
                rah[sweep_addr[3:0]] <= 18'd0;
                av_reg <= 16'd0;
                live_reg <= 16'd0;
            end
            if (load) begin
                ral[0] <= mac[31:0];
                rah[0] <= {`VNIC_RAH__ASEL_DEST, mac[47:32]};
                av_reg[0] <= 1'b1;
                live_reg[0] <= 1'b1;
            end
        end
    end

endmodule

`resetall
