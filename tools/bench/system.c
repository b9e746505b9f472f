// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "system.h"

static void processor(char *name, size_t size)
{
	FILE *cpuinfo = fopen("/proc/cpuinfo", "re");
	char line[256];

	snprintf(name, size, "unknown");
	while (cpuinfo && fgets(line, sizeof(line), cpuinfo)) {
		char *value = strchr(line, ':');

		if (strncmp(line, "model name", 10) || !value)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(name, size, "%s", value + 1 + strspn(value + 1, " "));
		break;
	}
	if (cpuinfo)
		fclose(cpuinfo);
}

static int look_at_host(struct bench_system *system)
{
	const char *told = getenv(BENCH_HOST_LOAD);
	double *load = system->host_load;
	char rest;

	if (!told || !*told)
		return 0;
	if (sscanf(told, "%lf %lf %lf %ld %c", &load[0], &load[1], &load[2],
		   &system->host_processors, &rest) == 4 &&
	    load[0] >= 0 && system->host_processors > 0)
		return 0;
	system->host_processors = 0;
	return -EINVAL;
}

int bench_system_look(struct bench_system *system)
{
	*system = (struct bench_system){
		.processors = sysconf(_SC_NPROCESSORS_ONLN),
		.made = time(NULL),
	};
	processor(system->processor, sizeof(system->processor));
	uname(&system->kernel);
	/* Left at 0 without /proc. */
	getloadavg(system->load, 3);
	return look_at_host(system);
}
