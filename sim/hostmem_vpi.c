/* Values in and out of the simulator, faults, and the registration of the bench's tasks. */
#include "hostmem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t steps_per_ns = 1;
static char fault[256];

void stop(const char *format, ...)
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

void set_time_unit(void)
{
    int precision = vpi_get(vpiTimePrecision, NULL);

    for (steps_per_ns = 1; precision < -9; precision++)
        steps_per_ns *= 10;
}

uint64_t now(void)
{
    s_vpi_time t;

    t.type = vpiSimTime;
    vpi_get_time(NULL, &t);
    return ((uint64_t)t.high << 32 | t.low) / steps_per_ns;
}

struct call *this_call(void)
{
    return vpi_get_userdata(vpi_handle(vpiSysTfCall, NULL));
}

uint64_t get_bits(vpiHandle handle, uint32_t *unknown)
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

void put_bits(struct call *call, int index, uint64_t bits)
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

void put_beat(vpiHandle handle, const uint8_t *bytes)
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

uint64_t get_beat(vpiHandle handle, uint8_t *bytes)
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

int get_request(struct call *call, const char *channel, uint64_t *address, uint32_t *id, uint32_t *beats)
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

PYTHON uint64_t hostmem_now(void)
{
    return now();
}

PYTHON const char *hostmem_fault(void)
{
    return fault;
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

PYTHON void (*vlog_startup_routines[])(void) = {register_all, NULL};
