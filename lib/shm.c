// SPDX-License-Identifier: MIT
/*
 * Queues in plain shared memory, for systems without the module: a memfd, or a
 * file in /dev/shm with the name and the permissions of the queue.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "blocks.h"
#include "descriptor.h"
#include "forked.h"
#include "generation.h"
#include "mapped.h"
#include "owner.h"
#include "polls.h"
#include "shm.h"
#include "sleep.h"

#define PAYLOAD_MAX PYQUEUE_PAYLOAD_MAX

/* Room for large messages where no bound is asked for; what is not used costs nothing. */
#define LARGE_DEFAULT (64u << 20)

/* 16 GiB of them. */
#define MAX_BLOCKS (1u << 22)

#define DIRECTORY "/dev/shm/"
#define PREFIX "pyqueue."

/* --- names ------------------------------------------------------------------- */

struct path {
	char text[sizeof(DIRECTORY PREFIX) + PYQUEUE_NAME_MAX];
};

/* By the kernel's rules. */
static int path_of(struct path *path, const char *name)
{
	size_t len = strlen(name);

	if (len > PYQUEUE_NAME_MAX)
		return -ENAMETOOLONG;
	if (!len || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (name[i] == '/' || (unsigned char)name[i] < 32 || name[i] == 127)
			return -EINVAL;
	snprintf(path->text, sizeof(path->text), DIRECTORY PREFIX "%s", name);
	return 0;
}

/* --- attaching ----------------------------------------------------------------- */

/* Where things are in the file, from what its first page says. */
struct layout {
	size_t blocks; /* what is known of the blocks */
	size_t data;   /* the blocks */
	size_t end;
};

static struct layout layout_of(const struct pyqueue_header *h, uint32_t nr_blocks)
{
	const size_t page = PYQI_BLOCK_SIZE;
	struct layout l = { .blocks = PYQUEUE_HEADER_SIZE + ((size_t)h->slot_size << h->order) };

	l.data = (l.blocks + nr_blocks * sizeof(struct pyqi_block) + page - 1) / page * page;
	l.end = l.data + nr_blocks * page;
	return l;
}

/* Is it a queue, of this version, and no part of it missing? */
static int check_header(const struct pyqueue_header *h, uint32_t nr_blocks, uint64_t size)
{
	uint32_t order = h->order, slot_size = h->slot_size;
	uint64_t maxsize = h->maxsize;

	if (h->magic != PYQUEUE_MAGIC)
		return -ENOTTY;
	if (h->version != PYQUEUE_ABI_VERSION || h->header_size != PYQUEUE_HEADER_SIZE)
		return -EUCLEAN;
	if (slot_size < PYQUEUE_LINE || slot_size % PYQUEUE_LINE ||
	    slot_size - sizeof(struct pyqueue_slot) > PAYLOAD_MAX)
		return -EUCLEAN;
	if (!maxsize || maxsize > PYQUEUE_MAXSIZE_MAX || order != pyq_ring_order(maxsize))
		return -EUCLEAN;
	if (h->max_msg > PYQUEUE_MAX_MSG_MAX || nr_blocks > MAX_BLOCKS ||
	    size < layout_of(h, nr_blocks).end)
		return -EUCLEAN;
	return 0;
}

/* The first page, looked at once: from then on our own copy counts. */
struct first_page {
	struct pyqueue_header header;
	char pad[PYQI_SHM_OFFSET - sizeof(struct pyqueue_header)];
	struct pyqi_shm shm;
};

static int read_first_page(int fd, struct first_page *page, struct stat *st)
{
	if (fstat(fd, st))
		return -errno;
	if (!S_ISREG(st->st_mode) || pread(fd, page, sizeof(*page), 0) != sizeof(*page))
		return -ENOTTY;
	return check_header(&page->header, page->shm.nr_blocks, (uint64_t)st->st_size);
}

/* Map the queue behind @q->fd; its values from then on are our own copies. */
static int map_ring(pyq_queue *q)
{
	struct first_page page;
	const struct pyqueue_header *h = &page.header;
	struct layout layout;
	struct stat st;
	char *at;
	int err = read_first_page(q->fd, &page, &st);

	if (err)
		return err;
	layout = layout_of(h, page.shm.nr_blocks);
	q->map.size = layout.end;
	at = mmap(NULL, q->map.size, PROT_READ | PROT_WRITE, MAP_SHARED, q->fd, 0);
	if (at == MAP_FAILED)
		return errno == EACCES ? -EACCES : -ENOMEM;
	/* A child gets a mapping of its own, with an owner number of its own. */
	if (madvise(at, q->map.size, MADV_DONTFORK)) {
		munmap(at, q->map.size);
		return -EOPNOTSUPP;
	}
	pyq_ring_init(&q->map.ring, at, h->maxsize, h->slot_size, 0);
	q->map.shm = (void *)(at + PYQI_SHM_OFFSET);
	q->map.blocks = (void *)(at + layout.blocks);
	q->map.data = at + layout.data;
	q->map.nr_blocks = page.shm.nr_blocks;
	q->map.id = h->id;
	q->maxsize = (int64_t)h->maxsize;
	q->max_msg = h->max_msg;
	q->payload = pyq_ring_payload(&q->map.ring);
	return 0;
}

static int attach(pyq_queue *q)
{
	int err = map_ring(q);

	if (err)
		return err;
	q->map.busy = 0;
	q->map.in_vain = 0;
	q->map.checked = 0;
	q->map.loans = 0;
	q->map.polled = false;
	q->map.polls[0] = q->map.polls[1] = NULL;
	err = pyqi_owner_take(q);
	if (err)
		munmap(q->map.ring.hdr, q->map.size);
	return err;
}

static void detach(pyq_queue *q)
{
	pyqi_owner_leave(q);
	munmap(q->map.ring.hdr, q->map.size);
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

/*
 * In a child: the mapping is not there, and what is at its address may be
 * somebody else's by now. The fd of the locks is the parent's as well, who looks
 * alive as long as we have it.
 */
static int shm_reattach(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;
	const uint64_t generation = pyqi_generation();
	int err = 0;

	pthread_mutex_lock(&pyqi_process->lock);
	if (__atomic_load_n(&q->map.generation, __ATOMIC_ACQUIRE) != generation) {
		const struct pyqi_mapping parents = q->map;

		err = attach(q);
		if (!err && q->map.id != parents.id) {
			detach(q);
			err = -EBADF; /* the program has closed the fd, and this is another queue */
		}
		if (!err)
			pyqi_owner_forget(q, parents.locks);
		if (!err)
			__atomic_store_n(&q->map.generation, generation, __ATOMIC_RELEASE);
		else
			q->map = parents;
	}
	pthread_mutex_unlock(&pyqi_process->lock);
	return err;
}

static void shm_close(pyq_queue *q)
{
	/* In a child that has not used it, all but the fds is the parent's. */
	if (q->map.generation == pyqi_generation()) {
		pyqi_polls_end(q);
		detach(q);
	} else {
		pyqi_owner_forget(q, q->map.locks);
	}
	pyqi_forked_remove(q);
	close(q->fd);
}

/* --- making ---------------------------------------------------------------------- */

static int shm_check(const struct pyq_attr *attr, const char **why)
{
	if (attr->flags & PYQ_SEALED)
		return pyqi_because(why, -EOPNOTSUPP,
				    "PYQ_SEALED: what is in plain shared memory can be spoilt by all "
				    "who have it open; only a queue of the module can be sealed");
	if (attr->maxsize <= 0)
		return pyqi_because(why, -EOPNOTSUPP,
				    "a queue in plain shared memory needs a bound: give it a "
				    "maxsize of 1 or more");
	for (unsigned int shift = 0; shift < 9; shift += 3)
		if (((attr->mode >> shift) & 4) >> 1 != ((attr->mode >> shift) & 2))
			return pyqi_because(why, -EOPNOTSUPP,
					    "mode: who may get from a queue in plain shared memory "
					    "can put into it, and the other way round: give both or "
					    "none (such as 0600, 0660, 0666)");
	return 0;
}

static uint32_t blocks_for(const struct pyq_attr *attr, size_t max_msg, size_t payload)
{
	uint64_t bytes = attr->max_bytes;

	if (max_msg <= payload)
		return 0;
	if (!bytes)
		bytes = 4 * max_msg > LARGE_DEFAULT ? 4 * max_msg : LARGE_DEFAULT;
	bytes = pyqi_blocks_for(bytes);
	return bytes > MAX_BLOCKS ? MAX_BLOCKS : (uint32_t)bytes;
}

static int format(int fd, const struct pyq_attr *attr)
{
	const uint32_t payload = attr->payload ? (uint32_t)attr->payload : PYQUEUE_PAYLOAD_DEFAULT;
	struct first_page page = {
		.header = {
			.magic = PYQUEUE_MAGIC,
			.version = PYQUEUE_ABI_VERSION,
			.header_size = PYQUEUE_HEADER_SIZE,
			.slot_size = (payload + (uint32_t)sizeof(struct pyqueue_slot) +
				      PYQUEUE_LINE - 1) / PYQUEUE_LINE * PYQUEUE_LINE,
			.order = pyq_ring_order((uint64_t)attr->maxsize),
			.maxsize = (uint64_t)attr->maxsize,
			.max_msg = attr->max_msg ? attr->max_msg : PYQUEUE_MAX_MSG_DEFAULT,
		},
	};
	struct pyqueue_header *h = &page.header;
	struct layout layout;
	int err;

	page.shm.nr_blocks =
		blocks_for(attr, h->max_msg, h->slot_size - sizeof(struct pyqueue_slot));
	layout = layout_of(h, page.shm.nr_blocks);
	if (getrandom(&h->id, sizeof(h->id), 0) != sizeof(h->id))
		return -errno;
	if (ftruncate(fd, (off_t)layout.end) || pwrite(fd, &page, sizeof(page), 0) != sizeof(page))
		return -errno;
	/* Now, or a store into a hole of a full /dev/shm would be a SIGBUS; blocks have time. */
	do {
		err = posix_fallocate(fd, 0, (off_t)layout.blocks);
	} while (err == EINTR);
	return -err;
}

/* A memfd; it can neither shrink nor grow. */
static int make_anonymous(const struct pyq_attr *attr)
{
	int fd = pyqi_opened(memfd_create("pyqueue", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	int err;

	if (fd < 0)
		return fd;
	err = format(fd, attr);
	if (!err && fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		err = -errno;
	if (err)
		close(fd);
	return err ? err : fd;
}

/* The file gets its name when it is complete: who dies before leaves nothing. */
static int give_name(int fd, const struct path *path)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (!linkat(AT_FDCWD, self, AT_FDCWD, path->text, AT_SYMLINK_FOLLOW))
		return 0;
	return errno == ENOENT ? -EOPNOTSUPP : -errno; /* no /proc */
}

static int make_named(const struct pyq_attr *attr, const struct path *path)
{
	int fd = pyqi_opened(open(DIRECTORY, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	int err;

	if (fd < 0)
		return fd;
	err = format(fd, attr);
	if (!err && attr->owner && fchown(fd, attr->owner->uid, attr->owner->gid))
		err = -errno;
	if (!err && fchmod(fd, attr->mode ? attr->mode : 0600))
		err = -errno;
	if (!err)
		err = give_name(fd, path);
	if (err)
		close(fd);
	return err ? err : fd;
}

static int open_path(const struct path *path)
{
	return pyqi_opened(open(path->text, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

/* Whose name it is may change between two looks; not for ever. */
static int make_or_open(const struct pyq_attr *attr, const struct path *path)
{
	for (int tries = 0; tries < 100; tries++) {
		int fd = make_named(attr, path);

		if (fd != -EEXIST || attr->flags & PYQ_EXCL)
			return fd;
		fd = open_path(path);
		if (fd != -ENOENT)
			return fd;
	}
	return -EAGAIN;
}

/* What the backend of the module says where the file system says that. */
static int queue_error(int err)
{
	switch (err) {
	case -ENOSPC:
		return -ENOMEM;
	case -EISDIR:
	case -ENOTTY:
		return -EUCLEAN; /* it has a queue's name and is none */
	default:
		return err;
	}
}

static int attach_new(pyq_queue *q, int fd, unsigned int access)
{
	int err = queue_error(fd < 0 ? fd : shm_attach(q, fd));

	if (err && fd >= 0)
		close(fd);
	q->access = access;
	return err;
}

static int shm_create(pyq_queue *q, const struct pyq_attr *attr)
{
	struct path path;
	int err = attr->name ? path_of(&path, attr->name) : 0;

	if (err)
		return err;
	return attach_new(q, attr->name ? make_or_open(attr, &path) : make_anonymous(attr),
			  PYQ_READ | PYQ_WRITE);
}

static int shm_open_name(pyq_queue *q, const char *name, unsigned int flags)
{
	struct path path;
	int err = path_of(&path, name);

	return err ? err : attach_new(q, open_path(&path), flags);
}

static bool shm_has(const char *name)
{
	struct path path;

	return !path_of(&path, name) && !access(path.text, F_OK);
}

static int shm_unlink_name(const char *name)
{
	PYQI_KEEP_ERRNO;
	struct path path;
	int err = path_of(&path, name);

	if (err)
		return err;
	if (!unlink(path.text))
		return 0;
	return errno == EACCES ? -EPERM : queue_error(-errno);
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
	if (fstat(q->fd, &st))
		return -errno;
	*out = (struct pyq_stat){
		.id = q->map.id,
		.maxsize = q->maxsize,
		.qsize = qsize < 0 ? 0 : (uint64_t)qsize,
		.max_msg = q->max_msg,
		.max_bytes = (uint64_t)q->map.nr_blocks * PYQI_BLOCK_SIZE,
		.large_bytes = pyqi_blocks_bytes(q),
		.ring_bytes = (uint64_t)((char *)q->map.blocks - (char *)hdr),
		.payload = (uint32_t)q->payload,
		.unfinished = pyqi_mapped_unfinished(q),
		.getters = announced(&hdr->getters),
		.putters = announced(&hdr->putters),
		.joiners = announced(&hdr->joiners),
		.mode = st.st_nlink ? st.st_mode & 0777 : 0,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.shutdown = pyq_ring_is_closed(&q->map.ring),
		.named = st.st_nlink != 0,
		.broken = qsize < 0,
	};
	return 0;
}

/* Tell of the queue in file @name of the directory, if it is one, and ours to open. */
static int report(const char *file, int (*fn)(const struct pyq_name *name, void *arg), void *arg)
{
	struct pyq_name name = { .name = file + strlen(PREFIX) };
	struct first_page page;
	struct path path;
	struct stat st;
	bool found;
	int fd;

	if (path_of(&path, name.name))
		return 0;
	fd = open_path(&path);
	if (fd < 0)
		return 0;
	found = !read_first_page(fd, &page, &st);
	close(fd);
	if (!found)
		return 0;
	name.id = page.header.id;
	name.maxsize = (int64_t)page.header.maxsize;
	/* Read one after the other: head may have passed. */
	name.qsize = (page.header.tail & ~PYQUEUE_CLOSED) - page.header.head;
	if (name.qsize > page.header.maxsize)
		name.qsize = 0;
	name.mode = st.st_mode & 0777;
	name.uid = st.st_uid;
	name.gid = st.st_gid;
	return fn(&name, arg);
}

static int shm_list(int (*fn)(const struct pyq_name *name, void *arg), void *arg)
{
	PYQI_KEEP_ERRNO;
	DIR *dir = opendir(DIRECTORY);
	struct dirent *entry;
	int ret = 0;

	if (!dir)
		return -errno;
	while (!ret && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, PREFIX, strlen(PREFIX)))
			ret = report(entry->d_name, fn, arg);
	closedir(dir);
	return ret;
}

static int shm_info(struct pyq_info *info)
{
	snprintf(info->text, sizeof(info->text), "names indirect mapping");
	info->abi_version = PYQUEUE_ABI_VERSION;
	info->maxsize_max = PYQUEUE_MAXSIZE_MAX;
	info->max_msg_max = PYQUEUE_MAX_MSG_MAX;
	info->payload_max = PAYLOAD_MAX;
	return 0;
}

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
	.has = shm_has,
	.unlink = shm_unlink_name,
	.list = shm_list,
	.info = shm_info,
};
