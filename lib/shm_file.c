// SPDX-License-Identifier: MIT
/*
 * The file that holds a queue in shared memory: the ring's header and what is shared
 * besides in the first page, then slots, what is known of the blocks, and the blocks.
 */
#include <fcntl.h>
#include <unistd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>

#include "blocks.h"
#include "shm_file.h"

/* Room for large messages where no bound is asked for; what is not used costs nothing. */
#define LARGE_DEFAULT (64u << 20)

/* A number that JSON, or whoever reads that, does not round. */
#define ID_BITS 53

/* Memory is taken from the system so much at a time. */
#define PIECE (1 << 20)

/* The most there may be, but for what makes it whole blocks. */
#define LARGE_MAX (16ULL << 30)

struct pyqi_shm_layout pyqi_shm_layout(const struct pyqueue_header *h, uint32_t nr_blocks)
{
	const size_t page = PYQI_BLOCK_MIN;
	struct pyqi_shm_layout l = {
		.blocks = PYQUEUE_HEADER_SIZE + ((size_t)h->slot_size << h->order),
	};

	l.data = (l.blocks + nr_blocks * sizeof(struct pyqi_block) + page - 1) / page * page;
	l.end = l.data + (size_t)nr_blocks * pyqi_block_size(h->slot_size);
	return l;
}

/* Is it a queue, of this version, and no part of it missing? */
static int check_header(const struct pyqueue_header *h, uint32_t nr_blocks, const struct stat *st)
{
	uint32_t order = h->order, slot_size = h->slot_size;
	uint64_t maxsize = h->maxsize;

	if (h->magic != PYQUEUE_MAGIC)
		return -ENOTTY;
	if (h->version != PYQUEUE_ABI_VERSION || h->header_size != PYQUEUE_HEADER_SIZE)
		return -EUCLEAN;
	if (slot_size < PYQUEUE_LINE || slot_size % PYQUEUE_LINE ||
	    slot_size - sizeof(struct pyqueue_slot) > PYQUEUE_PAYLOAD_MAX)
		return -EUCLEAN;
	if (!maxsize || maxsize > PYQUEUE_MAXSIZE_MAX || order != pyq_ring_order(maxsize))
		return -EUCLEAN;
	if (h->max_msg > PYQUEUE_MAX_MSG_MAX ||
	    nr_blocks > pyqi_blocks_for(LARGE_MAX, pyqi_block_size(slot_size)) ||
	    (uint64_t)st->st_size < pyqi_shm_layout(h, nr_blocks).end)
		return -EUCLEAN;
	/* A copy with holes: a store into one may be a SIGBUS. */
	if ((uint64_t)st->st_blocks * 512 < pyqi_shm_layout(h, nr_blocks).blocks)
		return -EUCLEAN;
	return 0;
}

int pyqi_shm_read(int fd, struct pyqi_shm_page *page, struct stat *st)
{
	if (fstat(fd, st))
		return -errno;
	if (!S_ISREG(st->st_mode) || pread(fd, page, sizeof(*page), 0) != sizeof(*page))
		return -ENOTTY;
	return check_header(&page->header, page->shm.nr_blocks, st);
}

static uint32_t blocks_for(const struct pyq_attr *attr, const struct pyqueue_header *h)
{
	const uint32_t size = pyqi_block_size(h->slot_size);
	const uint64_t most = pyqi_blocks_for(LARGE_MAX, size);
	uint64_t blocks = pyqi_blocks_for(attr->max_bytes, size);

	if (h->max_msg <= h->slot_size - sizeof(struct pyqueue_slot))
		return 0;
	if (!blocks) {
		const uint64_t four = 4 * pyqi_blocks_for(h->max_msg, size);

		blocks = pyqi_blocks_for(LARGE_DEFAULT, size);
		blocks = blocks < four ? four : blocks;
	}
	return (uint32_t)(blocks < most ? blocks : most);
}

/* Before the machine has gathered any randomness it waits, and a signal ends that. */
static int make_id(__u64 *id)
{
	ssize_t len;

	do
		len = getrandom(id, sizeof(*id), 0);
	while (len < 0 && errno == EINTR);
	if (len != sizeof(*id))
		return -errno;
	*id >>= 64 - ID_BITS;
	return 0;
}

static int make_page(struct pyqi_shm_page *page, const struct pyq_attr *attr)
{
	const uint32_t payload = attr->payload ? (uint32_t)attr->payload : PYQUEUE_PAYLOAD_DEFAULT;
	struct pyqueue_header *h = &page->header;

	*page = (struct pyqi_shm_page){
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
	page->shm.nr_blocks = blocks_for(attr, h);
	return make_id(&h->id);
}

/* What would end in a signal, to this process or to another. */
static int check_limits(const struct pyqi_shm_layout *layout)
{
	struct rlimit limit;
	struct sysinfo info;

	if (!getrlimit(RLIMIT_FSIZE, &limit) && layout->end > limit.rlim_cur)
		return -EFBIG;
	/* A memfd has no other limit than the OOM killer. */
	if (!sysinfo(&info) &&
	    layout->blocks / info.mem_unit > (uint64_t)info.totalram + info.totalswap)
		return -ENOMEM;
	return 0;
}

/*
 * In pieces: before Linux 6.12 one that a signal interrupts begins anew, and there are
 * programs with a timer.
 */
static int allocate(int fd, off_t end)
{
	for (off_t at = 0; at < end; at += PIECE) {
		int err;

		do {
			err = posix_fallocate(fd, at, end - at < PIECE ? end - at : PIECE);
		} while (err == EINTR);
		if (err)
			return -err;
	}
	return 0;
}

int pyqi_shm_format(int fd, const struct pyq_attr *attr)
{
	struct pyqi_shm_layout layout;
	struct pyqi_shm_page page;
	int err = make_page(&page, attr);

	if (err)
		return err;
	layout = pyqi_shm_layout(&page.header, page.shm.nr_blocks);
	err = check_limits(&layout);
	if (err)
		return err;
	if (ftruncate(fd, (off_t)layout.end) || pwrite(fd, &page, sizeof(page), 0) != sizeof(page))
		return -errno;
	/* Now, or a store into a hole of a full /dev/shm would be a SIGBUS; blocks have time. */
	return allocate(fd, (off_t)layout.blocks);
}
