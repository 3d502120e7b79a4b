/* SPDX-License-Identifier: GPL-2.0 */
/* How much of a delay is the machine's: for measurements beside which others run. */
#ifndef LIMPET_TESTS_CPU_WAIT_H
#define LIMPET_TESTS_CPU_WAIT_H

#include <stdbool.h>
#include <stdio.h>

/* Seconds that this thread has waited for a CPU: Documentation/scheduler/sched-stats.rst
 * of Linux; 0 if the kernel does not tell. */
static inline double cpu_waited(void)
{
	unsigned long long ran, waited;
	FILE *file = fopen("/proc/thread-self/schedstat", "r");
	bool known = file && fscanf(file, "%llu %llu", &ran, &waited) == 2;

	if (file)
		fclose(file);
	return known ? (double)waited / 1e9 : 0;
}

#endif
