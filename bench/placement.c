/*
 * Which processors the threads run on while one operation at a time is measured. Waking a thread on
 * another processor costs several times what it costs on the same one, and where the scheduler puts a thread
 * differs from run to run; so both ways are measured, and the bare hand-over the same way.
 */
#include "bench.h"

#include <sched.h>

static cpu_set_t allowed;
static int cpus[2], cpu_count;

static void look(void)
{
    if (cpu_count)
        return;
    if (sched_getaffinity(0, sizeof allowed, &allowed))
        bench_fail("the processors are not known");
    for (int cpu = 0; cpu < CPU_SETSIZE && cpu_count < 2; cpu++)
        if (CPU_ISSET(cpu, &allowed))
            cpus[cpu_count++] = cpu;
}

static void run_on(int cpu)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    if (sched_setaffinity(0, sizeof one, &one))
        bench_fail("the processor cannot be chosen");
}

bool placement_is_possible(enum placement placement)
{
    look();
    return placement != PLACEMENT_APART || cpu_count == 2;
}

void placement_of_threads(enum placement placement)
{
    look();
    if (placement != PLACEMENT_FREE)
        run_on(cpus[placement == PLACEMENT_APART]);
}

void placement_of_caller(enum placement placement)
{
    look();
    if (placement != PLACEMENT_FREE)
        run_on(cpus[0]);
    else if (sched_setaffinity(0, sizeof allowed, &allowed))
        bench_fail("the processors cannot be chosen");
}
