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
#include "kernel_world.h"
#include "kernel_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

enum { CALLS_MOST = 500, MSGS = 12 };

/* What io_uring or a namespace has held goes from a kworker; which may take long. */
enum { LEFT_SECONDS = 60 };

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
	static const uint32_t modes[] = { 0600, 0666, 0, 0060, 0006, 0640, 0222, 0604 };
	static const uint32_t ids[] = { PYQUEUE_ID_CALLER, OTHER, 0, 1234 };
	char name[64] = "";
	struct pyqueue_create a = { .size = sizeof(a), .uid = PYQUEUE_ID_CALLER,
		.gid = PYQUEUE_ID_CALLER };
	uint8_t how = byte();

	a.maxsize = sizes[byte() % 9];
	if (how & 1) {
		a.name = (uintptr_t)name;
		fill_name(name, &a.name_len);
		a.mode = modes[byte() % 8];
	}
	if (how & 1 && how & 128) {
		a.uid = ids[byte() % 4];
		a.gid = ids[byte() % 4];
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
		.count = number(), .entry_size = sizeof(struct pyqueue_entry) };

	if (byte() % 4 == 0) {
		a.entry_size = number();
		a.cookie = number();
	}
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
	const struct mapping *m = some_map();
	struct pyqueue_wake wake = { .size = sizeof(wake), .flags = byte(), .count = number() };
	struct pyqueue_await await = { .size = sizeof(await), .flags = byte() % 4,
		.deadline_ns = deadline() };
	struct pyqueue_fetch fetch = { .size = sizeof(fetch), .flags = byte() % 4,
		.position = m->op.pos, .word = m->op.word,
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

/* --- all of it ------------------------------------------------------------------- */

/* As often as each is to come. */
static void (*const calls[])(void) = {
	do_create, do_create, do_create, do_open, do_open, do_unlink, do_list, do_anything,
	do_anything, do_anything, do_anything, do_put, do_put, do_put, do_put, do_put, do_put,
	do_get, do_get, do_get, do_get, do_get, do_get, do_many, do_many, do_many, do_account,
	do_account, do_mapped_call, do_mapped_call, do_mapped_call, do_shutdown, do_mmap, do_mmap,
	do_mmap, do_memory, do_memory, do_memory, do_memory, do_ring, do_ring, do_ring, do_ring,
	do_ring, do_scribble, do_scribble, do_scribble, do_files, do_files, do_files, do_files,
	do_files, do_pass, do_uring, do_uring, do_uring, do_uring, do_uring, do_uring, do_thread,
	do_fork,
};

void play(unsigned int most)
{
	while (world.at < world.end && most--)
		calls[byte() % (sizeof(calls) / sizeof(calls[0]))]();
}

/* Names of which nobody has the queue any more. */
static void unlink_all(void)
{
	struct pyqueue_entry entry;
	struct pyqueue_list list = { .size = sizeof(list), .entries = (uintptr_t)&entry,
		.count = 1, .entry_size = sizeof(entry) };

	do {
		struct pyqueue_unlink a = { .size = sizeof(a), .name = (uintptr_t)entry.name };

		if (ioctl(device, PYQUEUE_IOC_LIST, &list) != 1)
			return;
		a.name_len = entry.name_len;
		never(ioctl(device, PYQUEUE_IOC_UNLINK, &a));
	} while (list.cookie);
}

struct left {
	unsigned long long queues, bytes;	/* of both users */
	int files;				/* also of /dev/pyqueue itself */
};

/* An account is the real user's. This thread is that for as long as it asks. */
static void add_account(uid_t uid, struct left *left)
{
	struct pyqueue_info info = { .size = sizeof(info) };

	never(syscall(SYS_setresuid, uid, -1, -1));
	never(ioctl(device, PYQUEUE_IOC_INFO, &info));
	never(syscall(SYS_setresuid, 0, -1, -1));
	left->queues += info.user_queues;
	left->bytes += info.user_bytes;
}

static struct left what_is_left(void)
{
	struct left left = { };
	FILE *file = fopen("/sys/module/pyqueue/refcnt", "re");

	never(!file || fscanf(file, "%d", &left.files) != 1);
	fclose(file);
	add_account(0, &left);
	add_account(OTHER, &left);
	return left;
}

static int files_before;

static void end_world(void)
{
	end_children();
	end_commands();
	for (int i = 0; i < MAPS; i++)
		drop_map(&world.maps[i]);
	for (int i = 0; i < FDS; i++)
		if (world.fds[i] >= 0)
			close(world.fds[i]);
	close(world.epoll);
	close(world.pipe[0]);
	close(world.pipe[1]);
	unlink_all();
}

static void expect_nothing_left(void)
{
	const uint64_t end = now() + LEFT_SECONDS * 1000000000ULL;
	struct left left;

	do {
		left = what_is_left();
		if (!left.queues && !left.bytes && left.files == files_before)
			return;
		sched_yield();
	} while (now() < end);
	fprintf(stderr, "%llu queues, %llu bytes and %d files are left\n", left.queues, left.bytes,
		left.files - files_before);
	abort();
}

static void say_done(void)
{
	static const char *const names[DONE] = { "calls", "forks", "threads", "other users",
		"user namespaces", "network namespaces", "io_urings", "commands" };

	for (int i = 0; i < DONE; i++)
		fprintf(stderr, "%llu %s%s", __atomic_load_n(&done[i], __ATOMIC_RELAXED), names[i],
			i < DONE - 1 ? ", " : "\n");
}

static void ask(void)
{
	what_is_left();
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
	done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (buf == MAP_FAILED || done == MAP_FAILED || mprotect(buf + BUF, 4096, PROT_NONE) ||
	    unshare(CLONE_NEWNET) || prctl(PR_SET_CHILD_SUBREAPER, 1) || !watch_begin(ask)) {
		perror("fuzz kernel");
		exit(1);
	}
	files_before = what_is_left().files;
	signal(SIGPIPE, SIG_IGN);
	atexit(say_done);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	world = (struct world){ .pipe = { -1, -1 }, .at = data, .end = data + size,
		.forks = done[FORKS] };
	memset(world.fds, -1, sizeof(world.fds));
	world.epoll = epoll_create1(EPOLL_CLOEXEC);

	watch_on();
	play(CALLS_MOST);
	end_world();
	watch_off();
	expect_nothing_left();
	if (watch_complained()) {
		fprintf(stderr, "the kernel has complained\n");
		abort();
	}
	return 0;
}
