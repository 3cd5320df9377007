// SPDX-License-Identifier: Apache-2.0
//
// Everything between the read channel and the MAC's transmit stream: descriptor ring, cutter, engine,
// gatherer, offloads, store-and-forward frame FIFO, output, loopback.

`resetall
`timescale 1ns / 1ps
`default_nettype none

module vnic_tx_path #(
    // Bus width in bits: 64, 128, 256 or 512
    parameter DATA_WIDTH = 64,
    // FIFO words, a power of two, and bits of a word address
    parameter WORDS = 2048,
    parameter ADDR_BITS = 11
) (
    input  wire                    clk,
    input  wire                    rst,
    // Reset by software: as rst, but the output stream stays well formed
    input  wire                    clear,

    // Configuration
    input  wire                    tx_en,
    input  wire                    psp,
    input  wire                    link_up,
    input  wire                    loopback,
    input  wire                    vme,
    input  wire [15:0]             vet,
    input  wire [63:0]             ring_base,
    input  wire [19:0]             ring_len,
    input  wire [15:0]             tail,
    input  wire                    flush,
    input  wire                    head_wr,
    input  wire [15:0]             head_wdata,
    output wire [15:0]             head,

    // Descriptor reads
    output wire                    rd_valid,
    input  wire                    rd_ready,
    output wire [63:0]             rd_addr,
    output wire [6:0]              rd_len,
    input  wire                    rd_data_valid,
    // Frame data reads
    output wire                    data_valid,
    input  wire                    data_ready,
    output wire [63:0]             data_addr,
    output wire [15:0]             data_len,
    input  wire                    data_data_valid,
    output wire                    data_stall,
    input  wire [DATA_WIDTH-1:0]   rd_data,

    // Descriptor writes
    output wire                    wb_valid,
    input  wire                    wb_ready,
    output wire [63:0]             wb_addr,
    output wire [6:0]              wb_len,
    output wire [511:0]            wb_line,
    output wire [3:0]              wb_strb,
    input  wire                    wb_pop,
    input  wire                    wb_done,

    // Frames out
    output wire [DATA_WIDTH-1:0]   m_axis_tx_tdata,
    output wire [DATA_WIDTH/8-1:0] m_axis_tx_tkeep,
    output wire                    m_axis_tx_tvalid,
    input  wire                    m_axis_tx_tready,
    output wire                    m_axis_tx_tlast,
    output wire                    m_axis_tx_tuser,
    output wire                    loop_valid,
    output wire                    loop_first,
    output wire                    loop_last,
    output wire [6:0]              loop_count,
    output wire [DATA_WIDTH-1:0]   loop_data,

    // Statistics and interrupt causes
    output wire                    ev_valid,
    output wire [19:0]             ev_len,
    output wire                    ev_bcast,
    output wire                    ev_mcast,
    output wire                    int_dw,
    output wire                    int_dw_ide,
    output wire                    int_qe,
    output wire                    ev_tsctc,
    output wire                    ev_tsctfc,

    // Nothing of this path is on the bus, or will be while tx_en = 0
    output wire                    quiet,
    output wire                    busy
);

    wire                  all_rst = rst || clear;
    wire                  engine_busy;
    wire                  gather_busy;
    wire                  wb_busy;
    wire                  fetch_busy;
    wire                  out_busy;
    wire                  loop_busy;
    wire                  cut_busy;
    wire                  ring_idle = !cut_busy && !engine_busy && !wb_busy;

    wire                  desc_valid;
    wire                  desc_ready;
    wire [127:0]          desc;
    wire                  starved;
    wire                  load_head;
    wire                  piece_valid;
    wire                  piece_ready;
    wire [127:0]          piece_desc;
    wire [63:0]           piece_addr;
    wire [19:0]           piece_len;
    wire                  piece_none;
    wire                  piece_last;
    wire                  piece_eop;
    wire                  piece_end;
    wire                  piece_drop;
    wire                  piece_tso;
    wire                  piece_head;
    wire                  piece_edit;
    wire [14:0]           segment_bytes;
    wire [15:0]           load_head_data;
    wire                  entry_valid;
    wire                  entry_pop;
    wire [157:0]          entry;
    wire                  release_valid;
    wire [11:0]           release_words;
    wire                  fifo_wr;
    wire [ADDR_BITS-1:0]  fifo_wr_addr;
    wire [DATA_WIDTH-1:0] fifo_wr_data;
    wire                  fifo_rd;
    wire [ADDR_BITS-1:0]  fifo_rd_addr;
    wire [DATA_WIDTH-1:0] fifo_rd_data;
    wire                  frame_valid;
    wire [15:0]           frame;
    wire                  step;
    wire                  keep;
    wire                  discard;
    wire                  ifcs;
    wire [7:0]            header_len;
    wire                  header_wr;
    wire                  header_last;
    wire                  play;
    wire                  play_valid;
    wire                  play_last;
    wire [DATA_WIDTH-1:0] play_data;
    wire                  record_valid;
    wire [66:0]           record;
    wire                  record_pop;
    wire                  done_valid;
    wire                  done_ready;
    wire [127:0]          done_desc;
    wire                  done_write;
    wire                  done_hole;
    wire [1:0]            done_cause;
    wire                  retire;
    wire [15:0]           free_before;
    wire [15:0]           free_after;
    wire [1:0]            cause;
    wire                  out_valid;
    wire                  out_ready;
    wire                  out_first;
    wire                  out_last;
    wire [6:0]            out_count;
    wire [DATA_WIDTH-1:0] out_data;

    vnic_desc_fetch #(.DATA_WIDTH(DATA_WIDTH)) fetch (
        .clk(clk), .rst(all_rst),
        .en(tx_en), .ring_base(ring_base), .ring_len(ring_len), .tail(tail), .flush(flush), .head_wr(head_wr),
        .head_wdata(head_wdata), .ring_idle(ring_idle), .load_head(load_head), .load_head_data(load_head_data),
        .job_valid(rd_valid), .job_ready(rd_ready), .job_addr(rd_addr), .job_len(rd_len),
        .r_valid(rd_data_valid), .r_data(rd_data),
        .desc_valid(desc_valid), .desc_ready(desc_ready), .desc(desc), .starved(starved), .busy(fetch_busy)
    );

    vnic_tx_cut cut (
        .clk(clk), .rst(all_rst), .en(tx_en), .forget(load_head),
        .desc_valid(desc_valid), .desc_ready(desc_ready), .desc(desc),
        .piece_valid(piece_valid), .piece_ready(piece_ready), .piece_desc(piece_desc), .piece_addr(piece_addr),
        .piece_len(piece_len), .piece_none(piece_none), .piece_last(piece_last), .piece_eop(piece_eop),
        .piece_end(piece_end), .piece_drop(piece_drop), .piece_tso(piece_tso), .piece_head(piece_head),
        .piece_edit(piece_edit), .segment_bytes(segment_bytes), .busy(cut_busy),
        .ev_tsctc(ev_tsctc), .ev_tsctfc(ev_tsctfc)
    );

    vnic_tx_engine #(.DATA_WIDTH(DATA_WIDTH), .WORDS(WORDS)) engine (
        .clk(clk), .rst(all_rst), .forget(load_head),
        .piece_valid(piece_valid), .piece_ready(piece_ready), .piece_desc(piece_desc), .piece_addr(piece_addr),
        .piece_len(piece_len), .piece_none(piece_none), .piece_last(piece_last), .piece_eop(piece_eop),
        .piece_end(piece_end), .piece_drop(piece_drop), .piece_tso(piece_tso), .piece_head(piece_head),
        .piece_edit(piece_edit), .segment_bytes(segment_bytes),
        .job_valid(data_valid), .job_ready(data_ready), .job_addr(data_addr), .job_len(data_len),
        .entry_valid(entry_valid), .entry_pop(entry_pop), .entry(entry),
        .release_valid(release_valid), .release_words(release_words), .release_edit(record_pop),
        .busy(engine_busy)
    );

    vnic_tx_gather #(.DATA_WIDTH(DATA_WIDTH), .ADDR_BITS(ADDR_BITS)) gather (
        .clk(clk), .rst(all_rst), .forget(load_head),
        .entry_valid(entry_valid), .entry_pop(entry_pop), .entry(entry),
        .r_valid(data_data_valid), .r_data(rd_data), .stall(data_stall),
        .wr_en(fifo_wr), .wr_addr(fifo_wr_addr), .wr_data(fifo_wr_data),
        .frame_valid(frame_valid), .frame(frame), .step(step), .keep(keep), .discard(discard), .ifcs(ifcs),
        .header_wr(header_wr), .header_last(header_last), .header_len(header_len), .play(play),
        .play_valid(play_valid), .play_last(play_last), .play_data(play_data),
        .wb_valid(done_valid), .wb_ready(done_ready), .wb_desc(done_desc), .wb_write(done_write), .wb_hole(done_hole),
        .wb_cause(done_cause), .busy(gather_busy)
    );

    vnic_tx_offload #(.DATA_WIDTH(DATA_WIDTH)) offload (
        .clk(clk), .rst(all_rst), .forget(load_head),
        .step(step), .done(entry_pop), .keep(keep), .discard(discard), .e_tso(entry[156]), .e_eop(entry[152]),
        .e_desc(entry[127:0]), .ifcs(ifcs),
        .wr_en(fifo_wr), .wr_data(fifo_wr_data), .frame_valid(frame_valid), .frame_edit(frame[15]),
        .frame_len(frame[13:0]),
        .header_wr(header_wr), .header_last(header_last), .header_len(header_len), .play(play),
        .play_valid(play_valid), .play_last(play_last), .play_data(play_data),
        .record_valid(record_valid), .record(record), .record_pop(record_pop)
    );

    vnic_desc_wb wb (
        .clk(clk), .rst(all_rst),
        .ring_base(ring_base), .ring_len(ring_len), .tail(tail), .load_head(load_head),
        .load_head_data(load_head_data),
        .in_valid(done_valid), .in_ready(done_ready), .in_desc(done_desc), .in_write(done_write), .in_hole(done_hole),
        .in_cause(done_cause), .in_more(entry_valid || (piece_valid && piece_ready)),
        .job_valid(wb_valid), .job_ready(wb_ready), .job_addr(wb_addr), .job_len(wb_len),
        .line_data(wb_line), .line_strb(wb_strb), .line_pop(wb_pop), .job_done(wb_done),
        .head(head), .retire(retire), .retire_free_before(free_before), .retire_free(free_after),
        .retire_cause(cause), .busy(wb_busy)
    );

    vnic_fifo_ram #(.DATA_WIDTH(DATA_WIDTH), .WORDS(WORDS), .ADDR_BITS(ADDR_BITS)) ram (
        .clk(clk),
        .wr_en(fifo_wr), .wr_addr(fifo_wr_addr), .wr_data(fifo_wr_data),
        .rd_en(fifo_rd), .rd_addr(fifo_rd_addr), .rd_data(fifo_rd_data)
    );

    vnic_tx_out #(.DATA_WIDTH(DATA_WIDTH), .ADDR_BITS(ADDR_BITS)) out (
        .clk(clk), .rst(rst), .clear(clear),
        .psp(psp), .link_up(link_up), .loopback(loopback), .vme(vme), .vet(vet),
        .frame_valid(frame_valid), .frame(frame), .record_valid(record_valid), .record(record),
        .record_pop(record_pop),
        .rd_en(fifo_rd), .rd_addr(fifo_rd_addr), .rd_data(fifo_rd_data),
        .release_valid(release_valid), .release_words(release_words),
        .m_axis_tx_tdata(m_axis_tx_tdata), .m_axis_tx_tkeep(m_axis_tx_tkeep),
        .m_axis_tx_tvalid(m_axis_tx_tvalid), .m_axis_tx_tready(m_axis_tx_tready),
        .m_axis_tx_tlast(m_axis_tx_tlast), .m_axis_tx_tuser(m_axis_tx_tuser),
        .loop_valid(out_valid), .loop_ready(out_ready), .loop_first(out_first), .loop_last(out_last),
        .loop_count(out_count), .loop_data(out_data),
        .ev_valid(ev_valid), .ev_len(ev_len), .ev_bcast(ev_bcast), .ev_mcast(ev_mcast), .busy(out_busy)
    );

    vnic_tx_loop #(.DATA_WIDTH(DATA_WIDTH)) loop (
        .clk(clk), .rst(all_rst),
        .in_valid(out_valid), .in_ready(out_ready), .in_first(out_first), .in_last(out_last),
        .in_count(out_count), .in_data(out_data),
        .out_valid(loop_valid), .out_first(loop_first), .out_last(loop_last), .out_count(loop_count),
        .out_data(loop_data), .busy(loop_busy)
    );

    assign int_dw = retire && cause[0];
    assign int_dw_ide = retire && cause[1];
    assign int_qe = retire && free_after == 16'd0;

    // A descriptor that waits for FIFO room keeps the path busy, but not on the bus
    assign quiet = ring_idle && !fetch_busy && !tx_en;
    assign busy = cut_busy || engine_busy || gather_busy || wb_busy || fetch_busy || out_busy || loop_busy;

    wire unused = &{1'b0, starved, free_before};

endmodule

`resetall
