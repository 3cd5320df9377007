// SPDX-License-Identifier: Apache-2.0
//
// Bench of vnic_csr alone: executes one command at a time for Python, and stands in for the data path's
// head pointers and handshakes. Python sets the operands and flips `go`; `done` flips when it is over.

`timescale 1ns / 1ps
`default_nettype none

module csr_bench;

    localparam [2:0]
        OP_READ = 3'd0,    // data <= register at `address`
        OP_WRITE = 3'd1,   // register at `address` <= operand[31:0], strobes in operand[35:32]
        OP_EVENTS = 3'd2,  // one cycle of events, packed as below
        OP_LOOKUP = 3'd3,  // data <= {mcast, bcast, pif, accept} of the address in operand
        OP_WAIT = 3'd4,    // operand clock cycles
        OP_IDLE = 3'd5,    // until csr_busy is low; data <= cycles it took
        OP_TAG = 3'd6;     // data <= whether the VLAN filter lets the tag control information in operand pass

    reg         clk = 1'b0;
    reg         rst = 1'b1;
    reg         phy_link = 1'b1;
    reg         go = 1'b0;
    reg         done = 1'b0;
    reg  [2:0]  op = 3'd0;
    reg  [16:0] address = 17'd0;
    reg  [95:0] operand = 96'd0;
    reg  [31:0] data = 32'd0;
    // Events in the very cycle in which a register is read
    reg         with_read = 1'b0;
    reg  [3:0]  engine_delay = 4'd5;

    always #2 clk = !clk;

    reg         busy_reg = 1'b0;
    reg  [95:0] count_reg = 96'd0;
    reg         aw_reg = 1'b0, w_reg = 1'b0, ar_reg = 1'b0;
    wire        awready, wready, arready, bvalid, rvalid, irq, csr_busy, soft_rst;
    wire [31:0] rdata;

    // ---- events
    reg         pulse_reg = 1'b0;
    wire        strobe = pulse_reg || (with_read && dut.reg_rd);
    wire [95:0] ev = strobe ? operand : 96'd0;
    wire        flt_valid = busy_reg && op == OP_LOOKUP && count_reg == 0;
    wire        flt_accept, flt_pif, flt_bcast, flt_mcast;
    wire        vlan_valid = busy_reg && op == OP_TAG && count_reg == 0;
    wire        vlan_pass, vme, vfe;
    wire [9:0]  rx_csum;
    wire [15:0] vet;

    // ---- stand-in for the data path
    wire        rx_en, rx_on, rx_sbp, rx_lpe, rx_secrc, rx_flush, rx_head_wr, tx_en, tx_psp, tx_flush, tx_head_wr;
    wire [14:0] rx_bsize;
    wire [1:0]  rx_rdmts;
    wire [63:0] rx_ring_base, tx_ring_base;
    wire [19:0] rx_ring_len, tx_ring_len;
    wire [15:0] rx_tail, tx_tail, rx_head_wdata, tx_head_wdata;
    wire        link_up, loopback;
    reg  [15:0] rx_head = 16'd0, tx_head = 16'd0;
    reg  [15:0] rx_flushes = 16'd0, tx_flushes = 16'd0;
    reg  [3:0]  rx_quiet_count = 4'd0, tx_quiet_count = 4'd0, reset_count = 4'd0;

    always @(posedge clk) begin
        if (rx_head_wr)
            rx_head <= rx_head_wdata;
        if (tx_head_wr)
            tx_head <= tx_head_wdata;
        rx_flushes <= rx_flushes + {15'd0, rx_flush};
        tx_flushes <= tx_flushes + {15'd0, tx_flush};
        // An engine needs a while to stop
        rx_quiet_count <= rx_en ? engine_delay : rx_quiet_count != 0 ? rx_quiet_count - 4'd1 : 4'd0;
        tx_quiet_count <= tx_en ? engine_delay : tx_quiet_count != 0 ? tx_quiet_count - 4'd1 : 4'd0;
        reset_count <= !soft_rst ? engine_delay : reset_count != 0 ? reset_count - 4'd1 : 4'd0;
        if (rst || soft_rst) begin
            rx_head <= 16'd0;
            tx_head <= 16'd0;
        end
        if (rst) begin
            rx_quiet_count <= 4'd0;
            tx_quiet_count <= 4'd0;
            reset_count <= 4'd0;
            rx_flushes <= 16'd0;
            tx_flushes <= 16'd0;
        end
    end

    vnic_csr dut (
        .clk(clk), .rst(rst),
        .s_axil_awaddr(address), .s_axil_awprot(3'd0), .s_axil_awvalid(aw_reg), .s_axil_awready(awready),
        .s_axil_wdata(operand[31:0]), .s_axil_wstrb(operand[35:32]), .s_axil_wvalid(w_reg), .s_axil_wready(wready),
        .s_axil_bresp(), .s_axil_bvalid(bvalid), .s_axil_bready(1'b1),
        .s_axil_araddr(address), .s_axil_arprot(3'd0), .s_axil_arvalid(ar_reg), .s_axil_arready(arready),
        .s_axil_rdata(rdata), .s_axil_rresp(), .s_axil_rvalid(rvalid), .s_axil_rready(1'b1),
        .phy_link(phy_link), .irq(irq), .csr_busy(csr_busy),
        .soft_rst(soft_rst), .soft_rst_done(soft_rst && reset_count == 0),
        .rx_quiet(rx_quiet_count == 0), .tx_quiet(tx_quiet_count == 0),
        .rx_en(rx_en), .rx_on(rx_on), .rx_sbp(rx_sbp), .rx_lpe(rx_lpe), .rx_secrc(rx_secrc), .rx_bsize(rx_bsize),
        .rx_rdmts(rx_rdmts), .rx_ring_base(rx_ring_base), .rx_ring_len(rx_ring_len), .rx_tail(rx_tail),
        .rx_flush(rx_flush), .rx_head_wr(rx_head_wr), .rx_head_wdata(rx_head_wdata), .rx_head(rx_head),
        .flt_valid(flt_valid), .flt_da(operand[47:0]), .flt_accept(flt_accept), .flt_pif(flt_pif),
        .flt_bcast(flt_bcast), .flt_mcast(flt_mcast),
        .rx_csum(rx_csum), .vet(vet), .vme(vme), .vfe(vfe), .vlan_valid(vlan_valid), .vlan_tci(operand[15:0]),
        .vlan_pass(vlan_pass),
        .tx_en(tx_en), .tx_psp(tx_psp), .tx_ring_base(tx_ring_base), .tx_ring_len(tx_ring_len), .tx_tail(tx_tail),
        .tx_flush(tx_flush), .tx_head_wr(tx_head_wr), .tx_head_wdata(tx_head_wdata), .tx_head(tx_head),
        .link_up(link_up), .loopback(loopback),
        .rx_ev_len(ev[19:0]), .tx_ev_len(ev[39:20]), .rx_rnbc_inc(ev[55:40]),
        .rx_ev_valid(ev[56]), .rx_ev_crcerrs(ev[57]), .rx_ev_rfc(ev[58]), .rx_ev_rjc(ev[59]), .rx_ev_ruc(ev[60]),
        .rx_ev_roc(ev[61]), .rx_ev_good(ev[62]), .rx_ev_bcast(ev[63]), .rx_ev_mcast(ev[64]), .rx_ev_missed(ev[65]),
        .rx_int_eop(ev[66]), .rx_int_dmt0(ev[67]), .tx_ev_valid(ev[68]), .tx_ev_bcast(ev[69]), .tx_ev_mcast(ev[70]),
        .tx_int_dw(ev[71]), .tx_int_dw_ide(ev[72]), .tx_int_qe(ev[73]),
        .tx_ev_tsctc(ev[74]), .tx_ev_tsctfc(ev[75])
    );

    task finish;
        begin
            busy_reg <= 1'b0;
            done <= !done;
        end
    endtask

    always @(posedge clk) begin
        pulse_reg <= 1'b0;
        if (awready)
            aw_reg <= 1'b0;
        if (wready)
            w_reg <= 1'b0;
        if (arready)
            ar_reg <= 1'b0;
        if (!busy_reg && go != done) begin
            busy_reg <= 1'b1;
            count_reg <= 96'd0;
            aw_reg <= op == OP_WRITE;
            w_reg <= op == OP_WRITE;
            ar_reg <= op == OP_READ;
            pulse_reg <= op == OP_EVENTS;
        end else if (busy_reg) begin
            count_reg <= count_reg + 96'd1;
            case (op)
                OP_READ:
                    if (rvalid) begin
                        data <= rdata;
                        finish;
                    end
                OP_WRITE:
                    if (bvalid)
                        finish;
                OP_EVENTS:
                    if (count_reg == 4)
                        finish;
                OP_LOOKUP:
                    if (count_reg == 1) begin
                        data <= {28'd0, flt_mcast, flt_bcast, flt_pif, flt_accept};
                        finish;
                    end
                OP_TAG:
                    if (count_reg == 1) begin
                        data <= {31'd0, vlan_pass};
                        finish;
                    end
                OP_WAIT:
                    if (count_reg >= operand)
                        finish;
                default:
                    if (!csr_busy) begin
                        data <= count_reg[31:0];
                        finish;
                    end
            endcase
        end
    end

endmodule
