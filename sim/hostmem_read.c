/* Read bursts of the bench's memory: answered in order, with all ones where there is no memory. */
#include "hostmem.h"

struct read_burst {
    uint64_t axaddr, line;
    uint32_t id, beats, done;
    uint8_t *bytes;               /* host address of byte `line`, NULL = outside memory */
};

static struct read_burst read_pool[MAX_BURSTS];
static unsigned read_head, read_count;

/* $hm_ar(araddr, arid, arlen, arsize, arburst) */
PLI_INT32 ar_call(PLI_BYTE8 *unused)
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
PLI_INT32 r_call(PLI_BYTE8 *unused)
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
