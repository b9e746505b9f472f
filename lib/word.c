// SPDX-License-Identifier: MIT
/* Sleeping while a word has a value. */
#include <limits.h>
#include <time.h>
#include <unistd.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "word.h"

/* How long somebody sleeps without looking, in nanoseconds, between processes. */
#ifndef SLICE
#define SLICE 250000000
#endif

/* Those of one process are cheaper for the kernel to find. */
static int operation(int op, bool shared)
{
	return shared ? op : op | FUTEX_PRIVATE_FLAG;
}

uint64_t pyqi_slice_end(void)
{
	return pyqi_now() + SLICE;
}

void pyqi_word_sleep(const uint32_t *word, uint32_t value, uint64_t deadline, bool shared)
{
	PYQI_KEEP_ERRNO;
	uint64_t end = deadline;
	struct timespec until;

	if (shared) {
		const uint64_t slice = pyqi_slice_end();

		end = slice < deadline ? slice : deadline;
	}
	until.tv_sec = (time_t)(end / 1000000000);
	until.tv_nsec = (long)(end % 1000000000);
	/* WAIT_BITSET takes an absolute time. */
	syscall(SYS_futex, word, operation(FUTEX_WAIT_BITSET, shared), value,
		end == PYQI_FOREVER ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY);
}

void pyqi_word_wake(const uint32_t *word, uint32_t n, bool shared)
{
	PYQI_KEEP_ERRNO;

	syscall(SYS_futex, word, operation(FUTEX_WAKE, shared), n > INT_MAX ? INT_MAX : (int)n,
		NULL, NULL, 0);
}
