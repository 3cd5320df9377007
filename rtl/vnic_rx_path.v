// SPDX-License-Identifier: Apache-2.0
//
// Everything between the MAC's receive stream and the write channel: filter, frame FIFO, engine,
// descriptor ring.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_rx_path #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // FIFO words and bits of a word address
    parameter WORDS = 6144,
    parameter ADDR_BITS = 13
) (
    input  wire                    clk,
    input  wire                    rst,
    // Reset by software: as rst, but the input stream keeps its place
    input  wire                    clear,

    // Configuration
    input  wire                    rx_en,
    input  wire                    rx_on,
    input  wire                    loopback,
    input  wire                    sbp,
    input  wire                    lpe,
    input  wire                    secrc,
    input  wire [9:0]              csum,
    input  wire                    vme,
    input  wire                    vfe,
    input  wire [15:0]             vet,
    input  wire [14:0]             bsize,
    input  wire [1:0]              rdmts,
    input  wire [63:0]             ring_base,
    input  wire [19:0]             ring_len,
    input  wire [15:0]             tail,
    input  wire                    flush,
    input  wire                    head_wr,
    input  wire [15:0]             head_wdata,
    output wire [15:0]             head,

    // Frames in
    input  wire [DATA_WIDTH-1:0]   s_axis_rx_tdata,
    input  wire [DATA_WIDTH/8-1:0] s_axis_rx_tkeep,
    input  wire                    s_axis_rx_tvalid,
    output wire                    s_axis_rx_tready,
    input  wire                    s_axis_rx_tlast,
    input  wire                    s_axis_rx_tuser,
    input  wire                    loop_valid,
    input  wire                    loop_first,
    input  wire                    loop_last,
    input  wire [6:0]              loop_count,
    input  wire [DATA_WIDTH-1:0]   loop_data,

    // Room in the FIFO, in 64-byte blocks
    output wire [9:0]              free_blocks,

    // Address filter, VLAN filter
    output wire                    flt_valid,
    output wire [47:0]             flt_da,
    input  wire                    flt_accept,
    input  wire                    flt_pif,
    input  wire                    flt_bcast,
    input  wire                    flt_mcast,
    output wire                    vlan_valid,
    output wire [15:0]             vlan_tci,
    input  wire                    vlan_pass,

    // Descriptor reads
    output wire                    rd_valid,
    input  wire                    rd_ready,
    output wire [63:0]             rd_addr,
    output wire [6:0]              rd_len,
    input  wire                    rd_data_valid,
    input  wire [DATA_WIDTH-1:0]   rd_data,

    // Frame data writes, and the FIFO behind them
    output wire                    data_valid,
    input  wire                    data_ready,
    output wire [63:0]             data_addr,
    output wire [14:0]             data_len,
    output wire [ADDR_BITS-1:0]    data_src,
    output wire                    data_eop,
    output wire [9:0]              data_blocks,
    input  wire                    data_done,
    input  wire                    src_en,
    input  wire [ADDR_BITS-1:0]    src_addr,
    output wire [DATA_WIDTH-1:0]   src_data,
    input  wire                    release_valid,
    input  wire [9:0]              release_blocks,

    // Descriptor writes
    output wire                    wb_valid,
    input  wire                    wb_ready,
    output wire [63:0]             wb_addr,
    output wire [6:0]              wb_len,
    output wire [511:0]            wb_line,
    output wire [3:0]              wb_strb,
    input  wire                    wb_pop,
    input  wire                    wb_done,

    // Statistics and interrupt causes
    output wire                    ev_valid,
    output wire [19:0]             ev_len,
    output wire                    ev_crcerrs,
    output wire                    ev_rfc,
    output wire                    ev_rjc,
    output wire                    ev_ruc,
    output wire                    ev_roc,
    output wire                    ev_good,
    output wire                    ev_bcast,
    output wire                    ev_mcast,
    output wire                    ev_missed,
    output wire [15:0]             rnbc_inc,
    output wire                    int_eop,
    output wire                    int_dmt0,

    // Nothing of this path is on the bus, or will be while rx_en = 0
    output wire                    quiet,
    output wire                    busy
);

    localparam QUEUE_LOG2 = $clog2(WORDS * DATA_WIDTH / 512);

    wire                  filter_busy;
    wire                  engine_busy;
    wire                  wb_busy;
    wire                  fetch_busy;
    // Disabled and nothing left to read from the FIFO: it is emptied
    wire                  ring_idle = !engine_busy && !wb_busy;
    wire                  empty_fifo = clear || (!rx_en && ring_idle);
    wire                  all_rst = rst || clear;

    wire                  fifo_wr;
    wire [ADDR_BITS-1:0]  fifo_wr_addr;
    wire [DATA_WIDTH-1:0] fifo_wr_data;
    wire                  store;
    wire [14:0]           store_len;
    wire                  store_ce;
    wire                  store_pif;
    wire                  store_tagged;
    wire                  store_cut;
    wire [15:0]           store_tci;
    wire                  word_valid;
    wire                  word_first;
    wire                  word_last;
    // Which frames have a result, and in which a tag is looked for
    wire                  results = vme || csum != 10'd0;
    wire                  tags = vme || vfe || csum[9:8] != 2'd0;
    wire                  result_valid;
    wire                  result_pop;
    wire [15:0]           result_checksum;
    wire [15:0]           result_special;
    wire [7:0]            result_status;
    wire [7:0]            result_errors;
    wire                  frame_cut;
    wire                  frame_result;
    wire                  frame_valid;
    wire [14:0]           frame_len;
    wire                  frame_ce;
    wire                  frame_pif;
    wire                  frame_pop;
    wire                  queue_busy;
    wire                  desc_valid;
    wire                  desc_ready;
    wire [127:0]          desc;
    wire                  starved;
    wire                  load_head;
    wire [15:0]           load_head_data;
    wire                  done_valid;
    wire                  done_ready;
    wire [127:0]          done_desc;
    wire                  done_eop;
    wire                  done_more;
    wire                  retire;
    wire [15:0]           free_before;
    wire [15:0]           free_after;
    wire [1:0]            cause;

    vnic_rx_filter #(.DATA_WIDTH(DATA_WIDTH), .WORDS(WORDS), .ADDR_BITS(ADDR_BITS)) filter (
        .clk(clk), .rst(rst),
        .clear(empty_fifo), .rx_on(rx_on), .loopback(loopback), .sbp(sbp), .lpe(lpe),
        .tags(tags), .vme(vme), .vet(vet),
        .s_axis_rx_tdata(s_axis_rx_tdata), .s_axis_rx_tkeep(s_axis_rx_tkeep),
        .s_axis_rx_tvalid(s_axis_rx_tvalid), .s_axis_rx_tready(s_axis_rx_tready),
        .s_axis_rx_tlast(s_axis_rx_tlast), .s_axis_rx_tuser(s_axis_rx_tuser),
        .loop_valid(loop_valid), .loop_first(loop_first), .loop_last(loop_last), .loop_count(loop_count),
        .loop_data(loop_data),
        .flt_valid(flt_valid), .flt_da(flt_da), .flt_accept(flt_accept), .flt_pif(flt_pif),
        .flt_bcast(flt_bcast), .flt_mcast(flt_mcast),
        .vlan_valid(vlan_valid), .vlan_tci(vlan_tci), .vlan_pass(vlan_pass),
        .wr_en(fifo_wr), .wr_addr(fifo_wr_addr), .wr_data(fifo_wr_data),
        .release_valid(release_valid), .release_blocks(release_blocks),
        .free_blocks(free_blocks), .store(store), .store_len(store_len), .store_ce(store_ce), .store_pif(store_pif),
        .word_valid(word_valid), .word_first(word_first), .word_last(word_last),
        .store_tagged(store_tagged), .store_cut(store_cut), .store_tci(store_tci),
        .ev_valid(ev_valid), .ev_len(ev_len), .ev_crcerrs(ev_crcerrs), .ev_rfc(ev_rfc), .ev_rjc(ev_rjc),
        .ev_ruc(ev_ruc), .ev_roc(ev_roc), .ev_good(ev_good), .ev_bcast(ev_bcast), .ev_mcast(ev_mcast),
        .ev_missed(ev_missed), .busy(filter_busy)
    );

    vnic_fifo_ram #(.DATA_WIDTH(DATA_WIDTH), .WORDS(WORDS), .ADDR_BITS(ADDR_BITS)) ram (
        .clk(clk),
        .wr_en(fifo_wr), .wr_addr(fifo_wr_addr), .wr_data(fifo_wr_data),
        .rd_en(src_en), .rd_addr(src_addr), .rd_data(src_data)
    );

    vnic_rx_queue #(.DEPTH_LOG2(QUEUE_LOG2)) queue (
        .clk(clk), .rst(all_rst || empty_fifo),
        .push(store), .push_record({results, store_cut, store_pif, store_ce, store_len}),
        .pop(frame_pop), .record({frame_result, frame_cut, frame_pif, frame_ce, frame_len}), .valid(frame_valid),
        .stalled(frame_valid && rx_en && starved), .rnbc_inc(rnbc_inc), .busy(queue_busy)
    );

    vnic_rx_offload #(.DATA_WIDTH(DATA_WIDTH), .DEPTH_LOG2(QUEUE_LOG2)) offload (
        .clk(clk), .rst(all_rst || empty_fifo), .on(results), .csum(csum), .secrc(secrc),
        .word_valid(word_valid), .word_first(word_first), .word_last(word_last), .word(fifo_wr_data),
        .store(store), .good(ev_good), .len(store_cut ? store_len - 15'd4 : store_len),
        .has_tag(store_tagged), .cut(store_cut), .tci(store_tci),
        .result_valid(result_valid), .checksum(result_checksum), .special(result_special),
        .status(result_status), .errors(result_errors), .result_pop(result_pop)
    );

    vnic_rx_engine #(.DATA_WIDTH(DATA_WIDTH), .WORDS(WORDS), .ADDR_BITS(ADDR_BITS)) engine (
        .clk(clk), .rst(all_rst),
        .clear(empty_fifo), .en(rx_en), .secrc(secrc), .bsize(bsize),
        .frame_valid(frame_valid), .frame_len(frame_len), .frame_ce(frame_ce), .frame_pif(frame_pif),
        .frame_cut(frame_cut), .frame_result(frame_result), .frame_pop(frame_pop),
        .result_valid(result_valid), .result_checksum(result_checksum), .result_special(result_special),
        .result_status(result_status), .result_errors(result_errors), .result_pop(result_pop),
        .desc_valid(desc_valid), .desc_ready(desc_ready), .desc_addr(desc[63:0]),
        .job_valid(data_valid), .job_ready(data_ready), .job_addr(data_addr), .job_len(data_len),
        .job_src(data_src), .job_eop(data_eop), .job_blocks(data_blocks), .job_done(data_done),
        .wb_valid(done_valid), .wb_ready(done_ready), .wb_desc(done_desc), .wb_eop(done_eop), .wb_more(done_more),
        .busy(engine_busy)
    );

    vnic_desc_fetch #(.DATA_WIDTH(DATA_WIDTH)) fetch (
        .clk(clk), .rst(all_rst),
        .en(rx_en), .ring_base(ring_base), .ring_len(ring_len), .tail(tail), .flush(flush), .head_wr(head_wr),
        .head_wdata(head_wdata), .ring_idle(ring_idle), .load_head(load_head), .load_head_data(load_head_data),
        .job_valid(rd_valid), .job_ready(rd_ready), .job_addr(rd_addr), .job_len(rd_len),
        .r_valid(rd_data_valid), .r_data(rd_data),
        .desc_valid(desc_valid), .desc_ready(desc_ready), .desc(desc), .starved(starved), .busy(fetch_busy)
    );

    vnic_desc_wb wb (
        .clk(clk), .rst(all_rst),
        .ring_base(ring_base), .ring_len(ring_len), .tail(tail), .load_head(load_head),
        .load_head_data(load_head_data),
        .in_valid(done_valid), .in_ready(done_ready), .in_desc(done_desc), .in_write(1'b1), .in_hole(1'b0),
        .in_cause({1'b0, done_eop}), .in_more(done_more),
        .job_valid(wb_valid), .job_ready(wb_ready), .job_addr(wb_addr), .job_len(wb_len),
        .line_data(wb_line), .line_strb(wb_strb), .line_pop(wb_pop), .job_done(wb_done),
        .head(head), .retire(retire), .retire_free_before(free_before), .retire_free(free_after),
        .retire_cause(cause), .busy(wb_busy)
    );

    // RXDMT0: RDMTS 0, 1, 2 = half, a quarter, an eighth of the ring
    wire [15:0] threshold = (ring_len[19:4] >> 1) >> rdmts;
    assign int_eop = retire && cause[0];
    assign int_dmt0 = retire && free_before > threshold && free_after <= threshold;

    assign quiet = ring_idle && !fetch_busy && !rx_en;
    assign busy = filter_busy || engine_busy || wb_busy || fetch_busy || queue_busy;

    wire unused = &{1'b0, desc[127:64], cause[1]};

endmodule

`resetall
