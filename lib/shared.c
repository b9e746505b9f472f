// SPDX-License-Identifier: MIT
/* Memory for what is shared with children. */
#include <sys/mman.h>

#include "priv.h"

#include <pyqueue/lock.h>

void *pyq_shared_alloc(size_t size)
{
	PYQI_KEEP_ERRNO;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

void pyq_shared_free(void *memory, size_t size)
{
	PYQI_KEEP_ERRNO;

	if (memory)
		munmap(memory, size);
}
