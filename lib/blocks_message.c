// SPDX-License-Identifier: MIT
/* Messages of a mapped ring that are in blocks. */
#include <string.h>

#include "attempt.h"
#include "blocks.h"
#include "deadline.h"
#include "owner.h"

/* A message in blocks. */
struct large {
	uint32_t first;
	uint32_t len;
};

static ssize_t try_put_large(pyq_queue *q, void *arg)
{
	const struct large *large = arg;
	struct pyq_op op = { .freed = false };
	struct pyqi_patience patience = { 0 };
	int ret;

	do {
		ret = pyqi_is_broken(q) ? -EUCLEAN : pyq_ring_claim_put(&q->map.ring, &op);
	} while (pyqi_settle(q, &op, &ret, &patience));
	if (ret)
		return ret;
	pyqi_blocks_attach(q, large->first, op.pos);
	memcpy(pyq_ring_slot(&q->map.ring, op.pos)->payload, &large->first, sizeof(large->first));
	if (pyq_ring_publish(&q->map.ring, &op, large->len, PYQUEUE_SLOT_INDIRECT))
		return -EOWNERDEAD;
	pyqi_published(q, 1);
	return 1;
}

ssize_t pyqi_blocks_put_large(pyq_queue *q, const struct pyq_msg *msg, uint64_t deadline)
{
	struct large large = { .len = (uint32_t)msg->len };
	ssize_t ret;

	/* Costly: not begun if it cannot be. */
	if (deadline == PYQI_NOWAIT && !pyqi_put_ready(q) && !pyqi_in_vain(q)) {
		pyqi_polls_look(q);
		return -EAGAIN;
	}
	ret = pyqi_blocks_put(q, msg->data, msg->len, &large.first);
	/* Some may be the dead's. */
	if (ret == -ENOBUFS && !pyqi_owner_check(q))
		ret = pyqi_blocks_put(q, msg->data, msg->len, &large.first);
	if (ret)
		return ret;
	ret = pyqi_put_when_ready(q, try_put_large, NULL, &large, deadline);
	if (ret < 0)
		pyqi_blocks_free(q, large.first);
	return ret;
}

int pyqi_blocks_release(pyq_queue *q, const struct pyq_op *op, uint32_t first)
{
	int err = pyq_ring_release(&q->map.ring, op);

	if (!err)
		pyqi_blocks_free(q, first);
	return err;
}
