// SPDX-License-Identifier: Apache-2.0
//
// EEPROM of 64 words, and the two ways to it: bit by bit through EECD (a microwire part of the 93C46 kind),
// and a word at a time through EERD (8254x SDM 5.3, 13.4.3, 13.4.4). Its content survives every reset.

`resetall
`timescale 1ns / 1ps
`default_nettype none

`include "vnic_regs.vh"

module vnic_eeprom #(
    // First byte on the wire in bits 47:40
    parameter [47:0] MAC_ADDRESS = 48'h525400123456
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

    // Words 0 to 2, which are the MAC address, its first byte on the wire in 7:0
    output wire [47:0] mac
);

    localparam [1:0] OP_EXTENDED = 2'd0;
    localparam [1:0] OP_WRITE = 2'd1;
    localparam [1:0] OP_READ = 2'd2;
    localparam [1:0] EXT_EWDS = 2'd0;
    localparam [1:0] EXT_EWEN = 2'd3;

    localparam [1:0]
        S_START = 2'd0,    // selected or not: wait for the start bit
        S_COMMAND = 2'd1,  // shift in opcode and address
        S_READ = 2'd2,     // shift out words, from the addressed one on
        S_WRITE = 2'd3;    // shift in a word (WRITE), or ignore what comes (all other commands)

    reg [15:0] mem [0:63];

    reg [1:0]  state_reg;
    reg [4:0]  count_reg;
    reg [7:0]  command_reg;
    reg [15:0] shift_reg;
    reg        enabled_reg;
    reg        do_reg;

    // EECD: SK, CS, DI, EE_REQ, FWE. EERD: done, address, data
    reg        sk_reg, cs_reg, di_reg, req_reg;
    reg [1:0]  fwe_reg;
    reg        done_reg;
    reg [7:0]  eerd_addr_reg;
    reg [15:0] eerd_data_reg;
    reg [31:0] rdata_reg;

    wire       eecd_wr = reg_wr && reg_addr == `VNIC_EECD;
    wire       selected = reg_wdata[`VNIC_EECD__CS] && reg_wdata[`VNIC_EECD__EE_REQ];
    wire       rising = reg_wdata[`VNIC_EECD__SK] && !sk_reg;
    wire       di = reg_wdata[`VNIC_EECD__DI];
    // The command with the bit that is coming in
    wire [7:0] command = {command_reg[6:0], di};

    wire unused = &{1'b0, reg_wdata[31:16], reg_wdata[7], reg_wdata[3]};

    assign reg_rdata = rdata_reg;
    assign mac = {mem[2], mem[1], mem[0]};

    // What the part leaves the factory with: MAC address, identity, and a checksum that makes the sum of
    // all words 0xBABA (SDM 5.6)
    function [15:0] factory(input integer index);
        case (index)
            0: factory = {MAC_ADDRESS[39:32], MAC_ADDRESS[47:40]};
            1: factory = {MAC_ADDRESS[23:16], MAC_ADDRESS[31:24]};
            2: factory = {MAC_ADDRESS[7:0], MAC_ADDRESS[15:8]};
            10: factory = 16'h400B;  // initialization control 1: signature, power management, load identifiers
            11: factory = 16'h001E;  // subsystem
            12: factory = 16'h8086;  // subsystem vendor
            13: factory = 16'h100E;  // device
            14: factory = 16'h8086;  // vendor
            default: factory = 16'h0000;
        endcase
    endfunction

    integer    i;
    reg [15:0] sum;

    initial begin
        sum = 16'd0;
        for (i = 0; i < 63; i = i + 1) begin
            mem[i] = factory(i);
            sum = sum + factory(i);
        end
        mem[63] = 16'hBABA - sum;
        enabled_reg = 1'b0;
    end

    always @(posedge clk) if (reg_act) begin
        if (eecd_wr) begin
            sk_reg <= reg_wdata[`VNIC_EECD__SK];
            cs_reg <= reg_wdata[`VNIC_EECD__CS];
            di_reg <= reg_wdata[`VNIC_EECD__DI];
            req_reg <= reg_wdata[`VNIC_EECD__EE_REQ];
            fwe_reg <= reg_wdata[`VNIC_EECD__FWE];
            if (selected && rising)
                case (state_reg)
                    S_START: begin
                        count_reg <= 5'd0;
                        if (di)
                            state_reg <= S_COMMAND;
                    end
                    S_COMMAND: begin
                        command_reg <= command;
                        count_reg <= count_reg + 5'd1;
                        if (count_reg == 5'd7) begin
                            count_reg <= 5'd0;
                            state_reg <= S_WRITE;
                            if (command[7:6] == OP_READ) begin
                                state_reg <= S_READ;
                                shift_reg <= mem[command[5:0]];
                                command_reg <= command + 8'd1;
                                do_reg <= 1'b0;
                            end
                            if (command[7:6] == OP_EXTENDED && command[5:4] == EXT_EWEN)
                                enabled_reg <= 1'b1;
                            if (command[7:6] == OP_EXTENDED && command[5:4] == EXT_EWDS)
                                enabled_reg <= 1'b0;
                        end
                    end
                    S_READ: begin
                        do_reg <= shift_reg[15];
                        shift_reg <= {shift_reg[14:0], 1'b0};
                        count_reg <= count_reg + 5'd1;
                        if (count_reg == 5'd15) begin
                            count_reg <= 5'd0;
                            shift_reg <= mem[command_reg[5:0]];
                            command_reg <= command_reg + 8'd1;
                        end
                    end
                    S_WRITE: begin
                        if (!count_reg[4]) begin
                            shift_reg <= {shift_reg[14:0], di};
                            count_reg <= count_reg + 5'd1;
                        end
                    end
                endcase
        end
        if (clear || (eecd_wr && !selected)) begin
            // A WRITE takes effect when the part is deselected
            if (state_reg == S_WRITE && count_reg[4] && command_reg[7:6] == OP_WRITE && enabled_reg)
                mem[command_reg[5:0]] <= shift_reg;
            state_reg <= S_START;
            do_reg <= 1'b1;
        end
        if (reg_wr && reg_addr == `VNIC_EERD) begin
            eerd_addr_reg <= reg_wdata[`VNIC_EERD__ADDR];
            if (reg_wdata[`VNIC_EERD__START]) begin
                eerd_data_reg <= mem[reg_wdata[13:8]];
                done_reg <= 1'b1;
            end
        end
        if (reg_rd)
            case (reg_addr)
                // size 64 words, present, granted, requested, FWE, DO, DI, CS, SK
                `VNIC_EECD: rdata_reg <= {22'd0, 1'b0, 1'b1, req_reg, req_reg, fwe_reg, do_reg, di_reg,
                                          cs_reg, sk_reg};
                `VNIC_EERD: rdata_reg <= {eerd_data_reg, eerd_addr_reg, 3'd0, done_reg, 4'd0};
                default: rdata_reg <= 32'd0;
            endcase
        if (clear) begin
            {sk_reg, cs_reg, di_reg, req_reg} <= 4'd0;
            fwe_reg <= 2'b01;
            done_reg <= 1'b0;
            eerd_addr_reg <= 8'd0;
            eerd_data_reg <= 16'd0;
        end
    end

endmodule

`resetall
