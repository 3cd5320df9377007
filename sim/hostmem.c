/* Host memory and frame queues of the co-simulation bench, as a VPI module for Icarus Verilog.
 *
 * cocotb runs Python inside the simulator's own process, so Python opens this same library by ctypes and
 * hands over the file descriptor of its HostMemory: simulator and Python then see the same bytes, and a bus
 * beat never wakes Python. The Verilog side (hostmem.v, axis_source.v, axis_sink.v) decides *when* a beat
 * happens; this file decides what is in it. At most one call is made for a beat.
 *
 * A write becomes visible in memory, and is logged, when its response is sent ($hm_b), not when its data
 * arrives: a NIC that writes back a descriptor before the data's response is caught in the act.
 *
 * There is one host memory in a simulation; all state is static.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <vpi_user.h>

#define MAX_ARGS 5
#define MAX_REGIONS 16
#define MAX_BEAT 64     /* bytes: 512 bits */
#define MAX_BEATS 256   /* AXI4 INCR */
#define MAX_BURSTS 64   /* more than hostmem.v lets be outstanding */
#define CACHE_LINE 64
#define IDS 16
#define RESP_DECERR 3u

/* ---- what Python sees (vnic/targets/hostmem.py mirrors these two structs) ---- */

struct counters {
    uint64_t write_beats[IDS];    /* accepted on the W channel, by awid */
    uint64_t read_beats[IDS];     /* sent on the R channel, by arid */
    uint64_t first_write;         /* nanoseconds of the first and last W beat; 0 = none yet */
    uint64_t last_write;
    uint64_t write_bursts;
    uint64_t read_bursts;
    uint64_t partial_lines;       /* cache lines written in part only */
    uint64_t rx_frames;           /* frames handed to the NIC in full */
    uint64_t tx_frames;           /* frames the NIC has sent in full */
};

struct burst_record {
    uint64_t time;       /* nanoseconds: response sent (write), last beat (read) */
    uint64_t address;    /* first byte with a strobe; first byte wanted */
    uint64_t axaddr;
    uint32_t length;     /* span in bytes, first to last */
    uint32_t strobes;    /* byte lanes enabled */
    uint16_t beats;
    uint8_t id;
    uint8_t flags;       /* 1 = write, 2 = ok */
    uint32_t reserved;
};

/* ---- state ---- */

struct region {
    uint64_t base, size;
    uint8_t *bytes;
};

struct write_burst {
    uint64_t axaddr, line;        /* line: axaddr rounded down to a beat */
    uint64_t first, last;         /* strobed bytes; last is one past; first > last = none */
    uint32_t id, beats, done, strobes;
    uint64_t mask[MAX_BEATS];
    uint8_t data[MAX_BEATS * MAX_BEAT];
};

struct read_burst {
    uint64_t axaddr, line;
    uint32_t id, beats, done;
    uint8_t *bytes;               /* host address of byte `line`, NULL = outside memory */
};

struct fifo {
    unsigned head, count;
    unsigned slot[MAX_BURSTS];
};

struct buffer {                   /* bytes [start, end) are live */
    uint8_t *bytes;
    size_t start, end, room;
};

struct rx_frame {
    uint32_t length;
    uint32_t error;
};

static struct region regions[MAX_REGIONS];
static unsigned region_count;
static unsigned beat_bytes;       /* data bus width in bytes, set by $hm_setup */
static uint64_t full_mask;
static uint64_t steps_per_ns = 1;

static struct write_burst write_pool[MAX_BURSTS];
static unsigned write_free[MAX_BURSTS], write_free_count;
static struct fifo accepted;      /* AW seen, W not complete */
static struct fifo complete[2];   /* W complete, B not sent: [0] data (awid 0), [1] everything else */

static struct read_burst read_pool[MAX_BURSTS];
static unsigned read_head, read_count;

static struct counters totals;
static struct burst_record *record;
static size_t record_count, record_room;

static struct buffer rx_bytes, rx_frames, tx_bytes, tx_lengths;
static uint32_t rx_sent;          /* bytes of the frame at the head already handed out */
static size_t tx_frame_start;     /* where the frame being collected starts in tx_bytes */
static struct buffer rx_times;    /* nanoseconds of the last beat of each frame handed out, while watched */
static int rx_watched;

static char fault[256];

/* ---- VPI helpers ---- */

struct call {                     /* argument handles, resolved once a call site */
    vpiHandle arg[MAX_ARGS];
    uint64_t last_put;            /* last value of a control output; it is put only when it changes */
    int put_before;
};

static void stop(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Report the first fault in one line and end the simulation. */
static void stop(const char *format, ...)
{
    va_list args;

    if (fault[0])
        return;
    va_start(args, format);
    vsnprintf(fault, sizeof fault, format, args);
    va_end(args);
    vpi_printf("hostmem: error: %s\n", fault);
    vpi_flush();
    vpip_set_return_value(1);
    vpi_control(vpiFinish, 0);
}

/* Simulated time in nanoseconds. */
static uint64_t now(void)
{
    s_vpi_time t;

    t.type = vpiSimTime;
    vpi_get_time(NULL, &t);
    return ((uint64_t)t.high << 32 | t.low) / steps_per_ns;
}

static struct call *this_call(void)
{
    return vpi_get_userdata(vpi_handle(vpiSysTfCall, NULL));
}

/* A vector of up to 64 bits. `unknown` gets a bit set if any bit is X or Z. */
static uint64_t get_bits(vpiHandle handle, uint32_t *unknown)
{
    s_vpi_value v;
    uint64_t bits;

    v.format = vpiVectorVal;
    vpi_get_value(handle, &v);
    bits = (uint32_t)v.value.vector[0].aval;
    *unknown |= (uint32_t)v.value.vector[0].bval;
    if (vpi_get(vpiSize, handle) > 32) {
        bits |= (uint64_t)(uint32_t)v.value.vector[1].aval << 32;
        *unknown |= (uint32_t)v.value.vector[1].bval;
    }
    return bits;
}

/* A control output of up to 64 bits, put only when it differs from the last one. */
static void put_bits(struct call *call, int index, uint64_t bits)
{
    s_vpi_value v;
    s_vpi_vecval words[2] = {{0, 0}, {0, 0}};

    if (call->put_before && call->last_put == bits)
        return;
    call->put_before = 1;
    call->last_put = bits;
    words[0].aval = (PLI_INT32)(uint32_t)bits;
    words[1].aval = (PLI_INT32)(uint32_t)(bits >> 32);
    v.format = vpiVectorVal;
    v.value.vector = words;
    vpi_put_value(call->arg[index], &v, NULL, vpiNoDelay);
}

static void put_beat(vpiHandle handle, const uint8_t *bytes)
{
    s_vpi_value v;
    s_vpi_vecval words[MAX_BEAT / 4];
    unsigned i;

    for (i = 0; i < beat_bytes / 4; i++) {
        uint32_t word;
        memcpy(&word, bytes + 4 * i, 4);
        words[i].aval = (PLI_INT32)word;
        words[i].bval = 0;
    }
    v.format = vpiVectorVal;
    v.value.vector = words;
    vpi_put_value(handle, &v, NULL, vpiNoDelay);
}

/* The lanes of a beat; returns a mask of the byte lanes that hold an X or Z. */
static uint64_t get_beat(vpiHandle handle, uint8_t *bytes)
{
    s_vpi_value v;
    uint64_t bad = 0;
    uint32_t any = 0;
    unsigned i;

    v.format = vpiVectorVal;
    vpi_get_value(handle, &v);
    for (i = 0; i < beat_bytes / 4; i++) {
        uint32_t word = (uint32_t)v.value.vector[i].aval;
        memcpy(bytes + 4 * i, &word, 4);
        any |= (uint32_t)v.value.vector[i].bval;
    }
    if (!any)
        return 0;
    for (i = 0; i < beat_bytes; i++)
        if ((uint32_t)v.value.vector[i / 4].bval >> (8 * (i % 4)) & 0xff)
            bad |= (uint64_t)1 << i;
    return bad;
}

static void fifo_push(struct fifo *f, unsigned slot)
{
    f->slot[(f->head + f->count++) % MAX_BURSTS] = slot;
}

static unsigned fifo_pop(struct fifo *f)
{
    unsigned slot = f->slot[f->head];

    f->head = (f->head + 1) % MAX_BURSTS;
    f->count--;
    return slot;
}

/* Room for `more` bytes at the end of `b`. Consumed bytes are dropped first, so a queue that drains stays small. */
static int buffer_room(struct buffer *b, size_t more)
{
    if (b->start == b->end)
        b->start = b->end = 0;
    if (b->end + more <= b->room)
        return 1;
    if (b->start) {
        memmove(b->bytes, b->bytes + b->start, b->end - b->start);
        b->end -= b->start;
        b->start = 0;
    }
    if (b->end + more > b->room) {
        size_t room = 2 * (b->end + more);
        uint8_t *bytes = realloc(b->bytes, room);
        if (!bytes) {
            stop("out of memory: a queue of %zu bytes", room);
            return 0;
        }
        b->bytes = bytes;
        b->room = room;
    }
    return 1;
}

/* ---- host memory ---- */

/* Host address of [address, address + length), or NULL unless one region holds all of it. */
static uint8_t *locate(uint64_t address, uint64_t length)
{
    unsigned i;

    for (i = 0; i < region_count; i++) {
        struct region *r = &regions[i];
        if (address >= r->base && address - r->base < r->size && length <= r->size - (address - r->base))
            return r->bytes + (address - r->base);
    }
    return NULL;
}

static void log_burst(int write, uint32_t id, uint64_t axaddr, uint64_t address, uint64_t length, uint32_t strobes,
                      uint32_t beats, int ok)
{
    struct burst_record *r;

    if (record_count == record_room) {
        size_t room = record_room ? 2 * record_room : 4096;
        struct burst_record *grown = realloc(record, room * sizeof *record);
        if (!grown) {
            stop("out of memory: a log of %zu bursts", room);
            return;
        }
        record = grown;
        record_room = room;
    }
    r = &record[record_count++];
    r->time = now();
    r->address = address;
    r->axaddr = axaddr;
    r->length = (uint32_t)length;
    r->strobes = strobes;
    r->beats = (uint16_t)beats;
    r->id = (uint8_t)id;
    r->flags = (uint8_t)((write ? 1 : 0) | (ok ? 2 : 0));
    r->reserved = 0;
}

/* Arguments common to AW and AR: (address, id, len, size, burst). Returns 0 after reporting what is illegal. */
static int get_request(struct call *call, const char *channel, uint64_t *address, uint32_t *id, uint32_t *beats)
{
    uint32_t unknown = 0;
    uint32_t size, burst;

    *address = get_bits(call->arg[0], &unknown);
    *id = (uint32_t)get_bits(call->arg[1], &unknown) % IDS;
    *beats = (uint32_t)get_bits(call->arg[2], &unknown) + 1;
    size = (uint32_t)get_bits(call->arg[3], &unknown);
    burst = (uint32_t)get_bits(call->arg[4], &unknown);
    if (unknown) {
        stop("%s channel: address or control holds X or Z at a handshake", channel);
        return 0;
    }
    if (1u << size != beat_bytes || burst != 1) {
        stop("%s channel: size %u burst %u at 0x%llx; only full-width INCR bursts are modelled", channel, size, burst,
             (unsigned long long)*address);
        return 0;
    }
    return 1;
}

/* $hm_setup(bytes per beat) */
static PLI_INT32 setup_call(PLI_BYTE8 *unused)
{
    uint32_t unknown = 0;
    unsigned i;
    int precision = vpi_get(vpiTimePrecision, NULL);

    (void)unused;
    for (steps_per_ns = 1; precision < -9; precision++)
        steps_per_ns *= 10;
    beat_bytes = (unsigned)get_bits(this_call()->arg[0], &unknown);
    if (unknown || beat_bytes < 4 || beat_bytes > MAX_BEAT || (beat_bytes & (beat_bytes - 1))) {
        stop("data bus of %u bytes; 4 to %d and a power of two are modelled", beat_bytes, MAX_BEAT);
        return 0;
    }
    full_mask = beat_bytes == 64 ? ~(uint64_t)0 : ((uint64_t)1 << beat_bytes) - 1;
    for (i = 0; i < MAX_BURSTS; i++)
        write_free[i] = i;
    write_free_count = MAX_BURSTS;
    return 0;
}

/* $hm_aw(awaddr, awid, awlen, awsize, awburst) */
static PLI_INT32 aw_call(PLI_BYTE8 *unused)
{
    uint64_t address;
    uint32_t id, beats;
    struct write_burst *b;

    (void)unused;
    if (!get_request(this_call(), "AW", &address, &id, &beats))
        return 0;
    if (!write_free_count) {
        stop("more than %d writes outstanding", MAX_BURSTS);
        return 0;
    }
    fifo_push(&accepted, write_free[--write_free_count]);
    b = &write_pool[write_free[write_free_count]];
    b->axaddr = address;
    b->line = address & ~(uint64_t)(beat_bytes - 1);
    b->first = ~(uint64_t)0;
    b->last = 0;
    b->id = id;
    b->beats = beats;
    b->done = 0;
    b->strobes = 0;
    totals.write_bursts++;
    return 0;
}

/* One W beat into the oldest accepted burst. Returns NULL after a protocol error. */
static struct write_burst *take_write_beat(vpiHandle data, uint64_t mask, int last)
{
    struct write_burst *b;
    uint64_t bad, base, t;

    if (!accepted.count) {
        stop("W beat without an accepted address");
        return NULL;
    }
    b = &write_pool[accepted.slot[accepted.head]];
    if ((b->done + 1 == b->beats) != last) {
        stop("WLAST %s on beat %u of %u of the write at 0x%llx", last ? "set" : "missing", b->done + 1, b->beats,
             (unsigned long long)b->axaddr);
        return NULL;
    }
    bad = get_beat(data, b->data + (size_t)b->done * beat_bytes);
    if (bad & mask) {
        stop("X or Z in a strobed byte of the write at 0x%llx, beat %u", (unsigned long long)b->axaddr, b->done + 1);
        return NULL;
    }
    b->mask[b->done] = mask;
    base = b->line + (uint64_t)b->done * beat_bytes;
    if (mask) {
        if (b->first == ~(uint64_t)0)
            b->first = base + (uint64_t)__builtin_ctzll(mask);
        b->last = base + 64 - (uint64_t)__builtin_clzll(mask);
        b->strobes += (uint32_t)__builtin_popcountll(mask);
        if (base + (uint64_t)__builtin_ctzll(mask) < b->axaddr) {
            stop("write strobe below AWADDR 0x%llx", (unsigned long long)b->axaddr);
            return NULL;
        }
    }
    b->done++;
    t = now();
    if (!totals.first_write)
        totals.first_write = t;
    totals.last_write = t;
    totals.write_beats[b->id]++;
    return b;
}

/* $hm_w(wdata): not the last beat, all strobes set */
static PLI_INT32 w_call(PLI_BYTE8 *unused)
{
    (void)unused;
    take_write_beat(this_call()->arg[0], full_mask, 0);
    return 0;
}

/* $hm_w_part(wdata, wstrb): not the last beat */
static PLI_INT32 w_part_call(PLI_BYTE8 *unused)
{
    struct call *call = this_call();
    uint32_t unknown = 0;
    uint64_t mask = get_bits(call->arg[1], &unknown);

    (void)unused;
    if (unknown)
        stop("W channel: WSTRB holds X or Z at a handshake");
    else
        take_write_beat(call->arg[0], mask, 0);
    return 0;
}

/* Cache lines that a write covers in part only. */
static unsigned partial_lines(const struct write_burst *b)
{
    uint64_t head, tail;
    unsigned lines;

    if (!b->strobes)
        return 0;
    head = b->first % CACHE_LINE;
    tail = b->last % CACHE_LINE;
    lines = (head != 0) + (tail != 0);
    if (head && tail && b->first / CACHE_LINE == b->last / CACHE_LINE)
        lines = 1;
    return lines;
}

/* $hm_w_last(wdata, wstrb, info): the last beat; info = {partial lines[1:0], 1 = not a data write} */
static PLI_INT32 w_last_call(PLI_BYTE8 *unused)
{
    struct call *call = this_call();
    uint32_t unknown = 0;
    uint64_t mask = get_bits(call->arg[1], &unknown);
    struct write_burst *b;
    unsigned lines;

    (void)unused;
    if (unknown) {
        stop("W channel: WSTRB holds X or Z at a handshake");
        return 0;
    }
    b = take_write_beat(call->arg[0], mask, 1);
    if (!b)
        return 0;
    lines = partial_lines(b);
    totals.partial_lines += lines;
    fifo_push(&complete[b->id != 0], fifo_pop(&accepted));
    put_bits(call, 2, lines << 1 | (b->id != 0));
    return 0;
}

static int commit(const struct write_burst *b)
{
    uint8_t *to;
    size_t skipped;
    unsigned beat, lane;

    if (!b->strobes)
        return locate(b->axaddr, 1) != NULL;
    to = locate(b->first, b->last - b->first);
    if (!to)
        return 0;
    skipped = (size_t)(b->first - b->line);
    for (beat = 0; beat < b->beats; beat++) {
        size_t at = (size_t)beat * beat_bytes;
        if (b->mask[beat] == full_mask) {
            memcpy(to + at - skipped, b->data + at, beat_bytes);
            continue;
        }
        for (lane = 0; lane < beat_bytes; lane++, at++)
            if (b->mask[beat] >> lane & 1)
                to[at - skipped] = b->data[at];
    }
    return 1;
}

/* $hm_b(class, response): the oldest complete write of the class becomes visible; response = {bresp, bid[3:0]} */
static PLI_INT32 b_call(PLI_BYTE8 *unused)
{
    struct call *call = this_call();
    uint32_t unknown = 0;
    unsigned class = get_bits(call->arg[0], &unknown) & 1, slot;
    struct write_burst *b;
    int ok;

    (void)unused;
    if (!complete[class].count) {
        stop("bench: response for a write that is not complete");
        return 0;
    }
    slot = fifo_pop(&complete[class]);
    b = &write_pool[slot];
    write_free[write_free_count++] = slot;
    ok = commit(b);
    if (b->strobes)
        log_burst(1, b->id, b->axaddr, b->first, b->last - b->first, b->strobes, b->beats, ok);
    else
        log_burst(1, b->id, b->axaddr, b->axaddr, 0, 0, b->beats, ok);
    put_bits(call, 1, (uint64_t)(ok ? 0 : RESP_DECERR) << 4 | b->id);
    return 0;
}

/* $hm_ar(araddr, arid, arlen, arsize, arburst) */
static PLI_INT32 ar_call(PLI_BYTE8 *unused)
{
    uint64_t address;
    uint32_t id, beats;
    struct read_burst *b;

    (void)unused;
    if (!get_request(this_call(), "AR", &address, &id, &beats))
        return 0;
    if (read_count == MAX_BURSTS) {
        stop("more than %d reads outstanding", MAX_BURSTS);
        return 0;
    }
    b = &read_pool[(read_head + read_count++) % MAX_BURSTS];
    b->axaddr = address;
    b->line = address & ~(uint64_t)(beat_bytes - 1);
    b->id = id;
    b->beats = beats;
    b->done = 0;
    b->bytes = locate(b->line, (uint64_t)beats * beat_bytes);
    totals.read_bursts++;
    return 0;
}

/* $hm_r(rdata, info): the next beat of the oldest read; info = {rlast, rresp[1:0], rid[3:0]} */
static PLI_INT32 r_call(PLI_BYTE8 *unused)
{
    static const uint8_t ones[MAX_BEAT] = {[0 ... MAX_BEAT - 1] = 0xff};
    struct call *call = this_call();
    struct read_burst *b = &read_pool[read_head];
    int last;

    (void)unused;
    if (!read_count) {
        stop("bench: data for a read that was not asked for");
        return 0;
    }
    put_beat(call->arg[0], b->bytes ? b->bytes + (size_t)b->done * beat_bytes : ones);
    b->done++;
    last = b->done == b->beats;
    put_bits(call, 1, (uint64_t)last << 6 | (uint64_t)(b->bytes ? 0 : RESP_DECERR) << 4 | b->id);
    totals.read_beats[b->id]++;
    if (last) {
        uint64_t end = b->line + (uint64_t)b->beats * beat_bytes;
        uint64_t length = end - b->axaddr;
        log_burst(0, b->id, b->axaddr, b->axaddr, length, (uint32_t)length, b->beats, b->bytes != NULL);
        read_head = (read_head + 1) % MAX_BURSTS;
        read_count--;
    }
    return 0;
}

/* ---- frames ---- */

static uint64_t next_rx_info(void)
{
    struct rx_frame frame;

    if (rx_frames.end - rx_frames.start < sizeof frame)
        return 0;
    memcpy(&frame, rx_frames.bytes + rx_frames.start, sizeof frame);
    return (uint64_t)1 << 12 | (frame.length + 63) / 64;
}

/* $rx_peek(info): info = {1 = a frame waits, its length in 64-byte blocks[11:0]} */
static PLI_INT32 rx_peek_call(PLI_BYTE8 *unused)
{
    (void)unused;
    put_bits(this_call(), 0, next_rx_info());
    return 0;
}

/* $rx_beat(tdata, tkeep, info): the next beat of the frame at the head.
 * info = {1 = first or last beat, tuser, tlast, next frame as in $rx_peek[12:0]}; the last is valid with tlast.
 * tkeep is put only on a frame's first and last beat: all ones in between. */
static PLI_INT32 rx_beat_call(PLI_BYTE8 *unused)
{
    struct call *call = this_call();
    struct rx_frame frame;
    uint32_t left;
    uint64_t next = 0;
    int last, border;

    (void)unused;
    if (rx_frames.end - rx_frames.start < sizeof frame) {
        stop("bench: a beat asked of an empty frame queue");
        return 0;
    }
    memcpy(&frame, rx_frames.bytes + rx_frames.start, sizeof frame);
    if (buffer_room(&rx_bytes, MAX_BEAT))     /* a last beat may be read past the frame's end */
        put_beat(call->arg[0], rx_bytes.bytes + rx_bytes.start);
    left = frame.length - rx_sent;
    last = left <= beat_bytes;
    border = !rx_sent || last;
    if (border) {
        s_vpi_value v;
        s_vpi_vecval words[2] = {{0, 0}, {0, 0}};
        uint64_t keep = left >= beat_bytes ? full_mask : ((uint64_t)1 << left) - 1;
        words[0].aval = (PLI_INT32)(uint32_t)keep;
        words[1].aval = (PLI_INT32)(uint32_t)(keep >> 32);
        v.format = vpiVectorVal;
        v.value.vector = words;
        vpi_put_value(call->arg[1], &v, NULL, vpiNoDelay);
    }
    if (last) {
        rx_bytes.start += left;
        rx_frames.start += sizeof frame;
        rx_sent = 0;
        totals.rx_frames++;
        if (rx_watched && buffer_room(&rx_times, sizeof(uint64_t))) {
            uint64_t time = now();
            memcpy(rx_times.bytes + rx_times.end, &time, sizeof time);
            rx_times.end += sizeof time;
        }
        next = next_rx_info();
    } else {
        rx_bytes.start += beat_bytes;
        rx_sent += beat_bytes;
    }
    put_bits(call, 2, (uint64_t)border << 15 | (uint64_t)(last && frame.error) << 14 | (uint64_t)last << 13 | next);
    return 0;
}

static void take_tx_beat(vpiHandle data, uint64_t mask, int last)
{
    uint64_t bad;
    unsigned bytes = (unsigned)__builtin_popcountll(mask);
    uint32_t length;

    if (!mask || mask & (mask + 1) || (!last && mask != full_mask)) {
        stop("m_axis_tx: TKEEP 0x%llx on a beat with TLAST %d is not a run from lane 0", (unsigned long long)mask, last);
        return;
    }
    if (tx_bytes.start == tx_bytes.end)
        tx_frame_start = 0;
    else
        tx_frame_start -= tx_bytes.start;
    if (!buffer_room(&tx_bytes, MAX_BEAT))
        return;
    tx_frame_start += tx_bytes.start;
    bad = get_beat(data, tx_bytes.bytes + tx_bytes.end);
    if (bad & mask) {
        stop("m_axis_tx: X or Z in a byte of the frame");
        return;
    }
    tx_bytes.end += bytes;
    if (!last)
        return;
    length = (uint32_t)(tx_bytes.end - tx_frame_start);
    if (!buffer_room(&tx_lengths, sizeof length))
        return;
    memcpy(tx_lengths.bytes + tx_lengths.end, &length, sizeof length);
    tx_lengths.end += sizeof length;
    tx_frame_start = tx_bytes.end;
    totals.tx_frames++;
}

/* $tx_beat(tdata): not the last beat, all lanes kept */
static PLI_INT32 tx_beat_call(PLI_BYTE8 *unused)
{
    (void)unused;
    take_tx_beat(this_call()->arg[0], full_mask, 0);
    return 0;
}

/* $tx_part(tdata, tkeep, tlast) */
static PLI_INT32 tx_part_call(PLI_BYTE8 *unused)
{
    struct call *call = this_call();
    uint32_t unknown = 0;
    uint64_t mask = get_bits(call->arg[1], &unknown);
    int last = (int)get_bits(call->arg[2], &unknown);

    (void)unused;
    if (unknown)
        stop("m_axis_tx: TKEEP or TLAST holds X or Z at a handshake");
    else
        take_tx_beat(call->arg[0], mask, last);
    return 0;
}

/* $hm_fault(message): a bench part written in Verilog found something illegal */
static PLI_INT32 fault_call(PLI_BYTE8 *unused)
{
    s_vpi_value v;

    (void)unused;
    v.format = vpiStringVal;
    vpi_get_value(this_call()->arg[0], &v);
    stop("%s", v.value.str);
    return 0;
}

/* ---- what Python calls ---- */

struct counters *hostmem_counters(void)
{
    return &totals;
}

uint64_t hostmem_now(void)
{
    return now();
}

const char *hostmem_fault(void)
{
    return fault;
}

/* Map a region of the memory behind `fd`; returns 0 or an errno. */
int hostmem_add_region(int fd, uint64_t base, uint64_t size, uint64_t offset)
{
    struct stat info;
    void *bytes;

    if (region_count == MAX_REGIONS)
        return ENOSPC;
    if (fstat(fd, &info))
        return errno;
    if (!size || base + size < base || (uint64_t)info.st_size < offset || (uint64_t)info.st_size - offset < size)
        return EINVAL;
    bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)offset);
    if (bytes == MAP_FAILED)
        return errno;
    regions[region_count].base = base;
    regions[region_count].size = size;
    regions[region_count].bytes = bytes;
    region_count++;
    return 0;
}

/* Forget all regions; later accesses answer with an error. */
void hostmem_detach(void)
{
    while (region_count) {
        region_count--;
        munmap(regions[region_count].bytes, regions[region_count].size);
    }
}

/* The log so far: *records points at it until the next call of hostmem_log_clear. Returns the count. */
size_t hostmem_log(const struct burst_record **records)
{
    *records = record;
    return record_count;
}

void hostmem_log_clear(void)
{
    record_count = 0;
}

/* Queue `count` frames: their bytes back to back, lengths in bytes, errors (tuser at tlast). 0, or ENOMEM. */
int hostmem_rx_push(const uint8_t *bytes, const uint32_t *lengths, const uint8_t *errors, size_t count)
{
    size_t i, total = 0;

    for (i = 0; i < count; i++)
        total += lengths[i];
    if (!buffer_room(&rx_bytes, total + MAX_BEAT) || !buffer_room(&rx_frames, count * sizeof(struct rx_frame)))
        return ENOMEM;
    memcpy(rx_bytes.bytes + rx_bytes.end, bytes, total);
    rx_bytes.end += total;
    for (i = 0; i < count; i++) {
        struct rx_frame frame = {lengths[i], errors[i]};
        memcpy(rx_frames.bytes + rx_frames.end, &frame, sizeof frame);
        rx_frames.end += sizeof frame;
    }
    return 0;
}

/* Keep the time of each frame's last beat on its way in (1), or forget them and stop (0). */
void hostmem_rx_watch(int on)
{
    rx_watched = on;
    rx_times.start = rx_times.end = 0;
}

/* The times since hostmem_rx_watch: *times points at them until the next frame. Returns the count. */
size_t hostmem_rx_times(const uint64_t **times)
{
    *times = (const uint64_t *)(const void *)(rx_times.bytes + rx_times.start);
    return (rx_times.end - rx_times.start) / sizeof(uint64_t);
}

/* The frames collected whole since hostmem_tx_clear: bytes back to back and lengths. Returns the count. */
size_t hostmem_tx_peek(const uint8_t **bytes, const uint32_t **lengths)
{
    *bytes = tx_bytes.bytes + tx_bytes.start;
    *lengths = (const uint32_t *)(const void *)(tx_lengths.bytes + tx_lengths.start);
    return (tx_lengths.end - tx_lengths.start) / sizeof(uint32_t);
}

void hostmem_tx_clear(void)
{
    tx_bytes.start = tx_frame_start;
    tx_lengths.start = tx_lengths.end;
}

/* ---- registration ---- */

static PLI_INT32 compile_call(PLI_BYTE8 *user_data)
{
    vpiHandle site = vpi_handle(vpiSysTfCall, NULL);
    vpiHandle args = vpi_iterate(vpiArgument, site);
    struct call *call = calloc(1, sizeof *call);
    int wanted = user_data[0] - '0', count = 0;
    vpiHandle arg;

    if (!call) {
        stop("out of memory");
        return 0;
    }
    while (args && (arg = vpi_scan(args)) != NULL) {
        if (count < MAX_ARGS)
            call->arg[count] = arg;
        count++;
    }
    if (count != wanted)
        stop("bench: %s takes %d arguments, not %d", vpi_get_str(vpiName, site), wanted, count);
    vpi_put_userdata(site, call);
    return 0;
}

static void register_task(const char *name, const char *arguments, PLI_INT32 (*run)(PLI_BYTE8 *))
{
    s_vpi_systf_data task;

    memset(&task, 0, sizeof task);
    task.type = vpiSysTask;
    task.tfname = name;
    task.calltf = run;
    task.compiletf = compile_call;
    task.user_data = (PLI_BYTE8 *)(uintptr_t)arguments;
    vpi_register_systf(&task);
}

static void register_all(void)
{
    register_task("$hm_setup", "1", setup_call);
    register_task("$hm_aw", "5", aw_call);
    register_task("$hm_w", "1", w_call);
    register_task("$hm_w_part", "2", w_part_call);
    register_task("$hm_w_last", "3", w_last_call);
    register_task("$hm_b", "2", b_call);
    register_task("$hm_ar", "5", ar_call);
    register_task("$hm_r", "2", r_call);
    register_task("$hm_fault", "1", fault_call);
    register_task("$rx_peek", "1", rx_peek_call);
    register_task("$rx_beat", "3", rx_beat_call);
    register_task("$tx_beat", "1", tx_beat_call);
    register_task("$tx_part", "3", tx_part_call);
}

void (*vlog_startup_routines[])(void) = {register_all, NULL};
