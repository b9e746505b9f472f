// SPDX-License-Identifier: GPL-2.0
/* See kernel_watch.h. */
#include "kernel_watch.h"

#include <errno.h>
#include <fcntl.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kcov.h>

#define COMPLAINTS "BUG:|WARNING:|KASAN|UBSAN|INFO: |Call Trace|general protection|" \
	"possible (circular|recursive)|inconsistent lock|suspicious RCU|sleeping function|" \
	"refcount_t|list_(add|del) corruption|[Bb]ad page|page allocation failure|memory leak"

enum { PLACES = 1 << 16, COUNTERS = 1 << 15 };

/* libFuzzer looks at these. */
__attribute__((section("__libfuzzer_extra_counters")))
static uint8_t counters[COUNTERS];

static int kcov[WATCHED] = { [0 ... WATCHED - 1] = -1 };
static unsigned long *places[WATCHED];	/* [0]: how many; then where */
static int log = -1;
static regex_t complaints;	/* strstr() would teach libFuzzer words that mean nothing */

bool watch_complained(void)
{
	char line[8192];
	bool found = false;
	ssize_t n;

	while ((n = read(log, line, sizeof(line) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		line[n > 0 ? n : 0] = '\0';
		found |= !regexec(&complaints, line, 0, NULL, 0);
	}
	return found;
}

/* One that selftests/run-all gives more time, or that looks after its locks. */
static bool is_debug_kernel(void)
{
	const char *slow = getenv("PYQUEUE_SLOW");

	return (slow && atoi(slow) > 1) || !access("/proc/lockdep", F_OK);
}

static bool open_kcov(unsigned int who)
{
	kcov[who] = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov[who] < 0 || ioctl(kcov[who], KCOV_INIT_TRACE, PLACES))
		return false;
	places[who] = mmap(NULL, PLACES * sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED,
			   kcov[who], 0);
	return places[who] != MAP_FAILED;
}

bool watch_begin(void (*call)(void))
{
	unsigned long n;

	log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (log < 0 || regcomp(&complaints, COMPLAINTS, REG_EXTENDED | REG_NOSUB))
		return false;
	/* What was said before is no complaint about an input. */
	lseek(log, 0, SEEK_END);
	if (access("/sys/kernel/debug/kcov", F_OK) && !is_debug_kernel()) {
		/* Inputs are tried that are as good as any. */
		fprintf(stderr, "no KCOV: what of the module is run is not known\n");
		return true;
	}
	for (unsigned int who = 0; who < WATCHED; who++)
		if (!open_kcov(who)) {
			perror("KCOV");
			return false;
		}
	watch_on();
	call();
	n = __atomic_load_n(&places[WATCH_SELF][0], __ATOMIC_RELAXED);
	watch_off();
	if (!n)
		fprintf(stderr, "this module does not tell what of it is run\n");
	return n;
}

void watch_other(unsigned int who)
{
	/* If another is in this place that one goes on. */
	if (kcov[who] >= 0)
		ioctl(kcov[who], KCOV_ENABLE, KCOV_TRACE_PC);
}

void watch_on(void)
{
	if (kcov[WATCH_SELF] < 0)
		return;
	for (unsigned int who = 0; who < WATCHED; who++)
		__atomic_store_n(&places[who][0], 0, __ATOMIC_RELAXED);
	if (ioctl(kcov[WATCH_SELF], KCOV_ENABLE, KCOV_TRACE_PC))
		abort();
}

static void count_steps(const unsigned long *from)
{
	unsigned long n = __atomic_load_n(&from[0], __ATOMIC_RELAXED), last = 0;

	for (unsigned long i = 1; i <= n && i < PLACES; i++) {
		/* From where to where. */
		unsigned long step = (from[i] ^ last >> 1) * 0x9e3779b97f4a7c15UL;
		uint8_t *counter = &counters[step >> 49];

		*counter += *counter < UINT8_MAX;
		last = from[i];
	}
}

void watch_off(void)
{
	if (kcov[WATCH_SELF] < 0)
		return;
	if (ioctl(kcov[WATCH_SELF], KCOV_DISABLE, 0))
		abort();
	for (unsigned int who = 0; who < WATCHED; who++)
		count_steps(places[who]);
}
