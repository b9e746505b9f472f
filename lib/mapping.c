// SPDX-License-Identifier: MIT
/* A handle in a child. */
#include "generation.h"
#include "mapping.h"
#include "priv.h"

int pyqi_mapping_renew(pyq_queue *q, const struct pyqi_renewal *how)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const uint64_t generation = pyqi_generation();
	int err = 0;

	pthread_mutex_lock(&pyqi_process->lock);
	if (__atomic_load_n(&q->map.generation, __ATOMIC_ACQUIRE) != generation) {
		const struct pyqi_mapping parents = q->map;

		err = how->attach(q);
		/* The program has closed the fd, and this is another queue, or none. */
		if (!err && q->map.id != parents.id) {
			how->detach(q);
			err = -EBADF;
		} else if (err == -ENOTTY) {
			err = -EBADF;
		}
		if (!err && how->let_go)
			how->let_go(q, &parents);
		if (!err)
			__atomic_store_n(&q->map.generation, generation, __ATOMIC_RELEASE);
		else
			q->map = parents;
	}
	pthread_mutex_unlock(&pyqi_process->lock);
	return err;
}
