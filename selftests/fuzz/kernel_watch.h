/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel tells of itself while an input is played: which of the module's code has
 * been run (KCOV, for the module alone), and whether there is a complaint in its log.
 */
#ifndef FUZZ_KERNEL_WATCH_H
#define FUZZ_KERNEL_WATCH_H

#include <linux/kcov.h>

enum { WATCH_PLACES = 1 << 16, WATCH_COUNTERS = 1 << 15 };

/* libFuzzer looks at these. */
__attribute__((section("__libfuzzer_extra_counters")))
static uint8_t watch_counters[WATCH_COUNTERS];

static unsigned long *watch_places;	/* [0]: how many; then where */
static int watch_kcov = -1, watch_log = -1;

static bool watch_complained(void)
{
	static const char *const complaints[] = { "BUG:", "WARNING:", "KASAN", "UBSAN", "INFO: ",
		"Call Trace", "general protection", "possible circular", "suspicious RCU",
		"sleeping function", "refcount_t", "list_add corruption", "list_del corruption" };
	char line[8192];
	bool found = false;
	ssize_t n;

	while ((n = read(watch_log, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		line[n > 0 ? n : 0] = '\0';
		for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
			found |= strstr(line, complaints[i]) != NULL;
	}
	return found;
}

/* Without KCOV inputs are tried that are as good as any. */
static bool watch_begin(void)
{
	watch_log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (watch_log < 0)
		return false;
	/* What was said before is no complaint about an input. */
	lseek(watch_log, 0, SEEK_END);
	watch_kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (watch_kcov < 0) {
		fprintf(stderr, "no KCOV: what of the module is run is not known\n");
		return true;
	}
	if (ioctl(watch_kcov, KCOV_INIT_TRACE, WATCH_PLACES))
		return false;
	watch_places = mmap(NULL, WATCH_PLACES * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED,
			    watch_kcov, 0);
	return watch_places != MAP_FAILED;
}

static void watch_on(void)
{
	if (watch_kcov < 0)
		return;
	if (ioctl(watch_kcov, KCOV_ENABLE, KCOV_TRACE_PC))
		abort();
	__atomic_store_n(&watch_places[0], 0, __ATOMIC_RELAXED);
}

static void watch_off(void)
{
	unsigned long n, last = 0;

	if (watch_kcov < 0)
		return;
	n = __atomic_load_n(&watch_places[0], __ATOMIC_RELAXED);
	if (ioctl(watch_kcov, KCOV_DISABLE, 0))
		abort();
	for (unsigned long i = 1; i <= n && i < WATCH_PLACES; i++) {
		/* From where to where. */
		unsigned long step = (watch_places[i] ^ last >> 1) * 0x9e3779b97f4a7c15UL;
		uint8_t *counter = &watch_counters[step >> 49];

		*counter += *counter < UINT8_MAX;
		last = watch_places[i];
	}
}

#endif
