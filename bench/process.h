/* process: how much processor and memory a local server uses, as /proc tells.
 *
 * A server is a process and all that descend from it. Processor time of children that have ended
 * is in their parent's sum once it has waited for them. Only reads.
 */
#ifndef RINGPOST_BENCH_PROCESS_H
#define RINGPOST_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>

struct process_use {
    double cpu_s;           /* so far */
    uint64_t memory_bytes;  /* resident, summed: what processes share counts once for each */
    uint32_t process_count; /* 0: it is not there */
};

/* What the process and its descendants use now. */
struct process_use process_use_of(int pid);

/* Processor time of this program itself so far. */
double process_own_cpu_s(void);

#endif
