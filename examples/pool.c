// SPDX-License-Identifier: MIT
/* A pool, as multiprocessing.Pool(3) and ten times pool.apply_async(work, (number,)). */
#include <pyqueue.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int work(struct pyq_call *call)
{
	const int *number = call->arg;

	printf("worker %d does task %d\n", getpid(), *number);
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	return 0;
}

int main(void)
{
	pyq_pool *pool;
	int err;

	/* Lines, in the order in which the workers print them. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	err = pyq_pool_create(&pool, &(struct pyq_pool_attr){ .workers = 3 });
	for (int number = 1; !err && number <= 10; number++) {
		struct pyq_task task = { .function = work, PYQ_ARG(int, number) };

		err = pyq_pool_apply_async(pool, &task, PYQ_FOREVER, NULL);
	}
	if (!err)
		err = pyq_pool_close(pool);
	if (!err)
		err = pyq_pool_join(pool, PYQ_FOREVER);
	if (err) {
		fprintf(stderr, "pool: %s\n", pyq_pool_strerror(err));
		return 1;
	}
	pyq_pool_destroy(pool);
	printf("all done\n");
	return 0;
}
