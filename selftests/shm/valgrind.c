// SPDX-License-Identifier: GPL-2.0
/*
 * Part of programs that run under valgrind: leaks are searched for in the process of
 * each case, and not in the children that it makes. Those leave without closing
 * what they have from their parent; and valgrind does not know MADV_DONTFORK: it
 * would look for pointers where their parent's queues are, and fault at each word.
 */
#include <pthread.h>
#include <valgrind/valgrind.h>

static void in_child(void)
{
	/* The harness makes the first one. */
	static int forks;

	if (++forks > 1)
		VALGRIND_CLO_CHANGE("--leak-check=no");
}

static void __attribute__((constructor)) begin(void)
{
	pthread_atfork(NULL, NULL, in_child);
}
