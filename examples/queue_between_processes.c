// SPDX-License-Identifier: MIT
/*
 * A queue between two processes: one writes, the other begins to read a second
 * later, and ends when nothing has come for two. fork() hands the queue on.
 */
#include <pyqueue.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int writer(pyq_queue *q)
{
	char text[32];

	for (int i = 1; i <= 5; i++) {
		int len = snprintf(text, sizeof(text), "message %d", i);
		int err = pyq_put(q, text, (size_t)len, PYQ_NOWAIT);

		if (pyq_is_full(err))
			printf("writer: no room for %s\n", text);
		else if (err)
			return 1;
		else
			printf("writer: put %s\n", text);
	}
	return 0;
}

static int reader(pyq_queue *q)
{
	char text[32];
	ssize_t len;

	sleep(1);
	while ((len = pyq_get(q, text, sizeof(text), PYQ_SECONDS(2))) >= 0)
		printf("reader: got %.*s\n", (int)len, text);
	printf("reader: empty\n");
	return pyq_is_empty(len) ? 0 : 1;
}

static pid_t start(int (*function)(pyq_queue *), pyq_queue *q)
{
	pid_t pid = fork();

	if (pid == 0) {
		int status = function(q);

		fflush(stdout);
		_exit(status);
	}
	return pid;
}

static int join(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(void)
{
	pyq_queue *q;
	pid_t writing, reading;
	int failed, err;

	err = pyq_create(&q, &(struct pyq_attr){ .maxsize = 10 });
	if (err) {
		fprintf(stderr, "queue_between_processes: %s\n", pyq_strerror(err));
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	writing = start(writer, q);
	reading = start(reader, q);
	failed = join(writing) + join(reading);
	printf("both have ended\n");
	pyq_close(q);
	return failed ? 1 : 0;
}
