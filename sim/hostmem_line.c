/* The line: frames that Python has queued go to the NIC beat by beat, those that the NIC sends are collected. */
#include "hostmem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct buffer {                   /* bytes [start, end) are live */
    uint8_t *bytes;
    size_t start, end, room;
};

struct rx_frame {
    uint32_t length;
    uint32_t error;
};

static struct buffer rx_bytes, rx_frames, tx_bytes, tx_lengths;
static uint32_t rx_sent;          /* bytes of the frame at the head already handed out */
static size_t tx_frame_start;     /* where the frame being collected starts in tx_bytes */
static struct buffer rx_times;    /* nanoseconds of the last beat of each frame handed out, while watched */
static int rx_watched;

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

static uint64_t next_rx_info(void)
{
    struct rx_frame frame;

    if (rx_frames.end - rx_frames.start < sizeof frame)
        return 0;
    memcpy(&frame, rx_frames.bytes + rx_frames.start, sizeof frame);
    return (uint64_t)1 << 12 | (frame.length + 63) / 64;
}

/* $rx_peek(info): info = {1 = a frame waits, its length in 64-byte blocks[11:0]} */
PLI_INT32 rx_peek_call(PLI_BYTE8 *unused)
{
    (void)unused;
    put_bits(this_call(), 0, next_rx_info());
    return 0;
}

/* $rx_beat(tdata, tkeep, info): the next beat of the frame at the head.
 * info = {1 = first or last beat, tuser, tlast, next frame as in $rx_peek[12:0]}; the last is valid with tlast.
 * tkeep is put only on a frame's first and last beat: all ones in between. */
PLI_INT32 rx_beat_call(PLI_BYTE8 *unused)
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
PLI_INT32 tx_beat_call(PLI_BYTE8 *unused)
{
    (void)unused;
    take_tx_beat(this_call()->arg[0], full_mask, 0);
    return 0;
}

/* $tx_part(tdata, tkeep, tlast) */
PLI_INT32 tx_part_call(PLI_BYTE8 *unused)
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

/* ---- what Python calls ---- */

/* Queue `count` frames: their bytes back to back, lengths in bytes, errors (tuser at tlast). 0, or ENOMEM. */
PYTHON int hostmem_rx_push(const uint8_t *bytes, const uint32_t *lengths, const uint8_t *errors, size_t count)
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
PYTHON void hostmem_rx_watch(int on)
{
    rx_watched = on;
    rx_times.start = rx_times.end = 0;
}

/* The times since hostmem_rx_watch: *times points at them until the next frame. Returns the count. */
PYTHON size_t hostmem_rx_times(const uint64_t **times)
{
    *times = (const uint64_t *)(const void *)(rx_times.bytes + rx_times.start);
    return (rx_times.end - rx_times.start) / sizeof(uint64_t);
}

/* The frames collected whole since hostmem_tx_clear: bytes back to back and lengths. Returns the count. */
PYTHON size_t hostmem_tx_peek(const uint8_t **bytes, const uint32_t **lengths)
{
    *bytes = tx_bytes.bytes + tx_bytes.start;
    *lengths = (const uint32_t *)(const void *)(tx_lengths.bytes + tx_lengths.start);
    return (tx_lengths.end - tx_lengths.start) / sizeof(uint32_t);
}

PYTHON void hostmem_tx_clear(void)
{
    tx_bytes.start = tx_frame_start;
    tx_lengths.start = tx_lengths.end;
}
