// SPDX-License-Identifier: MIT
/* One thread serves 200 queues: it waits for a message on each of them at once. */
#include <pyqueue.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { QUEUES = 200, CLIENTS = 4, EACH = 5 };

static pyq_queue *queues[QUEUES];
static char requests[QUEUES][16];

/* A client has a share of the queues, and ends each when it has said what it had to. */
static int client(int number)
{
	for (int n = 0; n < EACH; n++)
		for (int i = number; i < QUEUES; i += CLIENTS)
			if (pyq_put(queues[i], "request", 7, PYQ_FOREVER))
				return 1;
	for (int i = number; i < QUEUES; i += CLIENTS)
		if (pyq_shutdown(queues[i], false))
			return 1;
	return 0;
}

static int wait_for_request(pyq_aio *aio, int i)
{
	return pyq_aio_get(aio, queues[i], requests[i], sizeof(requests[i]), PYQ_FOREVER,
			   (uint64_t)i);
}

/* Return: how many requests there were until all queues had ended, or an error. */
static int serve(pyq_aio *aio)
{
	struct pyq_completion done[64];
	int served = 0, err = 0;
	ssize_t n;

	for (int i = 0; i < QUEUES && !err; i++)
		err = wait_for_request(aio, i);
	/* 0: nothing is waited for any more. */
	while (!err && (n = pyq_aio_wait(aio, done, 64, 1, PYQ_SECONDS(10))) > 0) {
		for (ssize_t k = 0; k < n && !err; k++) {
			if (done[k].result == -ESHUTDOWN)
				continue;
			served++;
			err = done[k].result < 0 ? (int)done[k].result :
						   wait_for_request(aio, (int)done[k].user_data);
		}
	}
	return err ? err : served;
}

int main(void)
{
	pyq_aio *aio;
	int status, failed = 0, served;
	int err = pyq_aio_create(&aio, QUEUES, 0);

	for (int i = 0; i < QUEUES && !err; i++)
		err = pyq_create(&queues[i], &(struct pyq_attr){ .maxsize = 2, .payload = 16 });
	for (int i = 0; i < CLIENTS && !err; i++)
		if (fork() == 0)
			_exit(client(i));
	served = err ? err : serve(aio);
	if (served < 0)
		fprintf(stderr, "aio_loop: %s\n", pyq_strerror(served));
	else
		printf("%d requests by %d queues\n", served, QUEUES);
	pyq_aio_destroy(aio);
	for (int i = 0; i < QUEUES; i++)
		pyq_close(queues[i]);
	while (wait(&status) > 0)
		failed |= status;
	return served < 0 || failed;
}
