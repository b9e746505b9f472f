// SPDX-License-Identifier: MIT
/*
 * A subclass of Process: a structure that begins with one, has fields of its own behind it,
 * and supplies run.
 */
#include <pyqueue.h>
#include <stdio.h>
#include <time.h>

/* Python: class Sleeper(Process) */
struct sleeper {
	struct pyq_process process;
	double interval;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Python: def run(self) */
static int run(struct pyq_process *process)
{
	struct sleeper *self = (struct sleeper *)process;
	double begun = now();

	nanosleep(&(struct timespec){ .tv_nsec = (long)(self->interval * 1e9) }, NULL);
	printf("%s ran for %.1f seconds\n", pyq_process_name(process), now() - begun);
	return 0;
}

static const char *alive(struct sleeper *sleeper)
{
	return pyq_process_is_alive(&sleeper->process) ? "alive" : "not alive";
}

int main(void)
{
	struct sleeper first = { .process = { .run = run }, .interval = 0.2 };
	struct sleeper second = { .process = { .run = run, .name = "sleeper" }, .interval = 0.6 };
	int err;

	/* Lines, in the order in which all three print them. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	err = pyq_process_start(&first.process);
	if (!err)
		err = pyq_process_start(&second.process);
	if (err) {
		fprintf(stderr, "process_subclass: %s\n", pyq_strerror(err));
		return 1;
	}
	printf("%s: %s\n", pyq_process_name(&first.process), alive(&first));
	printf("%s: %s\n", pyq_process_name(&second.process), alive(&second));
	pyq_process_join(&first.process, PYQ_FOREVER);
	printf("%s: %s\n", pyq_process_name(&first.process), alive(&first));
	printf("%s: %s\n", pyq_process_name(&second.process), alive(&second));
	pyq_process_join(&second.process, PYQ_FOREVER);
	printf("both have ended\n");
	pyq_process_close(&first.process);
	pyq_process_close(&second.process);
	return 0;
}
