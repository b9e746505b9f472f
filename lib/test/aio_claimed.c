// SPDX-License-Identifier: MIT
/*
 * Somebody has claimed those who poll a queue in shared memory, and is stopped before he calls
 * them. So nobody calls them who puts or gets later: they look for themselves.
 */
#include <poll.h>

#include "../attempt.h"

#include <pyqueue.h>

#include "test.h"

static pyq_queue *q;
static pyq_aio *aio;

static void is_done(uint64_t user_data, int64_t result)
{
	struct pyq_completion done = { .result = -1 };

	CHECK(pyq_aio_wait(aio, &done, 1, 1, PYQ_SECONDS(20)) == 1);
	CHECK(done.user_data == user_data && done.result == result);
}

int main(void)
{
	int err = pyq_aio_create(&aio, 8, PYQ_AIO_URING);
	struct pyq_completion done;
	struct pollfd pfd;
	char text[2];

	if (err == -ENOSYS || err == -EPERM) {
		puts("no io_uring here");
		return SKIPPED;
	}
	CHECK(!err);
	CHECK(!pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .backend = "shm" }));

	CHECK(!pyq_aio_get(aio, q, text, sizeof(text), PYQ_FOREVER, 1) && !pyq_aio_submit(aio));
	pyq_pollers_claim(&pyqi_header(q)->getters);
	CHECK(!pyq_put(q, "x", 1, PYQ_NOWAIT));
	is_done(1, 1);

	CHECK(!pyq_put(q, "x", 1, PYQ_NOWAIT));
	CHECK(!pyq_aio_put(aio, q, "y", 1, PYQ_FOREVER, 2) && !pyq_aio_submit(aio));
	pyq_pollers_claim(&pyqi_header(q)->putters);
	CHECK(pyq_get(q, text, sizeof(text), PYQ_NOWAIT) == 1);
	is_done(2, 0);

	/* The same for who polls, and comes only when he is told. */
	CHECK(pyq_get(q, text, sizeof(text), PYQ_NOWAIT) == 1);
	pfd = (struct pollfd){ .fd = pyq_aio_fd(aio), .events = POLLIN };
	CHECK(!pyq_aio_get(aio, q, text, sizeof(text), PYQ_FOREVER, 3) && !pyq_aio_submit(aio));
	pyq_pollers_claim(&pyqi_header(q)->getters);
	CHECK(!pyq_put(q, "x", 1, PYQ_NOWAIT));
	for (int looks = 0; looks < 100 && !pyq_aio_wait(aio, &done, 1, 1, PYQ_NOWAIT); looks++)
		CHECK(poll(&pfd, 1, 20000) == 1);
	CHECK(done.user_data == 3 && done.result == 1);

	CHECK(!pyq_aio_destroy(aio));
	pyq_close(q);
	return failures;
}
