// SPDX-License-Identifier: MIT
/*
 * Another program that is given queues, which it finds by name. Here it is this one again,
 * with an argument; any will do.
 */
#include <pyqueue.h>
#include <stdio.h>

static int worker(void)
{
	pyq_queue *jobs, *results;
	int n;

	if (pyq_process_queue("jobs", &jobs) || pyq_process_queue("results", &results)) {
		fprintf(stderr, "exec: no queues; this is started by exec without arguments\n");
		return 1;
	}
	while (pyq_get(jobs, &n, sizeof(n), PYQ_FOREVER) == sizeof(n)) {
		n *= n;
		pyq_put(results, &n, sizeof(n), PYQ_FOREVER);
	}
	pyq_close(jobs);
	pyq_close(results);
	return 0;
}

int main(int argc, char **argv)
{
	struct pyq_process_queue queues[] = { { .name = "jobs" }, { .name = "results" } };
	struct pyq_process p = {
		.argv = (const char *const[]){ "/proc/self/exe", "worker", NULL },
		.queues = queues,
		.nr_queues = 2,
	};
	int err = 0, n;

	(void)argv;
	if (argc > 1)
		return worker();
	for (int i = 0; !err && i < 2; i++)
		err = pyq_create(&queues[i].q, &(struct pyq_attr){ .maxsize = 10 });
	if (!err)
		err = pyq_process_start(&p);
	if (err) {
		fprintf(stderr, "exec: %s\n", pyq_strerror(err));
		return 1;
	}
	for (n = 1; n <= 3; n++)
		pyq_put(queues[0].q, &n, sizeof(n), PYQ_FOREVER);
	pyq_shutdown(queues[0].q, false);
	for (int i = 1; i <= 3; i++) {
		if (pyq_get(queues[1].q, &n, sizeof(n), PYQ_SECONDS(10)) == sizeof(n))
			printf("%d * %d is %d\n", i, i, n);
	}
	pyq_process_join(&p, PYQ_FOREVER);
	pyq_process_close(&p);
	pyq_close(queues[0].q);
	pyq_close(queues[1].q);
	return 0;
}
