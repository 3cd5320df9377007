// SPDX-License-Identifier: Apache-2.0
//
// Statistics registers (8254x SDM 13.7): counters that stop at all ones and that a read clears; of the
// octet counters, 64 bits wide, a read of the high half clears both. An event in the cycle of the read
// counts for the next one. Registers of events that cannot happen here read 0.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_stats (
    input  wire        clk,
    input  wire        clear,

    // Register bus, reads only
    input  wire        reg_act,
    input  wire        reg_rd,
    input  wire [16:0] reg_addr,
    output wire [31:0] reg_rdata,

    // One pulse a received frame; lengths with FCS
    input  wire        rx_ev_valid,
    input  wire [19:0] rx_ev_len,
    input  wire        rx_ev_crcerrs,
    input  wire        rx_ev_rfc,
    input  wire        rx_ev_rjc,
    input  wire        rx_ev_ruc,
    input  wire        rx_ev_roc,
    input  wire        rx_ev_good,
    input  wire        rx_ev_bcast,
    input  wire        rx_ev_mcast,
    input  wire        rx_ev_missed,
    input  wire [15:0] rx_rnbc_inc,

    // One pulse a transmitted frame
    input  wire        tx_ev_valid,
    input  wire [19:0] tx_ev_len,
    input  wire        tx_ev_bcast,
    input  wire        tx_ev_mcast,
    // Pulses: a segmentation is complete, or has failed
    input  wire        tx_ev_tsctc,
    input  wire        tx_ev_tsctfc
);

    localparam [16:0] PRC64 = `VNIC_PRC64;
    localparam [16:0] PTC64 = `VNIC_PTC64;

    reg [31:0] crcerrs_reg, mpc_reg, gprc_reg, bprc_reg, mprc_reg, gptc_reg, rnbc_reg;
    reg [31:0] ruc_reg, rfc_reg, roc_reg, rjc_reg, tpr_reg, tpt_reg, mptc_reg, bptc_reg, tsctc_reg, tsctfc_reg;
    reg [63:0] gorc_reg, gotc_reg, tor_reg, tot_reg;
    // PRC and PTC by size class, in the order of their offsets
    reg [31:0] prc [0:5];
    reg [31:0] ptc [0:5];
    reg [31:0] rdata_reg;

    assign reg_rdata = rdata_reg;

    wire       rx_good = rx_ev_valid && rx_ev_good;
    // The addressed element of each, if one is: there are fewer than eight
    wire [2:0] prc_word = reg_addr[4:2] - PRC64[4:2];
    wire [2:0] ptc_word = reg_addr[4:2] - PTC64[4:2];


    function [31:0] plus(input [31:0] count, input [15:0] more);
        reg [32:0] sum;
        begin
            sum = {1'b0, count} + {17'd0, more};
            plus = sum[32] ? 32'hFFFFFFFF : sum[31:0];
        end
    endfunction

    function [31:0] plus1(input [31:0] count);
        plus1 = &count ? count : count + 32'd1;
    endfunction

    function [63:0] octets(input [63:0] count, input [19:0] more);
        reg [64:0] sum;
        begin
            sum = {1'b0, count} + {45'd0, more};
            octets = sum[64] ? 64'hFFFFFFFFFFFFFFFF : sum[63:0];
        end
    endfunction

    // 0 to 5; 6: below 64 bytes, in no class
    function [2:0] size_class(input [19:0] len);
        if (len < 20'd64)
            size_class = 3'd6;
        else if (len == 20'd64)
            size_class = 3'd0;
        else if (len < 20'd128)
            size_class = 3'd1;
        else if (len < 20'd256)
            size_class = 3'd2;
        else if (len < 20'd512)
            size_class = 3'd3;
        else if (len < 20'd1024)
            size_class = 3'd4;
        else
            size_class = 3'd5;
    endfunction

    // One test in an idle cycle: a simulator pays for every signal that a clocked block reads
    wire active = reg_act || rx_ev_valid || tx_ev_valid || |rx_rnbc_inc || tx_ev_tsctc || tx_ev_tsctfc;

    integer i;

    always @(posedge clk) if (active) begin
        if (rx_ev_valid) begin
            tpr_reg <= plus1(tpr_reg);
            tor_reg <= octets(tor_reg, rx_ev_len);
            if (rx_ev_good) begin
                gprc_reg <= plus1(gprc_reg);
                gorc_reg <= octets(gorc_reg, rx_ev_len);
                if (size_class(rx_ev_len) != 3'd6)
                    prc[size_class(rx_ev_len)] <= plus1(prc[size_class(rx_ev_len)]);
                if (rx_ev_bcast)
                    bprc_reg <= plus1(bprc_reg);
                if (rx_ev_mcast)
                    mprc_reg <= plus1(mprc_reg);
            end else begin
                if (rx_ev_crcerrs)
                    crcerrs_reg <= plus1(crcerrs_reg);
                if (rx_ev_rfc)
                    rfc_reg <= plus1(rfc_reg);
                if (rx_ev_rjc)
                    rjc_reg <= plus1(rjc_reg);
                if (rx_ev_ruc)
                    ruc_reg <= plus1(ruc_reg);
                if (rx_ev_roc)
                    roc_reg <= plus1(roc_reg);
                if (rx_ev_missed)
                    mpc_reg <= plus1(mpc_reg);
            end
        end
        if (|rx_rnbc_inc)
            rnbc_reg <= plus(rnbc_reg, rx_rnbc_inc);
        if (tx_ev_valid) begin
            tpt_reg <= plus1(tpt_reg);
            tot_reg <= octets(tot_reg, tx_ev_len);
            gptc_reg <= plus1(gptc_reg);
            gotc_reg <= octets(gotc_reg, tx_ev_len);
            if (size_class(tx_ev_len) != 3'd6)
                ptc[size_class(tx_ev_len)] <= plus1(ptc[size_class(tx_ev_len)]);
            if (tx_ev_bcast)
                bptc_reg <= plus1(bptc_reg);
            if (tx_ev_mcast)
                mptc_reg <= plus1(mptc_reg);
        end
        if (tx_ev_tsctc)
            tsctc_reg <= plus1(tsctc_reg);
        if (tx_ev_tsctfc)
            tsctfc_reg <= plus1(tsctfc_reg);

        if (reg_act) begin
            if (reg_rd)
                case (reg_addr)
                    `VNIC_CRCERRS: begin
                        rdata_reg <= crcerrs_reg; crcerrs_reg <= {31'd0, rx_ev_valid && rx_ev_crcerrs};
                    end
                    `VNIC_MPC: begin rdata_reg <= mpc_reg; mpc_reg <= {31'd0, rx_ev_valid && rx_ev_missed}; end
                    `VNIC_PRC64, `VNIC_PRC127, `VNIC_PRC255, `VNIC_PRC511, `VNIC_PRC1023, `VNIC_PRC1522: begin
                        rdata_reg <= prc[prc_word];
                        prc[prc_word] <= {31'd0, rx_good && size_class(rx_ev_len) == prc_word};
                    end
                    `VNIC_GPRC: begin rdata_reg <= gprc_reg; gprc_reg <= {31'd0, rx_good}; end
                    `VNIC_BPRC: begin rdata_reg <= bprc_reg; bprc_reg <= {31'd0, rx_good && rx_ev_bcast}; end
                    `VNIC_MPRC: begin rdata_reg <= mprc_reg; mprc_reg <= {31'd0, rx_good && rx_ev_mcast}; end
                    `VNIC_GPTC: begin rdata_reg <= gptc_reg; gptc_reg <= {31'd0, tx_ev_valid}; end
                    `VNIC_GORCL: rdata_reg <= gorc_reg[31:0];
                    `VNIC_GORCH: begin
                        rdata_reg <= gorc_reg[63:32]; gorc_reg <= rx_good ? {44'd0, rx_ev_len} : 64'd0;
                    end
                    `VNIC_GOTCL: rdata_reg <= gotc_reg[31:0];
                    `VNIC_GOTCH: begin
                        rdata_reg <= gotc_reg[63:32]; gotc_reg <= tx_ev_valid ? {44'd0, tx_ev_len} : 64'd0;
                    end
                    `VNIC_RNBC: begin rdata_reg <= rnbc_reg; rnbc_reg <= {16'd0, rx_rnbc_inc}; end
                    `VNIC_RUC: begin rdata_reg <= ruc_reg; ruc_reg <= {31'd0, rx_ev_valid && rx_ev_ruc}; end
                    `VNIC_RFC: begin rdata_reg <= rfc_reg; rfc_reg <= {31'd0, rx_ev_valid && rx_ev_rfc}; end
                    `VNIC_ROC: begin rdata_reg <= roc_reg; roc_reg <= {31'd0, rx_ev_valid && rx_ev_roc}; end
                    `VNIC_RJC: begin rdata_reg <= rjc_reg; rjc_reg <= {31'd0, rx_ev_valid && rx_ev_rjc}; end
                    `VNIC_TORL: rdata_reg <= tor_reg[31:0];
                    `VNIC_TORH: begin
                        rdata_reg <= tor_reg[63:32]; tor_reg <= rx_ev_valid ? {44'd0, rx_ev_len} : 64'd0;
                    end
                    `VNIC_TOTL: rdata_reg <= tot_reg[31:0];
                    `VNIC_TOTH: begin
                        rdata_reg <= tot_reg[63:32]; tot_reg <= tx_ev_valid ? {44'd0, tx_ev_len} : 64'd0;
                    end
                    `VNIC_TPR: begin rdata_reg <= tpr_reg; tpr_reg <= {31'd0, rx_ev_valid}; end
                    `VNIC_TPT: begin rdata_reg <= tpt_reg; tpt_reg <= {31'd0, tx_ev_valid}; end
                    `VNIC_PTC64, `VNIC_PTC127, `VNIC_PTC255, `VNIC_PTC511, `VNIC_PTC1023, `VNIC_PTC1522: begin
                        rdata_reg <= ptc[ptc_word];
                        ptc[ptc_word] <= {31'd0, tx_ev_valid && size_class(tx_ev_len) == ptc_word};
                    end
                    `VNIC_MPTC: begin rdata_reg <= mptc_reg; mptc_reg <= {31'd0, tx_ev_valid && tx_ev_mcast}; end
                    `VNIC_BPTC: begin rdata_reg <= bptc_reg; bptc_reg <= {31'd0, tx_ev_valid && tx_ev_bcast}; end
                    `VNIC_TSCTC: begin rdata_reg <= tsctc_reg; tsctc_reg <= {31'd0, tx_ev_tsctc}; end
                    `VNIC_TSCTFC: begin rdata_reg <= tsctfc_reg; tsctfc_reg <= {31'd0, tx_ev_tsctfc}; end
                    default: rdata_reg <= 32'd0;
                endcase
            if (clear) begin
                {crcerrs_reg, mpc_reg, gprc_reg, bprc_reg, mprc_reg, gptc_reg, rnbc_reg} <= 224'd0;
                {ruc_reg, rfc_reg, roc_reg, rjc_reg, tpr_reg, tpt_reg, mptc_reg, bptc_reg} <= 256'd0;
                {tsctc_reg, tsctfc_reg} <= 64'd0;
                {gorc_reg, gotc_reg, tor_reg, tot_reg} <= 256'd0;
                for (i = 0; i < 6; i = i + 1) begin
                    prc[i] <= 32'd0;
                    ptc[i] <= 32'd0;
                end
            end
        end
    end

endmodule

`resetall
