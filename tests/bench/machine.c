// SPDX-License-Identifier: GPL-2.0
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "machine.h"

/* Value of the first line "key : value" of /proc/cpuinfo, or "unknown". */
static void cpuinfo_value(const char *key, char *value, size_t size)
{
	FILE *file = fopen("/proc/cpuinfo", "re");
	char line[512], *colon;

	snprintf(value, size, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		colon = strchr(line, ':');
		if (!colon || strncmp(line, key, strlen(key)) || colon[1] != ' ')
			continue;
		colon[strcspn(colon, "\n")] = 0;
		snprintf(value, size, "%s", colon + 2);
		break;
	}
	if (file)
		fclose(file);
}

static bool bpf_jit(void)
{
	FILE *file = fopen("/proc/sys/net/core/bpf_jit_enable", "re");
	int value = 0;

	if (!file)
		return false;
	if (fscanf(file, "%d", &value) != 1)
		value = 0;
	fclose(file);
	return value != 0;
}

json_t *machine_json(uint32_t cpu_used)
{
	struct utsname uts = {};
	char cpu[256];

	uname(&uts);
	cpuinfo_value("model name", cpu, sizeof(cpu));
	return json_pack("{s:s, s:s, s:I, s:I, s:s, s:b, s:s}", "cpu", cpu, "arch", uts.machine,
			 "cpus", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "cpu_used",
			 (json_int_t)cpu_used, "kernel", uts.release, "bpf_jit", (int)bpf_jit(),
			 "limpet", LIMPET_VERSION);
}
