// SPDX-License-Identifier: MIT
/* Which process this is. */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "generation.h"
#include "priv.h"

struct pyqi_process *pyqi_process;

/* Copied by fork, so that a child's number is larger than all of its ancestors'. */
static uint64_t last_generation;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int begin_error;

static void begin(void)
{
	size_t size = (size_t)sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page == MAP_FAILED) {
		begin_error = -ENOMEM;
		return;
	}
	if (madvise(page, size, MADV_WIPEONFORK)) {
		begin_error = -EOPNOTSUPP;
		munmap(page, size);
		return;
	}
	/* Zeros are PTHREAD_MUTEX_INITIALIZER, here and in every child. */
	pyqi_process = page;
}

int pyqi_process_begin(void)
{
	PYQI_KEEP_ERRNO;

	pthread_once(&once, begin);
	return begin_error;
}

uint64_t pyqi_generation_new(void)
{
	uint64_t generation;

	pthread_mutex_lock(&pyqi_process->lock);
	generation = pyqi_process->generation;
	if (!generation) {
		generation = ++last_generation;
		__atomic_store_n(&pyqi_process->generation, generation, __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&pyqi_process->lock);
	return generation;
}
