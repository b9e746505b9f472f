/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel's fault injection: the n-th thing that could fail in what this task does
 * next, an allocation or a copy to or from it, does. Needs a kernel made for that (make
 * check-debug).
 */
#ifndef PYQUEUE_FAIL_NTH_H
#define PYQUEUE_FAIL_NTH_H

#include "actors.h"

#include <sys/rseq.h>
#include <sys/syscall.h>

struct injector {
	int nth;	/* /proc/thread-self/fail-nth */
};

/*
 * The kernel notes for each thread where it runs, and ends one whose memory for that
 * is not there: that copy, after a fork, may be what fails.
 */
static inline int inject_no_rseq(void)
{
	/* sizeof(struct rseq), when it was registered */
	const unsigned int bytes = 32;

	if (!__rseq_size)
		return 0;
	return syscall(SYS_rseq, (char *)__builtin_thread_pointer() + __rseq_offset, bytes,
		       RSEQ_FLAG_UNREGISTER, RSEQ_SIG) ? -errno : 0;
}

/*
 * Must this kernel inject faults? Those of make check-debug must: a test that finds none to
 * inject there has not been done.
 */
static inline bool inject_must(void)
{
	const char *slow = getenv("PYQUEUE_SLOW");

	return PYQUEUE_SLOW > 1 || (slow && atoi(slow) > 1);
}

/* Which allocations may fail: all, also those that would wait for memory; in silence. */
static inline int inject_open(struct injector *injector)
{
	static const struct { const char *path, *value; } settings[] = {
		{ "/sys/kernel/debug/failslab/ignore-gfp-wait", "N" },
		{ "/sys/kernel/debug/failslab/verbose", "0" },
		{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", "N" },
		{ "/sys/kernel/debug/fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "/sys/kernel/debug/fail_page_alloc/min-order", "0" },
		{ "/sys/kernel/debug/fail_page_alloc/verbose", "0" },
		{ "/sys/kernel/debug/fail_usercopy/verbose", "0" },
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		int err = write_file(settings[i].path, settings[i].value);

		if (err)
			return err;
	}
	injector->nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	return injector->nth < 0 ? -errno : inject_no_rseq();
}

static inline void inject_close(struct injector *injector)
{
	close(injector->nth);
}

static inline bool inject_arm(const struct injector *injector, unsigned int nth)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(injector->nth, text, n, 0) == n;
}

/* Return: whether something has failed since. */
static inline bool inject_disarm(const struct injector *injector)
{
	char text[16] = "";
	/* Both of these copy, and so may be what fails. */
	bool struck = pread(injector->nth, text, sizeof(text) - 1, 0) > 0 && atoi(text) == 0;

	while (!inject_arm(injector, 0))
		;
	return struck;
}

#endif
