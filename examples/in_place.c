// SPDX-License-Identifier: MIT
/*
 * Messages written where they will lie, and read where they lie: nothing is copied. A
 * process is killed with a message in hand, and it comes again.
 */
#include <pyqueue.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct point {
	int x, y;
};

static int put_points(pyq_queue *q)
{
	for (int i = 1; i <= 3; i++) {
		struct pyq_loan room;
		struct point *point;
		int err = pyq_reserve(q, &room, PYQ_FOREVER);

		if (err)
			return err;
		point = room.data;
		point->x = i;
		point->y = i * i;
		err = pyq_commit(q, &room, sizeof(*point));
		if (err)
			return err;
	}
	return 0;
}

/* Takes one, and does not live to say that it has been dealt with. */
static void dies_at_work(pyq_queue *q)
{
	struct pyq_loan message;
	struct pyq_stat now;
	pid_t pid = fork();

	if (pid == 0) {
		if (!pyq_borrow(q, &message, PYQ_SECONDS(2)))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	waitpid(pid, NULL, 0);
	/* Who has died is noticed by and by; by this at once, and before the next message. */
	pyq_stat(q, &now);
}

static int get_points(pyq_queue *q)
{
	struct pyq_loan message;
	int err = 0;

	for (int i = 0; !err && i < 3; i++) {
		const struct point *point;

		err = pyq_borrow(q, &message, PYQ_SECONDS(2));
		if (err)
			break;
		point = message.data;
		printf("(%d, %d)%s\n", point->x, point->y, message.deliveries > 1 ? ", again" : "");
		err = pyq_release(q, &message);
	}
	return err;
}

int main(void)
{
	pyq_queue *q;
	int err = pyq_create(&q, &(struct pyq_attr){ .maxsize = 4 });

	if (!err)
		err = put_points(q);
	if (err) {
		fprintf(stderr, "in_place: %s\n", pyq_strerror(err));
		return 1;
	}
	dies_at_work(q);
	err = get_points(q);
	if (err)
		fprintf(stderr, "in_place: %s\n", pyq_strerror(err));
	pyq_close(q);
	return err ? 1 : 0;
}
