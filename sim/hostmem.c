/* Memory of the bench, the log of bursts, and what Python calls to reach them. */
#define _GNU_SOURCE
#include "hostmem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAX_REGIONS 16

struct region {
    uint64_t base, size;
    uint8_t *bytes;
};

unsigned beat_bytes;
uint64_t full_mask;
struct counters totals;

static struct region regions[MAX_REGIONS];
static unsigned region_count;
/* What of it the NIC may reach, once hostmem_restrict was called. Regions stay mapped: a burst under way holds
   the address of its bytes. */
static struct region windows[MAX_REGIONS];
static unsigned window_count;
static int restricted;
static struct burst_record *record;
static size_t record_count, record_room;

static struct region *find(struct region *in, unsigned count, uint64_t address, uint64_t length)
{
    unsigned i;

    for (i = 0; i < count; i++) {
        struct region *r = &in[i];
        if (address >= r->base && address - r->base < r->size && length <= r->size - (address - r->base))
            return r;
    }
    return NULL;
}

uint8_t *locate(uint64_t address, uint64_t length)
{
    struct region *r = find(regions, region_count, address, length);

    if (!r || (restricted && !find(windows, window_count, address, length)))
        return NULL;
    return r->bytes + (address - r->base);
}

void log_burst(int write, uint32_t id, uint64_t axaddr, uint64_t address, uint64_t length, uint32_t strobes,
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

/* $hm_setup(bytes per beat) */
PLI_INT32 setup_call(PLI_BYTE8 *unused)
{
    uint32_t unknown = 0;

    (void)unused;
    set_time_unit();
    beat_bytes = (unsigned)get_bits(this_call()->arg[0], &unknown);
    if (unknown || beat_bytes < 4 || beat_bytes > MAX_BEAT || (beat_bytes & (beat_bytes - 1))) {
        stop("data bus of %u bytes; 4 to %d and a power of two are modelled", beat_bytes, MAX_BEAT);
        return 0;
    }
    full_mask = beat_bytes == 64 ? ~(uint64_t)0 : ((uint64_t)1 << beat_bytes) - 1;
    reset_writes();
    return 0;
}

/* ---- what Python calls ---- */

PYTHON struct counters *hostmem_counters(void)
{
    return &totals;
}

/* Map a region of the memory behind `fd`; returns 0 or an errno. */
PYTHON int hostmem_add_region(int fd, uint64_t base, uint64_t size, uint64_t offset)
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
PYTHON void hostmem_detach(void)
{
    restricted = 0;
    while (region_count) {
        region_count--;
        munmap(regions[region_count].bytes, regions[region_count].size);
    }
}

/* From the next burst on the NIC reaches nothing but what hostmem_permit names. */
PYTHON void hostmem_restrict(void)
{
    restricted = 1;
    window_count = 0;
}

/* Let the NIC reach this again; returns 0 or an errno. */
PYTHON int hostmem_permit(uint64_t base, uint64_t size)
{
    if (window_count == MAX_REGIONS)
        return ENOSPC;
    windows[window_count].base = base;
    windows[window_count].size = size;
    window_count++;
    return 0;
}

/* The log so far: *records points at it until the next call of hostmem_log_clear. Returns the count. */
PYTHON size_t hostmem_log(const struct burst_record **records)
{
    *records = record;
    return record_count;
}

PYTHON void hostmem_log_clear(void)
{
    record_count = 0;
}
