// SPDX-License-Identifier: GPL-2.0
/* The queue as an object: made, held by files and a name, freed. */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "pyqueue.h"

static atomic64_t pyqueue_last_id;

/**
 * pyqueue_slot_size() - the slot for a payload
 * @payload: bytes, 0 for the default
 *
 * Return: bytes of the slot, or -EINVAL.
 */
int pyqueue_slot_size(u32 payload)
{
	if (!payload)
		payload = PYQUEUE_PAYLOAD_DEFAULT;
	if (payload > PYQUEUE_PAYLOAD_MAX)
		return -EINVAL;
	return ALIGN(payload + sizeof(struct pyqueue_slot), PYQUEUE_LINE);
}

static void pyqueue_fill_header(struct pyqueue *q)
{
	struct pyqueue_header *hdr = q->ring.hdr;

	BUILD_BUG_ON(sizeof(*hdr) > PYQUEUE_HEADER_SIZE);
	hdr->magic = PYQUEUE_MAGIC;
	hdr->version = PYQUEUE_ABI_VERSION;
	hdr->header_size = PYQUEUE_HEADER_SIZE;
	hdr->slot_size = q->ring.slot_size;
	hdr->order = q->ring.order;
	hdr->maxsize = q->ring.maxsize;
	hdr->max_msg = q->max_msg;
	hdr->id = q->id;
	hdr->flags = q->flags;
}

static void pyqueue_init_waitqs(struct pyqueue *q)
{
	struct pyqueue_header *hdr = q->ring.hdr;

	pyqueue_waitq_init(&q->getters, &hdr->getters, &q->putters, pyqueue_get_ready);
	pyqueue_waitq_init(&q->putters, &hdr->putters, &q->getters, pyqueue_put_ready);
	pyqueue_waitq_init(&q->joiners, &hdr->joiners, NULL, pyqueue_join_ready);
}

/* Messages that the ring of an unbounded queue has room for: bursts are to fit. */
static u64 pyqueue_unbounded_slots(u32 slot_size)
{
	const u32 bytes = 256 << 10, least = 16;

	return max_t(u64, least, rounddown_pow_of_two(bytes / slot_size));
}

/* The ring's memory, and room for what is kept outside of it. */
static int pyqueue_alloc_ring(struct pyqueue *q, u64 maxsize, u32 slot_size)
{
	u64 slots = 1ULL << pyq_ring_order(maxsize);
	u64 bytes = PAGE_ALIGN(PYQUEUE_HEADER_SIZE + slots * slot_size);
	bool has_large = q->max_msg > slot_size - sizeof(struct pyqueue_slot);
	int err;

	q->ring_bytes = bytes + (has_large ? slots * sizeof(*q->large) : 0);
	err = pyqueue_user_charge_bytes(q->user, q->ring_bytes);
	if (err)
		return err;

	err = pyqueue_memory_alloc(&q->mem, bytes);
	if (err)
		goto uncharge;
	if (has_large) {
		q->large = kvcalloc(slots, sizeof(*q->large),
				    GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN);
		if (!q->large)
			goto free;
	}
	pyq_ring_init(&q->ring, q->mem.vaddr, maxsize, slot_size, PYQUEUE_OWNER_KERNEL);
	q->ring.overflow = &q->overflow.seen.count;
	pyqueue_init_waitqs(q);
	return 0;

free:
	pyqueue_memory_free(&q->mem);
	err = -ENOMEM;
uncharge:
	pyqueue_user_uncharge_bytes(q->user, q->ring_bytes);
	return err;
}

/**
 * pyqueue_create() - make a queue
 * @arg: what it is like; values have been checked
 *
 * Context: May sleep. Memory is charged to the caller's memory cgroup, bytes
 * and the queue itself to the calling user.
 * Return: the queue, with a reference for the caller, or an ERR_PTR: -ENOSPC,
 * -EDQUOT, -ENOMEM.
 */
struct pyqueue *pyqueue_create(const struct pyqueue_create *arg)
{
	struct pyqueue *q = kzalloc(sizeof(*q), GFP_KERNEL_ACCOUNT);
	int slot_size, err = -ENOMEM;

	if (!q)
		return ERR_PTR(-ENOMEM);
	kref_init(&q->ref);
	q->id = atomic64_inc_return(&pyqueue_last_id);
	q->flags = arg->flags & PYQUEUE_SEALED;
	q->unbounded = arg->maxsize <= 0;
	q->max_msg = arg->max_msg ?: PYQUEUE_MAX_MSG_DEFAULT;
	q->max_bytes = arg->max_bytes;
	q->uid = current_fsuid();
	q->gid = current_fsgid();
	init_waitqueue_head(&q->pollers);
	spin_lock_init(&q->large_lock);
	mutex_init(&q->parked_lock);
	INIT_LIST_HEAD(&q->parked);
	ida_init(&q->owners);
	pyqueue_overflow_init(q);

	q->user = pyqueue_user_get(current_uid());
	if (!q->user)
		goto free;
	err = pyqueue_user_charge_queue(q->user);
	if (err)
		goto put_user;
	slot_size = pyqueue_slot_size(arg->payload);
	err = pyqueue_alloc_ring(q, q->unbounded ? pyqueue_unbounded_slots(slot_size) :
						   arg->maxsize, slot_size);
	if (err)
		goto uncharge_queue;
	q->memcg = get_mem_cgroup_from_mm(current->mm);
	pyqueue_fill_header(q);
	return q;

uncharge_queue:
	pyqueue_user_uncharge_queue(q->user);
put_user:
	pyqueue_user_put(q->user);
free:
	pyqueue_overflow_end(q);
	mutex_destroy(&q->parked_lock);
	kfree(q);
	return ERR_PTR(err);
}

static void pyqueue_free(struct kref *ref)
{
	struct pyqueue *q = container_of(ref, struct pyqueue, ref);

	pyqueue_overflow_end(q);
	mutex_destroy(&q->parked_lock);
	pyqueue_large_free_all(q);
	ida_destroy(&q->owners);
	pyqueue_memory_free(&q->mem);
	mem_cgroup_put(q->memcg);
	pyqueue_user_uncharge_bytes(q->user, q->ring_bytes);
	pyqueue_user_uncharge_queue(q->user);
	pyqueue_user_put(q->user);
	kfree(q);
}

/**
 * pyqueue_put_ref() - a reference less
 * @q: the queue; gone with the last one
 *
 * Context: May sleep.
 */
void pyqueue_put_ref(struct pyqueue *q)
{
	kref_put(&q->ref, pyqueue_free);
}

/**
 * pyqueue_break() - the ring is spoilt: everybody is told, nobody waits
 * @q: the queue
 */
void pyqueue_break(struct pyqueue *q)
{
	if (READ_ONCE(q->broken))
		return;
	WRITE_ONCE(q->broken, true);
	pyq_or32(&q->ring.hdr->detour, PYQUEUE_DETOUR_BROKEN);
	pyqueue_wake_everybody(q);
}

/**
 * pyqueue_prepare_fd() - a file descriptor for a queue, not installed yet
 * @q: the queue; the caller's reference goes to the file, also on failure
 * @flags: PYQUEUE_READ, _WRITE, _NONBLOCK
 * @file: out: for fd_install(), or for fput() and put_unused_fd()
 *
 * Return: the number or an error.
 */
int pyqueue_prepare_fd(struct pyqueue *q, unsigned int flags, struct file **file)
{
	int mode = O_RDWR;
	struct file *f;
	int fd;

	if (!(flags & PYQUEUE_WRITE))
		mode = O_RDONLY;
	else if (!(flags & PYQUEUE_READ))
		mode = O_WRONLY;
	if (flags & PYQUEUE_NONBLOCK)
		mode |= O_NONBLOCK;

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto put;
	f = anon_inode_getfile("[pyqueue]", &pyqueue_queue_fops, q, mode);
	if (IS_ERR(f)) {
		put_unused_fd(fd);
		fd = PTR_ERR(f);
		goto put;
	}
	stream_open(file_inode(f), f);
	f->f_mode |= FMODE_NOWAIT;
	*file = f;
	return fd;

put:
	pyqueue_put_ref(q);
	return fd;
}
