// SPDX-License-Identifier: MIT
/* One process waits for whichever of two queues has a message, as an event loop does. */
#include <pyqueue.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ORDERS, COMPLAINTS, QUEUES };

static const char *const names[] = { "order", "complaint" };

static int make(pyq_queue **queues, struct pollfd *pfds)
{
	int err = 0;

	for (int i = 0; !err && i < QUEUES; i++) {
		err = pyq_create(&queues[i], &(struct pyq_attr){ .maxsize = 8 });
		if (!err)
			err = pyq_pollfd(queues[i], PYQ_READ, &pfds[i]);
	}
	return err;
}

/* Customers, who leave when they have said what they had to. */
static int customers(pyq_queue **queues)
{
	int err = 0;

	for (int i = 0; !err && i < 3; i++)
		err = pyq_put(queues[ORDERS], "tea", 3, PYQ_FOREVER);
	if (!err)
		err = pyq_put(queues[COMPLAINTS], "cold", 4, PYQ_FOREVER);
	for (int i = 0; !err && i < QUEUES; i++)
		err = pyq_shutdown(queues[i], false);
	return err ? 1 : 0;
}

/* All there is in a queue. Return: whether more may come. */
static int serve(pyq_queue *q, int *served)
{
	char text[64];
	ssize_t len;

	while ((len = pyq_get(q, text, sizeof(text), PYQ_NOWAIT)) >= 0)
		++*served;
	if (len == -ESHUTDOWN)
		return 0;
	if (!pyq_is_empty(len))
		fprintf(stderr, "poll_queues: %s\n", pyq_strerror(len));
	return pyq_is_empty(len);
}

int main(void)
{
	int served[QUEUES] = { 0 }, left = QUEUES, status = 1;
	struct pollfd pfds[QUEUES];
	pyq_queue *queues[QUEUES];
	pid_t pid;
	int err = make(queues, pfds);

	if (err) {
		fprintf(stderr, "poll_queues: %s\n", pyq_strerror(err));
		return 1;
	}
	pid = fork();
	if (pid == 0)
		_exit(customers(queues));
	while (left && poll(pfds, QUEUES, 10000) > 0) {
		for (int i = 0; i < QUEUES; i++) {
			if (!pfds[i].revents || serve(queues[i], &served[i]))
				continue;
			pfds[i].fd = -1; /* poll() leaves it out */
			left--;
		}
	}
	waitpid(pid, &status, 0);
	for (int i = 0; i < QUEUES; i++) {
		printf("%d %s%s\n", served[i], names[i], served[i] == 1 ? "" : "s");
		pyq_close(queues[i]);
	}
	return left || status;
}
