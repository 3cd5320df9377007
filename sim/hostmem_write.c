/* Write bursts of the bench's memory.
 *
 * A write becomes visible in memory, and is logged, when its response is sent ($hm_b), not when its data
 * arrives: a NIC that writes back a descriptor before the data's response is caught in the act.
 */
#include "hostmem.h"

#include <string.h>

#define MAX_BEATS 256   /* AXI4 INCR */
#define CACHE_LINE 64

struct write_burst {
    uint64_t axaddr, line;        /* line: axaddr rounded down to a beat */
    uint64_t first, last;         /* strobed bytes; last is one past; first > last = none */
    uint32_t id, beats, done, strobes;
    uint64_t mask[MAX_BEATS];
    uint8_t data[MAX_BEATS * MAX_BEAT];
};

struct fifo {
    unsigned head, count;
    unsigned slot[MAX_BURSTS];
};

static struct write_burst write_pool[MAX_BURSTS];
static unsigned write_free[MAX_BURSTS], write_free_count;
static struct fifo accepted;      /* AW seen, W not complete */
static struct fifo complete[2];   /* W complete, B not sent: [0] data (awid 0), [1] everything else */

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

void reset_writes(void)
{
    unsigned i;

    for (i = 0; i < MAX_BURSTS; i++)
        write_free[i] = i;
    write_free_count = MAX_BURSTS;
}

/* $hm_aw(awaddr, awid, awlen, awsize, awburst) */
PLI_INT32 aw_call(PLI_BYTE8 *unused)
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
PLI_INT32 w_call(PLI_BYTE8 *unused)
{
    (void)unused;
    take_write_beat(this_call()->arg[0], full_mask, 0);
    return 0;
}

/* $hm_w_part(wdata, wstrb): not the last beat */
PLI_INT32 w_part_call(PLI_BYTE8 *unused)
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
PLI_INT32 w_last_call(PLI_BYTE8 *unused)
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
PLI_INT32 b_call(PLI_BYTE8 *unused)
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
