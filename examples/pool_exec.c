// SPDX-License-Identifier: MIT
/*
 * A pool whose workers are another program, with a table of functions: what a program
 * with threads needs, of which a fork is a copy with locks that nobody releases. Here it
 * is this program again, with an argument; any that calls pyq_pool_serve() will do.
 */
#include <pyqueue.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int square(struct pyq_call *call)
{
	int n = *(const int *)call->arg;

	n *= n;
	return pyq_return(call, &n, sizeof(n));
}

static const struct pyq_pool_function functions[] = { { "square", square }, { 0 } };

/* What may hold any lock when the pool is made. */
static void *be_busy(void *over)
{
	while (!__atomic_load_n((int *)over, __ATOMIC_RELAXED))
		free(malloc(100));
	return NULL;
}

static int host(void)
{
	struct pyq_pool_attr attr = {
		.workers = 2,
		.argv = (char *[]){ "/proc/self/exe", "--worker", NULL },
	};
	struct pyq_task task = { .arg = NULL };
	pyq_pool *pool;
	int n = 7, err = pyq_pool_create(&pool, &attr);
	ssize_t ret;

	if (err) {
		fprintf(stderr, "pool_exec: %s\n", pyq_pool_strerror(err));
		return 1;
	}
	task.function = pyq_pool_function(pool, "square");
	task.arg = &n;
	task.len = sizeof(n);
	ret = pyq_pool_apply(pool, &task, &n, sizeof(n));
	if (ret == sizeof(n))
		printf("7 * 7 is %d\n", n);
	else
		fprintf(stderr, "pool_exec: %s\n", pyq_pool_strerror(ret));
	printf("\"cube\" is %s\n", pyq_pool_function(pool, "cube") ? "known" : "not in its table");
	pyq_pool_destroy(pool);
	return ret != sizeof(n);
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int over = 0, code;

	if (argc == 2 && !strcmp(argv[1], "--worker"))
		return pyq_pool_serve(functions, NULL, NULL) != 0;
	if (pthread_create(&thread, NULL, be_busy, &over))
		return 1;
	code = host();
	__atomic_store_n(&over, 1, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return code;
}
