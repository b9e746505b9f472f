// SPDX-License-Identifier: GPL-2.0
/*
 * Pools: what they, their helper, their workers and their threads ask of the system fails.
 * A task has then been done, or has failed and says so; nobody waits for ever.
 */
#include "scenario.h"

#include <pyqueue/pool.h>

#define LONG_RESULT 20000

struct stage {
	pyq_pool *pool;
	pyq_result *result;
	pyq_map *map;
	struct pyq_pool_attr attr;
	int squares;
	int called;
};

/* Of a pool that cannot be made. */
#define CREATING "ENOMEM EAGAIN EMFILE ENFILE EFBIG ENOSPC EACCES EPERM EUSERS EUCLEAN EOPNOTSUPP EBADF"
/* And what a worker program has besides. */
#define SERVING " ENOENT EPIPE EPROTO EINVAL ENOTTY"
/* Of one in which somebody has died, or had no memory. */
#define DYING "EOWNERDEAD ENOMSG ENOMEM ECANCELED"

static int square(struct pyq_call *call)
{
	const int x = *(const int *)call->arg, result = x * x;

	return pyq_return(call, &result, sizeof(result));
}

static int be_long(struct pyq_call *call)
{
	static const char bytes[LONG_RESULT];

	return pyq_return(call, bytes, sizeof(bytes));
}

static int complain(struct pyq_call *call)
{
	return pyq_error(call, -EDOM, "a text of some length, so that there has to be room for it: %0900d", 7);
}

static const struct pyq_pool_function functions[] = {
	{ "square", square }, { "be_long", be_long }, { "complain", complain }, { 0 }
};

static pyq_function find(const struct stage *s, const char *name, pyq_function here)
{
	return s->attr.argv ? pyq_pool_function(s->pool, name) : here;
}

/* --- pools of each kind ------------------------------------------------------------------- */

#define SMALL .workers = 1, .queue_size = 4, .max_message = 1 << 16, .max_retries = 2

static void of_processes(struct __test_metadata *_metadata, struct stage *s)
{
	s->attr = (struct pyq_pool_attr){ SMALL, .timeout = LONG };
}

static void of_threads(struct __test_metadata *_metadata, struct stage *s)
{
	s->attr = (struct pyq_pool_attr){ SMALL, .flags = PYQ_POOL_THREADS };
}

static void of_a_program(struct __test_metadata *_metadata, struct stage *s)
{
	static char *const argv[] = { "/proc/self/exe", "--worker", NULL };

	s->attr = (struct pyq_pool_attr){ SMALL, .argv = argv };
}

static long create(struct stage *s)
{
	return pyq_pool_create(&s->pool, &s->attr);
}

static void with(struct __test_metadata *_metadata, struct stage *s)
{
	ASSERT_EQ(0, create(s));
}

static void with_processes(struct __test_metadata *_metadata, struct stage *s)
{
	of_processes(_metadata, s);
	with(_metadata, s);
}

static void with_threads(struct __test_metadata *_metadata, struct stage *s)
{
	of_threads(_metadata, s);
	with(_metadata, s);
}

static void without_thread(struct __test_metadata *_metadata, struct stage *s)
{
	of_processes(_metadata, s);
	s->attr.flags = PYQ_POOL_NO_THREAD;
	with(_metadata, s);
}

static void end(struct stage *s)
{
	pyq_map_free(s->map);
	pyq_pool_destroy(s->pool);
	pyq_result_free(s->result);
}

/* --- what they do ---------------------------------------------------------------------------- */

static long apply(struct stage *s)
{
	const int seven = 7;
	int result = 0;
	const long ret = pyq_pool_apply(s->pool, &(struct pyq_task){
		.function = find(s, "square", square), .arg = &seven, .len = sizeof(seven) },
		&result, sizeof(result));

	return ret == sizeof(result) && result != 49 ? -EPROTO : ret;
}

static long apply_long(struct stage *s)
{
	static char buf[LONG_RESULT];

	return pyq_pool_apply(s->pool, &(struct pyq_task){ .function = find(s, "be_long", be_long) },
			      buf, sizeof(buf));
}

/* What it says of itself is told, if there was memory for it. */
static long apply_bad(struct stage *s)
{
	long ret = pyq_pool_apply_async(s->pool, &(struct pyq_task){
		.function = find(s, "complain", complain) }, PYQ_FOREVER, &s->result);

	if (!ret)
		ret = pyq_result_get(s->result, NULL, 0, PYQ_FOREVER);
	return ret == -EDOM ? 0 : ret ? ret : -EPROTO;
}

static int numbers[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };

static long map(struct stage *s)
{
	const struct pyq_items items = { .base = numbers, .size = sizeof(numbers[0]), .n = 8 };
	const long ret = pyq_pool_map(s->pool, find(s, "square", square), &items, 2, &s->map);
	const void *data;

	for (size_t i = 0; s->map && i < 8; i++) {
		const ssize_t len = pyq_map_get(s->map, i, &data);

		if (len >= 0 && *(const int *)data != (int)(i * i))
			return -EPROTO;
	}
	return ret;
}

static void has_been_called(pyq_result *result, void *context)
{
	(void)result;
	__atomic_add_fetch((int *)context, 1, __ATOMIC_SEQ_CST);
}

static long call_back(struct stage *s)
{
	const int seven = 7;
	const long ret = pyq_pool_apply_async(s->pool, &(struct pyq_task){
		.function = square, .arg = &seven, .len = sizeof(seven),
		.callback = has_been_called, .error_callback = has_been_called,
		.context = &s->called }, PYQ_FOREVER, &s->result);

	return ret ? ret : pyq_result_wait(s->result, PYQ_FOREVER);
}

static long all_kinds(struct stage *s)
{
	long ret = apply(s), others;

	others = apply_long(s);
	if (ret >= 0)
		ret = others;
	others = apply_bad(s);
	if (ret >= 0)
		ret = others;
	others = map(s);
	return ret < 0 ? ret : others;
}

static long live(struct stage *s)
{
	long ret = create(s);

	return ret ? ret : all_kinds(s);
}

static long fd(struct stage *s)
{
	return pyq_pool_fd(s->pool);
}

static long process(struct stage *s)
{
	return pyq_pool_process(s->pool);
}

static long resize(struct stage *s)
{
	return pyq_pool_resize(s->pool, 2);
}

static long close_and_join(struct stage *s)
{
	pyq_pool_close(s->pool);
	return pyq_pool_join(s->pool, LONG);
}

static long terminate(struct stage *s)
{
	pyq_pool_terminate(s->pool);
	return pyq_pool_join(s->pool, LONG);
}

static long destroy(struct stage *s)
{
	const long ret = pyq_pool_destroy(s->pool);

	s->pool = NULL;
	return ret;
}

/* --- what there is then ------------------------------------------------------------------------ */

/* It does all that a pool does. */
static void works(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_TRUE(s->pool || result < 0) TH_LOG("%s", about);
	if (!s->pool)
		return;
	EXPECT_EQ(NULL, pyq_pool_broken(s->pool)) TH_LOG("%s%s", about, pyq_pool_broken(s->pool));
	EXPECT_EQ(sizeof(int), apply(s)) TH_LOG("%s", about);
	pyq_pool_close(s->pool);
	EXPECT_EQ(0, pyq_pool_join(s->pool, LONG)) TH_LOG("%s", about);
}

/*
 * Or is broken, says why, and is at its end: who waits for a result may be he who fetches those of
 * all, and there may be no room to map large ones.
 */
static void works_or_is_broken(struct __test_metadata *_metadata, struct stage *s, long result)
{
	if (!s->pool || !pyq_pool_broken(s->pool)) {
		const long ret = s->pool ? apply(s) : 0;

		/* What has been struck by now may be this one. */
		EXPECT_TRUE(is_promised(DYING, ret)) TH_LOG("%s%ld", about, ret);
	} else {
		EXPECT_EQ(-EOWNERDEAD, apply(s)) TH_LOG("%s", about);
	}
	if (!s->pool)
		return;
	pyq_pool_close(s->pool);
	EXPECT_EQ(pyq_pool_broken(s->pool) ? -EOWNERDEAD : 0, pyq_pool_join(s->pool, LONG))
		TH_LOG("%s", about);
}

static void callback_was_called(struct __test_metadata *_metadata, struct stage *s, long result)
{
	works(_metadata, s, result);
	EXPECT_EQ(s->result != NULL, s->called) TH_LOG("%s", about);
}

static void is_at_its_end(struct __test_metadata *_metadata, struct stage *s, long result)
{
	EXPECT_EQ(0, pyq_pool_join(s->pool, LONG)) TH_LOG("%s", about);
}

PLAY(create_processes, .promised = CREATING, .set_up = of_processes, .call = create,
     .works = works, .tear_down = end)
PLAY(create_threads, .promised = CREATING, .set_up = of_threads, .call = create, .works = works,
     .tear_down = end)
PLAY(create_program, .promised = CREATING SERVING, .set_up = of_a_program, .call = create,
     .works = works, .tear_down = end)
PLAY(apply, .promised = DYING, .most = 20, .set_up = with_processes, .call = apply,
     .works = works, .tear_down = end)
PLAY(apply_long, .promised = DYING, .most = 20, .set_up = with_processes, .call = apply_long,
     .works = works_or_is_broken, .tear_down = end)
PLAY(apply_bad, .promised = DYING, .most = 20, .set_up = with_processes, .call = apply_bad,
     .works = works, .tear_down = end)
PLAY(map, .promised = DYING, .most = 30, .set_up = with_processes, .call = map, .works = works,
     .tear_down = end)
PLAY(map_threads, .promised = DYING, .most = 30, .set_up = with_threads, .call = map,
     .works = works, .tear_down = end)
PLAY(callback, .promised = DYING, .most = 20, .set_up = with_processes, .call = call_back,
     .works = callback_was_called, .tear_down = end)
PLAY(pool_fd, .promised = CREATING, .set_up = without_thread, .call = fd, .works = works,
     .tear_down = end)
PLAY(pool_process, .promised = CREATING " EINVAL", .most = 20, .set_up = without_thread, .call = process,
     .works = works, .tear_down = end)
PLAY(resize, .promised = "EOWNERDEAD", .set_up = with_processes, .call = resize,
     .works = works_or_is_broken, .tear_down = end)
PLAY(close_and_join, .promised = DYING, .most = 20, .set_up = with_processes,
     .call = close_and_join, .works = is_at_its_end, .tear_down = end)
PLAY(terminate, .promised = DYING, .most = 20, .set_up = with_processes, .call = terminate,
     .works = is_at_its_end, .tear_down = end)
PLAY(destroy, .promised = "", .most = 20, .set_up = with_processes, .call = destroy,
     .tear_down = end)
PLAY(reap_helper, .promised = "", .only = "waitid", .set_up = with_processes, .call = destroy,
     .tear_down = end)
PLAY(reap_workers, .promised = DYING, .place = IN_CHILD, .only = "read", .most = 2,
     .set_up = of_processes, .call = live, .works = works, .tear_down = end)
PLAY(tell_of_deadline, .promised = DYING, .place = IN_GRANDCHILD, .only = "write", .most = 4,
     .set_up = of_processes, .call = live, .works = works_or_is_broken, .tear_down = end)
PLAY(look_at_helper, .promised = "", .only = "poll", .set_up = without_thread, .call = process,
     .works = works, .tear_down = end)
PLAY(helper, .promised = CREATING " " DYING, .place = IN_CHILD, .most = 40,
     .set_up = of_processes, .call = live, .works = works_or_is_broken, .tear_down = end)
PLAY(worker, .promised = CREATING " " DYING, .place = IN_GRANDCHILD, .most = 60,
     .set_up = of_processes, .call = live, .works = works_or_is_broken, .tear_down = end)
PLAY(thread, .promised = CREATING " " DYING, .place = IN_THREAD, .most = 40,
     .set_up = of_threads, .call = live, .works = works_or_is_broken, .tear_down = end)
PLAY(program, .promised = CREATING SERVING " " DYING, .place = IN_CHILD, .most = 80,
     .set_up = of_a_program, .call = live, .works = works_or_is_broken, .tear_down = end)
PLAY(program_worker, .promised = CREATING SERVING " " DYING, .place = IN_GRANDCHILD, .most = 60,
     .set_up = of_a_program, .call = live, .works = works_or_is_broken, .tear_down = end)

TEST(all_have_failed)
{
	const char *name = faults_not_struck("malloc calloc realloc mmap madvise memfd_create "
		"ftruncate fork clone pidfd_open eventfd epoll_create1 epoll_ctl "
		"signalfd socketpair send recv sendmsg recvmsg getsockopt ppoll pthread_create "
		"read write open fcntl(F_ADD_SEALS) waitid sched_getaffinity");

	EXPECT_EQ(NULL, name) TH_LOG("%s() has never failed", name);
}

#define main harness_main
TEST_HARNESS_MAIN
#undef main

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--worker"))
		return pyq_pool_serve(functions, NULL, NULL) != 0;
	return harness_main(argc, argv);
}
