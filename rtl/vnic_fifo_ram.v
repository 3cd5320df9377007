// SPDX-License-Identifier: Apache-2.0
//
// Frame memory: one write port, one read port with a registered output that holds while !rd_en.
// The shape every FPGA tool maps to block RAM. Reading a word in the cycle it is written returns the
// old contents; both users read committed frames only, so it never happens to them.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_fifo_ram #(
    // Bits a word
    parameter DATA_WIDTH = 64,
    // Words
    parameter WORDS = 2048,
    // Bits of an address; 2**ADDR_BITS >= WORDS
    parameter ADDR_BITS = 11
) (
    input  wire                  clk,

    input  wire                  wr_en,
    input  wire [ADDR_BITS-1:0]  wr_addr,
    input  wire [DATA_WIDTH-1:0] wr_data,

    input  wire                  rd_en,
    input  wire [ADDR_BITS-1:0]  rd_addr,
    output wire [DATA_WIDTH-1:0] rd_data
);

    generate
        if (WORDS > (1 << ADDR_BITS)) begin : g_bad
            vnic_fifo_ram_needs_address_bits_for_all_words guard ();
        end
    endgenerate

    reg [DATA_WIDTH-1:0] mem [0:WORDS-1];
    reg [DATA_WIDTH-1:0] rd_data_reg;

    assign rd_data = rd_data_reg;

    always @(posedge clk) begin
        if (wr_en)
            mem[wr_addr] <= wr_data;
        if (rd_en)
            rd_data_reg <= mem[rd_addr];
    end

endmodule

`resetall
