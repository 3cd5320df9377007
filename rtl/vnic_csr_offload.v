// SPDX-License-Identifier: Apache-2.0
//
// RXCSUM, VET and VFTA (8254x SDM 13.4.47, 13.4.11, 13.5.4), and the decision of the VLAN filter (9.3) on one
// tag a cycle.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_csr_offload (
    input  wire        clk,
    input  wire        clear,

    // Register bus
    input  wire        reg_act,
    input  wire        reg_wr,
    input  wire        reg_rd,
    input  wire [16:0] reg_addr,
    input  wire [31:0] reg_wdata,
    output wire [31:0] reg_rdata,

    // Reset: clear word sweep_addr
    input  wire        sweep,
    input  wire [6:0]  sweep_addr,

    // RCTL
    input  wire        vfe,
    input  wire        cfien,
    input  wire        cfi,

    // Decoded
    output wire [9:0]  rx_csum,
    output wire [15:0] vet,

    // Lookup of a tag's control information; the answer holds until the next one
    input  wire        vlan_valid,
    input  wire [15:0] vlan_tci,
    output wire        vlan_pass
);

    localparam [31:0] VET_RESET = `VNIC_VET_RESET;

    reg [31:0] vfta [0:`VNIC_VFTA_COUNT-1];
    reg [9:0]  rx_csum_reg;
    reg [15:0] vet_reg;
    reg        pass_reg;
    reg [31:0] rdata_reg;

    assign reg_rdata = rdata_reg;
    assign rx_csum = rx_csum_reg;
    assign vet = vet_reg;
    assign vlan_pass = !vfe || pass_reg;

    // VFTA is aligned to its size, so that a part of the address tells it
    wire       at_vfta = reg_addr[16:9] == 8'h2B;
    wire [6:0] word = reg_addr[8:2];

    function listed(input [11:0] identifier);
        reg [31:0] bits;
        begin
            bits = vfta[identifier[11:5]];
            listed = bits[identifier[4:0]];
        end
    endfunction

    // One test in an idle cycle: a simulator pays for every clocked block
    wire active = reg_act || vlan_valid;

    always @(posedge clk) if (active) begin
        if (vlan_valid)
            pass_reg <= listed(vlan_tci[11:0]) && (!cfien || vlan_tci[12] == cfi);
        if (reg_act) begin
            if (reg_wr) begin
                if (at_vfta)
                    vfta[word] <= reg_wdata;
                if (reg_addr == `VNIC_RXCSUM)
                    rx_csum_reg <= reg_wdata[9:0];
                if (reg_addr == `VNIC_VET)
                    vet_reg <= reg_wdata[15:0];
            end
            if (reg_rd)
                rdata_reg <= at_vfta ? vfta[word]
                    : reg_addr == `VNIC_RXCSUM ? {22'd0, rx_csum_reg}
                    : reg_addr == `VNIC_VET ? {16'd0, vet_reg} : 32'd0;
            if (sweep)
                vfta[sweep_addr] <= 32'd0;
            if (clear) begin
                rx_csum_reg <= 10'd0;
                vet_reg <= VET_RESET[15:0];
            end
        end
    end

    // The register bus carries word addresses; priority is looked at by nobody here
    wire unused = &{1'b0, reg_addr[1:0], vlan_tci[15:13]};

endmodule

`resetall
