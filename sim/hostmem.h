/* Host memory and frame queues of the co-simulation bench, as a VPI module for Icarus Verilog.
 *
 * cocotb runs Python inside the simulator's own process, so Python opens this same library by ctypes and
 * hands over the file descriptor of its HostMemory: simulator and Python then see the same bytes, and a bus
 * beat never wakes Python. The Verilog side (hostmem.v, axis_source.v, axis_sink.v) decides *when* a beat
 * happens; this module decides what is in it. At most one call is made for a beat.
 *
 *   hostmem.c        memory, the log of bursts, and what Python calls to reach them
 *   hostmem_write.c  write bursts: AW, W, B
 *   hostmem_read.c   read bursts: AR, R
 *   hostmem_line.c   frame queues to and from the NIC
 *   hostmem_vpi.c    values in and out of the simulator, faults, registration of the tasks
 *
 * There is one host memory in a simulation; all state is static.
 */
#ifndef HOSTMEM_H
#define HOSTMEM_H

#include <stddef.h>
#include <stdint.h>
#include <vpi_user.h>

#define MAX_ARGS 5
#define MAX_BEAT 64     /* bytes: 512 bits */
#define MAX_BURSTS 64   /* more than hostmem.v lets be outstanding */
#define IDS 16
#define RESP_DECERR 3u

/* The library shows only what Python calls; everything else is called directly, without a table. */
#define PYTHON __attribute__((visibility("default")))

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

/* ---- hostmem.c ---- */

extern unsigned beat_bytes;       /* data bus width in bytes, set by $hm_setup */
extern uint64_t full_mask;
extern struct counters totals;

/* Host address of [address, address + length), or NULL unless one region holds all of it. */
uint8_t *locate(uint64_t address, uint64_t length);

void log_burst(int write, uint32_t id, uint64_t axaddr, uint64_t address, uint64_t length, uint32_t strobes,
               uint32_t beats, int ok);

/* ---- hostmem_vpi.c ---- */

struct call {                     /* argument handles, resolved once a call site */
    vpiHandle arg[MAX_ARGS];
    uint64_t last_put;            /* last value of a control output; it is put only when it changes */
    int put_before;
};

/* The call site of the task that runs. */
struct call *this_call(void);

/* Report the first fault in one line and end the simulation. */
void stop(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Simulated time in nanoseconds. */
uint64_t now(void);

/* From the simulator's time precision. */
void set_time_unit(void);

/* A vector of up to 64 bits. `unknown` gets a bit set if any bit is X or Z. */
uint64_t get_bits(vpiHandle handle, uint32_t *unknown);

/* A control output of up to 64 bits, put only when it differs from the last one. */
void put_bits(struct call *call, int index, uint64_t bits);

void put_beat(vpiHandle handle, const uint8_t *bytes);

/* The lanes of a beat; returns a mask of the byte lanes that hold an X or Z. */
uint64_t get_beat(vpiHandle handle, uint8_t *bytes);

/* Arguments common to AW and AR: (address, id, len, size, burst). Returns 0 after reporting what is illegal. */
int get_request(struct call *call, const char *channel, uint64_t *address, uint32_t *id, uint32_t *beats);

/* ---- tasks: what each does stands above it ---- */

PLI_INT32 setup_call(PLI_BYTE8 *unused);
PLI_INT32 aw_call(PLI_BYTE8 *unused);
PLI_INT32 w_call(PLI_BYTE8 *unused);
PLI_INT32 w_part_call(PLI_BYTE8 *unused);
PLI_INT32 w_last_call(PLI_BYTE8 *unused);
PLI_INT32 b_call(PLI_BYTE8 *unused);
PLI_INT32 ar_call(PLI_BYTE8 *unused);
PLI_INT32 r_call(PLI_BYTE8 *unused);
PLI_INT32 rx_peek_call(PLI_BYTE8 *unused);
PLI_INT32 rx_beat_call(PLI_BYTE8 *unused);
PLI_INT32 tx_beat_call(PLI_BYTE8 *unused);
PLI_INT32 tx_part_call(PLI_BYTE8 *unused);

/* hostmem_write.c: nothing is in flight. */
void reset_writes(void);

#endif
