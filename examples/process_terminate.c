// SPDX-License-Identifier: MIT
/* A process that would not end: join with a timeout, is_alive, terminate, exitcode. */
#include <pyqueue.h>
#include <stdio.h>
#include <unistd.h>

static int sleep_for_ever(void *arg)
{
	(void)arg;
	return pause();
}

int main(void)
{
	struct pyq_process p = { .target = sleep_for_ever };
	int code = 0, err = pyq_process_start(&p);

	if (err) {
		fprintf(stderr, "process_terminate: %s\n", pyq_strerror(err));
		return 1;
	}
	if (pyq_process_join(&p, PYQ_SECONDS(0.2)) == -ETIMEDOUT)
		printf("after 0.2 seconds it has not ended\n");
	printf("alive: %s\n", pyq_process_is_alive(&p) ? "yes" : "no");
	pyq_process_terminate(&p);
	pyq_process_join(&p, PYQ_FOREVER);
	pyq_process_exitcode(&p, &code);
	printf("alive: %s, exit code: %d\n", pyq_process_is_alive(&p) ? "yes" : "no", code);
	pyq_process_close(&p);
	return 0;
}
