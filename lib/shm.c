// SPDX-License-Identifier: MIT
/*
 * Queues in plain shared memory, for systems without the module: a memfd, or a
 * file in /dev/shm with the name and the permissions of the queue.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "blocks.h"
#include "descriptor.h"
#include "forked.h"
#include "generation.h"
#include "mapped.h"
#include "owner.h"
#include "polls.h"
#include "shm_file.h"
#include "shm_name.h"
#include "sleep.h"

/* --- attaching ----------------------------------------------------------------- */

/* Where what may be mapped later is. */
static void find_large(struct pyqi_mapping *map, const struct pyqi_shm_layout *layout)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	map->large = NULL;
	map->large_at = layout->blocks / page * page;
	map->large_size = layout->end - map->large_at;
	map->block_at = layout->blocks - map->large_at;
	map->data_at = layout->data - map->large_at;
}

/* Nothing waits outside of a ring that the library alone keeps, whatever is said there. */
static const __u64 no_overflow;

/* Map the queue behind @q->fd; its values from then on are our own copies. */
static int map_ring(pyq_queue *q)
{
	struct pyqi_shm_page page;
	const struct pyqueue_header *h = &page.header;
	struct pyqi_shm_layout layout;
	struct stat st;
	char *at;
	int err = pyqi_shm_read(q->fd, &page, &st);

	if (err)
		return err;
	layout = pyqi_shm_layout(h, page.shm.nr_blocks);
	q->map.size = layout.blocks;
	at = mmap(NULL, q->map.size, PROT_READ | PROT_WRITE, MAP_SHARED, q->fd, 0);
	if (at == MAP_FAILED)
		return errno == EACCES ? -EACCES : -ENOMEM;
	/* A child gets a mapping of its own, with an owner number of its own. */
	if (madvise(at, q->map.size, MADV_DONTFORK)) {
		munmap(at, q->map.size);
		return -EOPNOTSUPP;
	}
	pyq_ring_init(&q->map.ring, at, h->maxsize, h->slot_size, 0);
	q->map.ring.overflow = &no_overflow;
	q->map.shm = (void *)(at + PYQI_SHM_OFFSET);
	q->map.dev = st.st_dev;
	q->map.ino = st.st_ino;
	find_large(&q->map, &layout);
	q->map.nr_blocks = page.shm.nr_blocks;
	q->map.block_size = pyqi_block_size(h->slot_size);
	q->map.id = h->id;
	q->maxsize = (int64_t)h->maxsize;
	q->max_msg = h->max_msg;
	q->payload = pyqi_payload(pyq_ring_payload(&q->map.ring), q->max_msg);
	return 0;
}

static void unmap(pyq_queue *q)
{
	pyqi_blocks_unmap(q);
	munmap(q->map.ring.hdr, q->map.size);
}

static int attach(pyq_queue *q)
{
	int err = map_ring(q);

	if (err)
		return err;
	q->map.busy = 0;
	q->map.in_vain = 0;
	q->map.lent = false;
	q->map.checked = 0;
	q->map.unable = false;
	q->map.polled = false;
	q->map.polls[0] = q->map.polls[1] = NULL;
	err = pyqi_owner_take(q);
	if (err)
		unmap(q);
	return err;
}

static void detach(pyq_queue *q)
{
	pyqi_owner_leave(q);
	unmap(q);
}

static int shm_attach(pyq_queue *q, int fd)
{
	int mode = fcntl(fd, F_GETFL);
	int err;

	if (mode < 0 || (mode & O_ACCMODE) != O_RDWR)
		return -ENOTTY;
	err = pyqi_process_begin();
	if (err)
		return err;
	q->fd = fd;
	q->access = PYQ_READ | PYQ_WRITE;
	q->map.generation = pyqi_generation();
	q->map.locks = -1;
	pyq_set_spin(q, -1);
	err = pyqi_forked_add(q);
	if (err)
		return err;
	err = attach(q);
	if (err)
		pyqi_forked_remove(q);
	return err;
}

/* The fd of the locks is the parent's as well, who looks alive as long as we have it. */
static void let_go(pyq_queue *q, const struct pyqi_mapping *parents)
{
	pyqi_owner_forget(q, parents->locks);
	pyqi_polls_forget(parents);
}

static int shm_reattach(pyq_queue *q)
{
	static const struct pyqi_renewal how = {
		.attach = attach,
		.detach = detach,
		.let_go = let_go,
	};

	return pyqi_mapping_renew(q, &how);
}

static void shm_close(pyq_queue *q)
{
	/* In a child that has not used it, all but the fds is the parent's. */
	if (q->map.generation == pyqi_generation()) {
		pyqi_polls_end(q);
		detach(q);
	} else {
		pyqi_owner_forget(q, q->map.locks);
		pyqi_polls_forget(&q->map);
	}
	pyqi_forked_remove(q);
	close(q->fd);
}

/* --- making ---------------------------------------------------------------------- */

static int shm_check(const struct pyq_attr *attr, const char **why)
{
	if (attr->flags & PYQ_SEALED)
		return pyqi_because(
			why, -EOPNOTSUPP,
			"PYQ_SEALED: what is in plain shared memory can be spoilt by all "
			"who have it open; only a queue of the module can be sealed");
	if (attr->maxsize <= 0)
		return pyqi_because(why, -EOPNOTSUPP,
				    "a queue in plain shared memory needs a bound: give it a "
				    "maxsize of 1 or more");
	for (unsigned int shift = 0; shift < 9; shift += 3)
		if (((attr->mode >> shift) & 4) >> 1 != ((attr->mode >> shift) & 2))
			return pyqi_because(
				why, -EOPNOTSUPP,
				"mode: who may get from a queue in plain shared memory "
				"can put into it, and the other way round: give both or "
				"none (such as 0600, 0660, 0666)");
	return 0;
}

/* It can neither shrink nor grow. */
static int make_anonymous(const struct pyq_attr *attr)
{
	int fd = pyqi_opened(memfd_create("pyqueue", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	int err;

	if (fd < 0)
		return fd;
	err = pyqi_shm_format(fd, attr);
	if (!err && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

static int attach_new(pyq_queue *q, int fd, unsigned int access)
{
	int err = pyqi_shm_name_error(fd < 0 ? fd : shm_attach(q, fd));

	if (err && fd >= 0)
		close(fd);
	q->access = access;
	return err;
}

static int shm_open_name(pyq_queue *q, const char *name, unsigned int flags)
{
	return attach_new(q, pyqi_shm_name_open(name), flags);
}

static int make_named(pyq_queue *q, const struct pyq_attr *attr)
{
	int fd = pyqi_shm_name_make(attr);
	int err;

	if (fd < 0)
		return fd;
	err = shm_attach(q, fd);
	if (err) {
		close(fd);
		return err;
	}
	/* Nothing is left that can fail when the name is there. */
	err = pyqi_shm_name_give(fd, attr);
	if (err)
		shm_close(q);
	return err;
}

/* Whose name it is may change between two looks; not for ever. */
static int create_named(pyq_queue *q, const struct pyq_attr *attr)
{
	const bool may_open = !(attr->flags & PYQ_EXCL);

	for (int tries = 0; tries < 100; tries++) {
		int err = may_open ? shm_open_name(q, attr->name, PYQ_READ | PYQ_WRITE) : -ENOENT;

		if (err != -ENOENT)
			return err;
		err = make_named(q, attr);
		if (err != -EEXIST || !may_open)
			return pyqi_shm_name_error(err);
	}
	return -EAGAIN;
}

static int shm_create(pyq_queue *q, const struct pyq_attr *attr)
{
	return attr->name ? create_named(q, attr) :
			    attach_new(q, make_anonymous(attr), PYQ_READ | PYQ_WRITE);
}

/* --- looking ----------------------------------------------------------------------- */

static uint32_t announced(const struct pyqueue_waiters *side)
{
	return (uint32_t)(pyq_load(&side->sleepers) & PYQUEUE_ANNOUNCED);
}

static int shm_stat(pyq_queue *q, struct pyq_stat *out)
{
	PYQI_KEEP_ERRNO;
	const struct pyqueue_header *hdr;
	uint64_t large_bytes;
	ssize_t qsize;
	struct stat st;
	int err;

	if (q->map.generation != pyqi_generation()) {
		err = shm_reattach(q);
		if (err)
			return err;
	}
	pyqi_owner_check(q); /* what the dead have left does not count */
	qsize = pyqi_mapped_qsize(q);
	hdr = q->map.ring.hdr;
	err = pyqi_blocks_bytes(q, &large_bytes);
	if (err)
		return err;
	if (fstat(q->fd, &st))
		return -errno;
	*out = (struct pyq_stat){
		.id = q->map.id,
		.maxsize = q->maxsize,
		.qsize = qsize < 0 ? 0 : (uint64_t)qsize,
		.max_msg = q->max_msg,
		.max_bytes = (uint64_t)q->map.nr_blocks * q->map.block_size,
		.large_bytes = large_bytes,
		.ring_bytes = q->map.size,
		.payload = (uint32_t)q->payload,
		.unfinished = pyqi_mapped_unfinished(q),
		.getters = announced(&hdr->getters),
		.putters = announced(&hdr->putters),
		.joiners = announced(&hdr->joiners),
		.owners = pyqi_owners(q),
		.mode = st.st_nlink ? st.st_mode & 0777 : 0,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mapped = true,
		.shutdown = pyq_ring_is_closed(&q->map.ring),
		.named = st.st_nlink != 0,
		.broken = qsize < 0,
	};
	return 0;
}

static int shm_info(struct pyq_info *info)
{
	snprintf(info->text, sizeof(info->text), "names indirect mapping");
	info->abi_version = PYQUEUE_ABI_VERSION;
	info->maxsize_max = PYQUEUE_MAXSIZE_MAX;
	info->max_msg_max = PYQUEUE_MAX_MSG_MAX;
	info->payload_max = PYQUEUE_PAYLOAD_MAX;
	return 0;
}

static const struct pyqi_ring_ops ring = {
	.wait = pyqi_futex_wait,
	.call = pyqi_futex_call,
	.call_pollers = pyqi_futex_call_pollers,
	.call_everybody = pyqi_futex_call_everybody,
	.look_around = pyqi_owner_check,
	.drop = pyqi_mapped_drop,
	.put_large = pyqi_blocks_put_large,
	.large_ready = pyqi_blocks_ready,
	.large_copy = pyqi_blocks_get,
	.large_release = pyqi_blocks_release,
};

const struct pyqi_backend pyqi_shm = {
	.name = "shm",
	.check = shm_check,
	.create = shm_create,
	.open = shm_open_name,
	.attach = shm_attach,
	.reattach = shm_reattach,
	.close = shm_close,
	.put = pyqi_mapped_put,
	.get = pyqi_mapped_get,
	.get_msg = pyqi_mapped_get_msg,
	.put_many = pyqi_mapped_put_many,
	.get_many = pyqi_mapped_get_many,
	.qsize = pyqi_mapped_qsize,
	.task_done = pyqi_mapped_task_done,
	.join = pyqi_mapped_join,
	.shutdown = pyqi_mapped_shutdown,
	.stat = shm_stat,
	.pollfd = pyqi_mapped_pollfd,
	.loans = &pyqi_mapped_loans,
	.ring = &ring,
	.has = pyqi_shm_name_exists,
	.unlink = pyqi_shm_name_unlink,
	.list = pyqi_shm_name_list,
	.info = shm_info,
};
