// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's contract under libFuzzer: what each input means is a sequence of calls on
 * the module, with what they work on made, mapped, scribbled over, passed on, forked,
 * killed and closed in between. To be run in a kernel that watches itself: a complaint in
 * its log ends the run, and so does anything of the module that is left when an input has
 * been played. Where the kernel tells what of the module has been run (KCOV), inputs that
 * run something new are kept.
 *
 *	kernel [libFuzzer's options] CORPUS...
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <liburing.h>
#include <linux/pyqueue.h>
#include <ring/batch.h>
#include <ring/recover.h>

#include "kernel_watch.h"

enum { FDS = 8, MAPS = 4, CHILDREN = 4, CALLS_MOST = 500, BUF = 1 << 16, MSGS = 12 };

/* What the calls of one input work on. */
struct world {
	int fds[FDS];		/* queues, or -1 */
	struct pyq_ring rings[MAPS];
	size_t map_bytes[MAPS];	/* 0: no mapping */
	struct pyq_op ops[MAPS];	/* what is in hand of each */
	bool holds[MAPS];
	pid_t children[CHILDREN];
	int epoll;
	unsigned int arguments;
	const uint8_t *at, *end;
};

static struct world world;
static int device;
static unsigned char *buf;	/* BUF bytes, and a page beyond that is not there */
static unsigned char *arguments;	/* of commands that wait */
static unsigned long long *calls_made;	/* also by children */

/* It outlives an input if nothing of that waits in it: to make one takes long. */
static struct io_uring uring;
static bool has_uring;
static unsigned int waiting;	/* commands that have not completed */

/* --- the input ----------------------------------------------------------------- */

static uint8_t byte(void)
{
	return world.at < world.end ? *world.at++ : 0;
}

static uint64_t number(void)
{
	static const uint64_t often[] = { 0, 1, 2, 3, 47, 48, 49, 63, 64, 239, 240, 241, 4095, 4096,
		4097, 65535, 65536, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX };
	uint8_t b = byte();
	uint64_t value = 0;

	if (b < sizeof(often) / sizeof(often[0]))
		return often[b];
	if (b < 200)
		return b;
	for (int i = 0; i < b % 8 + 1; i++)
		value = value << 8 | byte();
	return value;
}

static uint64_t deadline(void)
{
	struct timespec now;
	uint8_t b = byte();

	if (b % 8)
		return PYQUEUE_NOWAIT;
	clock_gettime(CLOCK_MONOTONIC, &now);
	/* Some milliseconds at most, or past. */
	return now.tv_sec * 1000000000ULL + now.tv_nsec + (b >> 3) * 100000ULL - 500000;
}

static int some_fd(void)
{
	return world.fds[byte() % FDS];
}

static int some_map(void)
{
	return byte() % MAPS;
}

/* An address for the kernel: good, at an edge, nowhere, in the kernel, in a ring itself. */
static void *address(void)
{
	uint8_t b = byte();
	int map = b >> 5 & (MAPS - 1);

	switch (b % 16) {
	case 0: return NULL;
	case 1: return (void *)-4096L;
	case 2: return (void *)0xffff888000000000UL;
	case 3: return buf + BUF - byte();
	case 4: return buf + BUF - 4096;
	case 5:
	case 6:
		if (world.map_bytes[map])
			return (char *)world.rings[map].hdr + number() % world.map_bytes[map];
		/* fall through */
	default: return buf + byte();
	}
}

static void count_call(void)
{
	__atomic_add_fetch(calls_made, 1, __ATOMIC_RELAXED);
}

static long did(long ret)
{
	int err = errno;

	count_call();
	return ret < 0 ? -err : ret;
}

static long call(int fd, unsigned long cmd, void *arg)
{
	return did(ioctl(fd, cmd, arg));
}

static int *free_fd(void)
{
	for (int i = 0; i < FDS; i++)
		if (world.fds[i] < 0)
			return &world.fds[i];
	return NULL;
}

static void keep(long fd)
{
	int *place = free_fd();

	if (fd < 0)
		return;
	if (place)
		*place = fd;
	else
		close(fd);
}

/* --- the calls ----------------------------------------------------------------- */

static void fill_name(char *name, uint32_t *len)
{
	static const char *const names[] = { "a", "b", "dir/file", "", "..", "\x01" };

	strcpy(name, names[byte() % 6]);
	*len = strlen(name);
}

static void do_create(void)
{
	static const int64_t sizes[] = { 1, 2, 3, 4, 8, 100, 0, -1, 5000 };
	char name[64] = "";
	struct pyqueue_create a = { .size = sizeof(a), .uid = PYQUEUE_ID_CALLER,
		.gid = PYQUEUE_ID_CALLER };
	uint8_t how = byte();

	a.maxsize = sizes[byte() % 9];
	if (how & 1) {
		a.name = (uintptr_t)name;
		fill_name(name, &a.name_len);
		a.mode = byte() % 2 ? 0600 : 0666;
	}
	if (how & 2)
		a.flags = byte() & (PYQUEUE_SEALED | PYQUEUE_MAPPABLE | PYQUEUE_EXCL |
				    PYQUEUE_NONBLOCK);
	if (how & 4)
		a.payload = number();
	if (how & 8)
		a.max_msg = number();
	if (how & 16)
		a.max_bytes = number();
	if ((how & 96) == 96) {
		a.maxsize = number();
		a.uid = number();
		a.flags = number();
	}
	keep(call(device, PYQUEUE_IOC_CREATE, &a));
}

static void do_open(void)
{
	char name[64];
	struct pyqueue_open a = { .size = sizeof(a), .name = (uintptr_t)name,
		.flags = byte() % 8 };

	fill_name(name, &a.name_len);
	keep(call(device, PYQUEUE_IOC_OPEN, &a));
}

static void do_unlink(void)
{
	char name[64];
	struct pyqueue_unlink a = { .size = sizeof(a), .name = (uintptr_t)name };

	fill_name(name, &a.name_len);
	call(device, PYQUEUE_IOC_UNLINK, &a);
}

static void do_list(void)
{
	struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)address(),
		.count = number(), .entry_size = byte() % 2 ? sizeof(struct pyqueue_entry) : number(),
		.cookie = number() };

	call(device, PYQUEUE_IOC_LIST, &a);
}

static const unsigned long commands[] = {
	PYQUEUE_IOC_INFO, PYQUEUE_IOC_CREATE, PYQUEUE_IOC_OPEN, PYQUEUE_IOC_UNLINK,
	PYQUEUE_IOC_LIST, PYQUEUE_IOC_PUT, PYQUEUE_IOC_GET, PYQUEUE_IOC_PUT_MANY,
	PYQUEUE_IOC_GET_MANY, PYQUEUE_IOC_QSIZE, PYQUEUE_IOC_TASK_DONE, PYQUEUE_IOC_JOIN,
	PYQUEUE_IOC_SHUTDOWN, PYQUEUE_IOC_STAT, PYQUEUE_IOC_OWNER, PYQUEUE_IOC_WAKE,
	PYQUEUE_IOC_AWAIT, PYQUEUE_IOC_FETCH, PYQUEUE_URING_CANCEL,
};

/*
 * Any command with any argument of any size, which the size in it says, or does not. The
 * deadline's place is the same in all that wait: these do not wait for ever.
 */
static void do_anything(void)
{
	unsigned long cmd = commands[byte() % (sizeof(commands) / sizeof(commands[0]))];
	uint8_t how = byte();
	unsigned int size = _IOC_SIZE(cmd);
	unsigned char arg[512];
	uint64_t when;
	uint32_t said;
	long made;

	if (how & 1)
		size = number() % sizeof(arg);
	memset(arg, 0, sizeof(arg));
	for (unsigned int i = 4; i < size && i < 64; i++)
		arg[i] = how & 2 ? byte() : 0;
	said = how & 4 ? number() : size;
	memcpy(arg, &said, sizeof(said));
	when = deadline();
	memcpy(arg + offsetof(struct pyqueue_put, deadline_ns), &when, sizeof(when));
	if (how & 8)
		cmd = (cmd & ~0xffUL) | byte();
	cmd = (cmd & ~((unsigned long)_IOC_SIZEMASK << _IOC_SIZESHIFT)) |
	      (unsigned long)size << _IOC_SIZESHIFT;
	made = call(how & 16 ? device : some_fd(), cmd, how & 32 ? address() : arg);
	if (how & 16 && (_IOC_NR(cmd) == _IOC_NR(PYQUEUE_IOC_CREATE) ||
			 _IOC_NR(cmd) == _IOC_NR(PYQUEUE_IOC_OPEN)))
		keep(made);
}

static void do_put(void)
{
	struct pyqueue_put a = { .size = sizeof(a), .deadline_ns = deadline(),
		.buf = (uintptr_t)address(), .len = number() };

	call(some_fd(), PYQUEUE_IOC_PUT, &a);
}

static void do_get(void)
{
	struct pyqueue_get a = { .size = sizeof(a), .deadline_ns = deadline(),
		.buf = (uintptr_t)address(), .len = number() };

	call(some_fd(), PYQUEUE_IOC_GET, &a);
}

static void do_many(void)
{
	struct pyqueue_msg msgs[MSGS] = { };
	struct pyqueue_many a = { .size = sizeof(a), .deadline_ns = deadline(),
		.msgs = (uintptr_t)msgs, .count = byte() % (MSGS + 1) };
	uint8_t how = byte();

	for (unsigned int i = 0; i < a.count; i++) {
		msgs[i].buf = (uintptr_t)(how & 2 ? address() : buf);
		msgs[i].len = how & 4 ? number() : how;
	}
	if (how & 8)
		a.msgs = (uintptr_t)address();
	call(some_fd(), how & 1 ? PYQUEUE_IOC_PUT_MANY : PYQUEUE_IOC_GET_MANY, &a);
}

static void do_account(void)
{
	int q = some_fd();
	struct pyqueue_task_done done = { .size = sizeof(done), .count = number() };
	struct pyqueue_join join = { .size = sizeof(join), .deadline_ns = deadline() };
	struct pyqueue_stat st = { .size = sizeof(st) };

	call(q, PYQUEUE_IOC_TASK_DONE, &done);
	call(q, PYQUEUE_IOC_JOIN, &join);
	call(q, PYQUEUE_IOC_STAT, &st);
	call(q, PYQUEUE_IOC_QSIZE, NULL);
}

static void do_mapped_call(void)
{
	int q = some_fd();
	int map = some_map();
	struct pyqueue_wake wake = { .size = sizeof(wake), .flags = byte(), .count = number() };
	struct pyqueue_await await = { .size = sizeof(await), .flags = byte() % 4,
		.deadline_ns = deadline() };
	struct pyqueue_fetch fetch = { .size = sizeof(fetch), .flags = byte() % 4,
		.position = world.ops[map].pos, .word = world.ops[map].word,
		.buf = (uintptr_t)address(), .len = number() };

	switch (byte() % 4) {
	case 0: call(q, PYQUEUE_IOC_WAKE, &wake); break;
	case 1: call(q, PYQUEUE_IOC_AWAIT, &await); break;
	case 2: fetch.word ^= number(); fetch.position += number(); /* fall through */
	default: call(q, PYQUEUE_IOC_FETCH, &fetch);
	}
}

static void do_shutdown(void)
{
	struct pyqueue_shutdown a = { .size = sizeof(a), .flags = byte() % 3 };

	call(some_fd(), PYQUEUE_IOC_SHUTDOWN, &a);
}

/* --- mappings ------------------------------------------------------------------ */

static void drop_map(int map)
{
	if (world.map_bytes[map])
		munmap(world.rings[map].hdr, world.map_bytes[map]);
	world.map_bytes[map] = 0;
	world.holds[map] = false;
}

static void do_mmap(void)
{
	int q = some_fd(), map = some_map();
	struct pyqueue_stat st = { .size = sizeof(st) };
	struct pyqueue_owner owner = { .size = sizeof(owner) };
	uint8_t how = byte();
	size_t size;
	void *at;

	drop_map(map);
	if (call(q, PYQUEUE_IOC_STAT, &st))
		return;
	size = st.map_bytes;
	if (how % 16 == 1)
		size = number() % (1 << 24);
	at = mmap(NULL, size, how % 8 == 2 ? PROT_READ : PROT_READ | PROT_WRITE,
		  how % 16 == 3 ? MAP_PRIVATE : MAP_SHARED, q, how % 16 == 4 ? 4096 : 0);
	count_call();
	if (at == MAP_FAILED)
		return;
	owner.addr = (uintptr_t)at;
	if (call(q, PYQUEUE_IOC_OWNER, &owner) || size != st.map_bytes || how % 8 == 2) {
		munmap(at, size);
		return;
	}
	world.map_bytes[map] = size;
	world.holds[map] = false;
	pyq_ring_init(&world.rings[map], at, st.maxsize ?: st.slots,
		      st.payload + sizeof(struct pyqueue_slot), owner.owner);
}

static void do_memory(void)
{
	static const int advices[] = { MADV_DONTNEED, MADV_DOFORK, MADV_DONTFORK, MADV_REMOVE,
		MADV_FREE, MADV_PAGEOUT, MADV_COLD, MADV_WILLNEED, MADV_HUGEPAGE, MADV_MERGEABLE,
		MADV_POPULATE_WRITE };
	int map = some_map();
	struct pyq_ring *r = &world.rings[map];
	size_t size = world.map_bytes[map];
	uint8_t how = byte();
	void *to;

	if (!size)
		return;
	switch (how % 6) {
	case 0: drop_map(map); return;
	case 1: did(munmap((char *)r->hdr + size - 4096, 4096)); return;
	case 2: did(madvise(r->hdr, size, advices[byte() % 11])); return;
	case 3: /* without writing no call of the ring's may be made */
		did(mprotect(r->hdr, 4096, PROT_READ));
		did(mprotect(r->hdr, size, PROT_READ | PROT_WRITE | (how & 8 ? PROT_EXEC : 0)));
		return;
	case 4:
		to = mremap(r->hdr, size, how & 8 ? size + 4096 : size, MREMAP_MAYMOVE);
		count_call();
		/* It cannot be moved, nor grow. */
		if (to != MAP_FAILED && (how & 8 || to != r->hdr))
			abort();
		return;
	default: did(msync(r->hdr, size, MS_SYNC)); did(mlock(r->hdr, size)); return;
	}
}

/* A step of the ring's own, as the library takes it. */
static void do_ring(void)
{
	int map = some_map();
	struct pyq_ring *r = &world.rings[map];
	struct pyq_op *op = &world.ops[map];
	uint8_t how = byte();

	if (!world.map_bytes[map])
		return;
	op->freed = false;
	if (!world.holds[map]) {
		world.holds[map] = how & 1 ? !pyq_ring_claim_put(r, op) :
					     !pyq_ring_claim_get(r, op, UINT64_MAX);
		return;
	}
	world.holds[map] = false;
	switch (how % 5) {
	case 0: pyq_ring_publish(r, op, how, how & 16 ? PYQUEUE_SLOT_INDIRECT : 0); break;
	case 1: pyq_ring_abort(r, op); break;
	case 2: pyq_ring_release(r, op); break;
	case 3: pyq_ring_give_back(r, op); break;
	default: break; /* it is left there */
	}
}

static void do_scribble(void)
{
	int map = some_map();
	struct pyq_ring *r = &world.rings[map];
	__u64 *words, value;
	uint8_t how = byte();

	if (!world.map_bytes[map])
		return;
	words = how & 1 ? &pyq_ring_slot(r, byte())->word : (__u64 *)r->hdr + byte() % 128;
	value = __atomic_load_n(words, __ATOMIC_RELAXED);
	switch (how >> 1 & 7) {
	case 0: value++; break;
	case 1: value--; break;
	case 2: value ^= 1ULL << byte() % 64; break;
	case 3: value ^= PYQUEUE_CLOSED; break;
	case 4: value = pyq_word(pyq_word_lap(value) + byte() % 3 - 1, byte() % 8, byte(),
				 byte() % 3 ? 0 : PYQUEUE_SLOT_INDIRECT, byte() % 8); break;
	case 5: value += 1ULL << 32; break;
	case 6: value = (value & ~0xffULL) | byte(); break;
	default: value = number();
	}
	__atomic_store_n(words, value, __ATOMIC_RELAXED);
}

/* --- files --------------------------------------------------------------------- */

static void do_files(void)
{
	int i = byte() % FDS, q = world.fds[i];
	struct iovec vec[3] = { { buf, byte() }, { buf + 300, byte() }, { buf + 9000, byte() } };
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	uint8_t how = byte();
	char path[64];

	/* Neither read() nor write() has a deadline. */
	if (q >= 0)
		fcntl(q, F_SETFL, O_NONBLOCK | (how & 16 ? O_APPEND : 0));
	switch (how % 12) {
	case 0: world.fds[i] = -1; did(close(q)); break;
	case 1: keep(did(fcntl(q, F_DUPFD_CLOEXEC, 3))); break;
	case 2: did(write(q, address(), number() % (BUF + 5000))); break;
	case 3: did(read(q, address(), number() % (BUF + 5000))); break;
	case 4: did(writev(q, vec, byte() % 4)); break;
	case 5: did(readv(q, vec, byte() % 4)); break;
	case 6: did(epoll_ctl(world.epoll, EPOLL_CTL_ADD, q, &event)); break;
	case 7: did(epoll_ctl(world.epoll, EPOLL_CTL_DEL, q, &event)); break;
	case 8: did(epoll_wait(world.epoll, &event, 1, 0)); break;
	case 9: {
		struct pollfd fds = { .fd = q, .events = byte() };

		did(poll(&fds, 1, how & 32 ? 1 : 0));
		break;
	}
	case 10:
		snprintf(path, sizeof(path), "/proc/self/fd%s/%d", how & 32 ? "info" : "", q);
		i = open(path, how & 64 ? O_RDONLY : O_RDWR);
		if (i >= 0) {
			did(read(i, buf, 4000));
			close(i);
		}
		break;
	default:
		did(lseek(q, 1, SEEK_SET));
		did(pwrite(q, buf, 3, 1));
		did(ftruncate(q, 0));
		did(fsync(q));
	}
}

/* Away, and back; or on the way for ever, with the socket. */
static void do_pass(void)
{
	int sockets[2], q = some_fd(), fd = -1;
	char space[CMSG_SPACE(sizeof(int))] = "", one = 0;
	struct iovec vec = { &one, 1 };
	struct msghdr msg = { .msg_iov = &vec, .msg_iovlen = 1, .msg_control = space,
		.msg_controllen = sizeof(space) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	if (q < 0 || socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets))
		return;
	*cmsg = (struct cmsghdr){ .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS,
		.cmsg_len = CMSG_LEN(sizeof(int)) };
	memcpy(CMSG_DATA(cmsg), &q, sizeof(int));
	if (did(sendmsg(sockets[0], &msg, 0)) == 1 && byte() % 2 &&
	    recvmsg(sockets[1], &msg, MSG_CMSG_CLOEXEC) == 1) {
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
		keep(fd);
	}
	close(sockets[0]);
	close(sockets[1]);
}

/* --- io_uring ------------------------------------------------------------------ */

/* What has completed, without waiting. */
static void reap_commands(void)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;

	io_uring_get_events(&uring);
	io_uring_for_each_cqe(&uring, head, cqe)
		n++;
	io_uring_cq_advance(&uring, n);
	waiting -= n;
}

static void end_uring(void)
{
	if (has_uring)
		io_uring_queue_exit(&uring);
	has_uring = false;
	waiting = 0;
}

static void do_uring(void)
{
	static const unsigned long ops[] = { PYQUEUE_IOC_PUT, PYQUEUE_IOC_GET,
		PYQUEUE_IOC_PUT_MANY, PYQUEUE_IOC_GET_MANY, PYQUEUE_IOC_TASK_DONE,
		PYQUEUE_IOC_WAKE, PYQUEUE_URING_CANCEL, PYQUEUE_IOC_STAT };
	struct pyqueue_uring payload = { .tag = byte() % 4 };
	unsigned char *arg = arguments + (world.arguments++ % 64) * 128;
	struct io_uring_sqe *sqe;
	uint8_t how = byte();
	unsigned long op = ops[how % 8];
	long ret;

	if (!has_uring) {
		has_uring = !io_uring_queue_init(64, &uring,
						       how & 128 ? IORING_SETUP_SQPOLL : 0);
		if (!has_uring)
			return;
	}
	if (how % 64 == 63) {
		/* With all that still waits. */
		end_uring();
		return;
	}
	sqe = io_uring_get_sqe(&uring);
	if (!sqe)
		return;
	memset(arg, 0, 128);
	if (op == PYQUEUE_IOC_PUT || op == PYQUEUE_IOC_GET) {
		struct pyqueue_get *get = (void *)arg;

		get->size = op == PYQUEUE_IOC_PUT ? sizeof(struct pyqueue_put) : sizeof(*get);
		get->deadline_ns = how & 64 ? PYQUEUE_FOREVER : deadline();
		get->buf = (uintptr_t)address();
		get->len = number();
	} else if (op == PYQUEUE_IOC_PUT_MANY || op == PYQUEUE_IOC_GET_MANY) {
		struct pyqueue_many *many = (void *)arg;
		struct pyqueue_msg *msg = (void *)(arg + 64);

		*msg = (struct pyqueue_msg){ .buf = (uintptr_t)buf, .len = byte() };
		*many = (struct pyqueue_many){ .size = sizeof(*many), .msgs = (uintptr_t)msg,
			.count = byte() % 3,
			.deadline_ns = how & 64 ? PYQUEUE_FOREVER : deadline() };
	} else {
		struct pyqueue_wake *wake = (void *)arg;

		*wake = (struct pyqueue_wake){ .size = sizeof(*wake), .flags = byte(),
			.count = byte() };
	}
	payload.arg = op == PYQUEUE_URING_CANCEL && how & 16 ? 0 : (uintptr_t)arg;
	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, some_fd(), NULL, 0, 0);
	sqe->cmd_op = op;
	memcpy(sqe->cmd, &payload, sizeof(payload));
	if (how & 32)
		sqe->flags |= byte() & (IOSQE_ASYNC | IOSQE_IO_LINK | IOSQE_IO_DRAIN);
	ret = did(io_uring_submit(&uring));
	waiting += ret > 0 ? ret : 0;
	reap_commands();
}

/* What waits is cancelled, or goes with the ring. */
static void end_commands(void)
{
	for (int i = 0; has_uring && waiting && i < FDS * 4; i++) {
		const struct pyqueue_uring payload = { .tag = i % 4 };
		struct io_uring_sqe *sqe = io_uring_get_sqe(&uring);

		if (world.fds[i / 4] < 0 || !sqe)
			continue;
		io_uring_prep_rw(IORING_OP_URING_CMD, sqe, world.fds[i / 4], NULL, 0, 0);
		sqe->cmd_op = PYQUEUE_URING_CANCEL;
		memcpy(sqe->cmd, &payload, sizeof(payload));
		if (io_uring_submit(&uring) == 1)
			waiting++;
		reap_commands();
	}
	if (waiting)
		end_uring();
}

/* --- others -------------------------------------------------------------------- */

static void play(unsigned int most);

static void do_fork(void)
{
	int i = byte() % CHILDREN;
	uint8_t how = byte();
	pid_t pid;

	if (world.children[i]) {
		kill(world.children[i], SIGKILL);
		waitpid(world.children[i], NULL, 0);
		world.children[i] = 0;
		return;
	}
	pid = fork();
	if (pid) {
		world.children[i] = pid < 0 ? 0 : pid;
		/* What it plays is not played here. */
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	memset(world.children, 0, sizeof(world.children));
	/* It is the parent's. */
	has_uring = false;
	waiting = 0;
	if (how % 32 == 1)
		execl("/bin/true", "true", NULL);
	/* Mappings are the parent's. */
	if (how & 2)
		for (int map = 0; map < MAPS; map++)
			world.map_bytes[map] = 0;
	else
		for (int map = 0; map < MAPS; map++)
			if (world.map_bytes[map] &&
			    msync(world.rings[map].hdr, world.map_bytes[map], MS_ASYNC))
				world.map_bytes[map] = 0;
	play(how >> 2);
	if (how & 1)
		kill(getpid(), SIGKILL);
	_exit(0);
}

/* As often as each is to come. */
static void (*const calls[])(void) = {
	do_create, do_create, do_create, do_open, do_open, do_unlink, do_list, do_anything,
	do_anything, do_anything, do_anything, do_put, do_put, do_put, do_put, do_put,
	do_put, do_get, do_get, do_get, do_get, do_get, do_get, do_many,
	do_many, do_many, do_account, do_account, do_mapped_call, do_mapped_call, do_mapped_call, do_shutdown,
	do_mmap, do_mmap, do_mmap, do_memory, do_memory, do_ring, do_ring, do_ring,
	do_ring, do_ring, do_scribble, do_scribble, do_scribble, do_files, do_files, do_files,
	do_files, do_files, do_pass, do_uring, do_uring, do_uring, do_uring, do_uring,
	do_fork,
};

static void play(unsigned int most)
{
	while (world.at < world.end && most--)
		calls[byte() % (sizeof(calls) / sizeof(calls[0]))]();
}

static void unlink_all(void)
{
	static const char *const names[] = { "a", "b" };

	for (int i = 0; i < 2; i++) {
		struct pyqueue_unlink a = { .size = sizeof(a), .name = (uintptr_t)names[i],
			.name_len = 1 };

		ioctl(device, PYQUEUE_IOC_UNLINK, &a);
	}
}

/* All of it goes, and then nothing is left; what io_uring holds goes a little later. */
static void end_world(void)
{
	struct pyqueue_info info = { .size = sizeof(info) };

	for (int i = 0; i < CHILDREN; i++)
		if (world.children[i]) {
			kill(world.children[i], SIGKILL);
			waitpid(world.children[i], NULL, 0);
		}
	end_commands();
	for (int map = 0; map < MAPS; map++)
		drop_map(map);
	for (int i = 0; i < FDS; i++)
		if (world.fds[i] >= 0)
			close(world.fds[i]);
	close(world.epoll);
	unlink_all();
	for (int i = 0; i < 100000; i++) {
		if (ioctl(device, PYQUEUE_IOC_INFO, &info))
			abort();
		if (!info.user_queues && !info.user_bytes)
			return;
		sched_yield();
	}
	fprintf(stderr, "%llu queues and %llu bytes are left\n",
		(unsigned long long)info.user_queues, (unsigned long long)info.user_bytes);
	abort();
}

static void say_calls(void)
{
	fprintf(stderr, "%llu calls\n", __atomic_load_n(calls_made, __ATOMIC_RELAXED));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	device = open("/dev/pyqueue", O_RDWR | O_CLOEXEC);
	if (device < 0) {
		perror("/dev/pyqueue");
		exit(1);
	}
	buf = mmap(NULL, BUF + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	arguments = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	calls_made = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED || calls_made == MAP_FAILED || arguments == MAP_FAILED || mprotect(buf + BUF, 4096, PROT_NONE) ||
	    unshare(CLONE_NEWNET) || !watch_begin()) {
		perror("fuzz kernel");
		exit(1);
	}
	signal(SIGPIPE, SIG_IGN);
	atexit(say_calls);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&world, 0, sizeof(world));
	memset(world.fds, -1, sizeof(world.fds));
	world.at = data;
	world.end = data + size;
	world.epoll = epoll_create1(EPOLL_CLOEXEC);

	watch_on();
	play(CALLS_MOST);
	end_world();
	watch_off();
	if (watch_complained()) {
		fprintf(stderr, "the kernel has complained\n");
		abort();
	}
	return 0;
}
