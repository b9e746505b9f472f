// SPDX-License-Identifier: GPL-2.0
/* A pool: how it is made, what is run, and what becomes of that. <pyqueue/pool.h> */
#include "lib_pool.h"

/* --- making one -------------------------------------------------------------------- */

#define refused(...)                                                         \
	({                                                                   \
		pyq_pool *pool_ = (pyq_pool *)1;                             \
		int err_ = lib(pyq_pool_create(&pool_, &(struct pyq_pool_attr){ __VA_ARGS__ })); \
		EXPECT_EQ(NULL, pool_);                                      \
		err_;                                                        \
	})

/* proves: pyq_pool_create -EINVAL, pyq_pool_create -EOPNOTSUPP, pyq_pool_attr -EINVAL */
TEST_F(pool, bad_attributes)
{
	EXPECT_EQ(-EINVAL, refused(.workers = 1001));
	EXPECT_EQ(-EINVAL, refused(.workers = ~0U));
	EXPECT_EQ(-EINVAL, refused(.queue_size = 65537));
	EXPECT_EQ(-EINVAL, refused(.max_message = (63 << 20) + 1));
	EXPECT_EQ(-EINVAL, refused(.max_message = SIZE_MAX));
	EXPECT_EQ(-EINVAL, refused(.timeout = -1));
	EXPECT_EQ(-EINVAL, refused(.reserved = { 1 }));
	EXPECT_EQ(-EINVAL, refused(.reserved = { [7] = 1 }));
	EXPECT_EQ(-EINVAL, refused(.backend = "file"));
	EXPECT_EQ(-EOPNOTSUPP, refused(.flags = 4));
	EXPECT_EQ(-EOPNOTSUPP, refused(.flags = 1U << 31));
	EXPECT_EQ(-EOPNOTSUPP, refused(.flags = PYQ_POOL_THREADS, .timeout = 1));
}

TEST_F(pool, defaults)
{
	struct pyq_pool_stat st;
	cpu_set_t cpus;
	int n = 7;

	if (with_threads())
		begin(.workers = 0);
	else
		ASSERT_EQ(0, lib(pyq_pool_create(&self->pool, NULL)));
	ASSERT_EQ(0, sched_getaffinity(0, sizeof(cpus), &cpus));
	st = wait_stat(st.workers == (uint64_t)CPU_COUNT(&cpus));
	EXPECT_EQ(0, st.submitted + st.running + st.done + st.failed + st.retried + st.died);
	EXPECT_EQ(4, lib(pyq_pool_apply(self->pool, &(struct pyq_task){ square, &n, 4 }, &n, 4)));
	EXPECT_EQ(49, n);
	EXPECT_EQ(NULL, lib(pyq_pool_broken(self->pool)));
}

static int look_at_name(struct pyq_call *call)
{
	char name[16] = "";

	prctl(PR_GET_NAME, name);
	return pyq_return(call, name, sizeof(name));
}

TEST_F(pool, names)
{
	char name[16];

	NOT_WITH_THREADS("they have the program's");
	begin(.workers = 1);
	EXPECT_EQ(16, pyq_pool_apply(self->pool, &(struct pyq_task){ look_at_name }, name, 16));
	EXPECT_STREQ("Worker-1", name);
	EXPECT_EQ(0, pyq_pool_destroy(self->pool));
	begin(.workers = 1, .name = "a name that is too long");
	EXPECT_EQ(16, pyq_pool_apply(self->pool, &(struct pyq_task){ look_at_name }, name, 16));
	EXPECT_STREQ("a name that-1", name);
}

static int initialize(void *arg)
{
	__atomic_store_n(&shared->bad, (int)(intptr_t)arg, __ATOMIC_SEQ_CST);
	count(&shared->initialized);
	return 0;
}

TEST_F(pool, initializer)
{
	begin(.workers = 3, .initializer = initialize, .initializer_arg = (void *)4711);
	EXPECT_EQ(0, finish(start(nothing)));
	EXPECT_EQ(0, lib(pyq_pool_close(self->pool)));
	EXPECT_EQ(0, lib(pyq_pool_join(self->pool, LONG)));
	EXPECT_LE(1, load(&shared->initialized));
	EXPECT_GE(3, load(&shared->initialized));
	EXPECT_EQ(4711, load(&shared->bad));
}

/* A file after the other is refused to it: an error each time, and nothing is left. */
/* proves: pyq_pool_create -EMFILE */
TEST_F(pool, too_few_files)
{
	struct rlimit limit;
	int err, fd, tries = 0;

	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	fd = dup(0);
	close(fd);
	for (int more = 0; !self->pool && more < 64; more++) {
		struct rlimit few = { fd + more, limit.rlim_max };
		struct pyq_pool_attr attr = { .workers = 2, .flags = variant->flags };

		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &few));
		err = lib(pyq_pool_create(&self->pool, &attr));
		ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
		if (err)
			EXPECT_EQ(-EMFILE, err);
		EXPECT_EQ(!err, self->pool != NULL);
		if (err)
			EXPECT_EQ(self->files, open_files());
		tries++;
	}
	EXPECT_LT(3, tries);
	ASSERT_NE(NULL, self->pool);
	/* Now it has all that it needs. */
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &(struct rlimit){ fd, limit.rlim_max }));
	EXPECT_EQ(0, finish(start(nothing)));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
}

/* proves: pyq_pool_create -EAGAIN */
TEST_F(pool, no_process_to_be_had)
{
	const struct rlimit none = { 0, 0 };

	if (!geteuid())
		ASSERT_EQ(0, setresuid(NOBODY, NOBODY, NOBODY));
	ASSERT_EQ(0, setrlimit(RLIMIT_NPROC, &none));
	EXPECT_EQ(-EAGAIN, refused(.workers = 2, .flags = variant->flags));
}

/* proves: pyq_pool_create -ENOSYS */
TEST_F(pool, no_pidfd)
{
	forbid(SYS_pidfd_open, ENOSYS);
	if (!with_threads()) {
		EXPECT_EQ(-ENOSYS, refused(.workers = 2));
		return;
	}
	begin(.workers = 2);
	EXPECT_EQ(0, finish(start(nothing)));
}

/* --- running ---------------------------------------------------------------------- */

TEST_F(pool, apply)
{
	const struct pyq_task task = { .function = square, INT(-12) };
	int n = 0;

	begin(.workers = 2);
	EXPECT_EQ(4, lib(pyq_pool_apply(self->pool, &task, &n, sizeof(n))));
	EXPECT_EQ(144, n);
	EXPECT_EQ(4, lib(pyq_pool_apply(self->pool, &task, NULL, 0)));
	EXPECT_EQ(0, lib(pyq_pool_apply(self->pool, &(struct pyq_task){ nothing }, NULL, 0)));
}

/* How a task can fail is what apply says. */
/* proves: pyq_pool_apply -EMSGSIZE, pyq_pool_apply -EREMOTEIO, pyq_error -EINVAL */
TEST_F(pool, apply_fails)
{
	char c = 'x';

	begin(.workers = 1);
	EXPECT_EQ(-EMSGSIZE, lib(pyq_pool_apply(self->pool,
			  &(struct pyq_task){ .function = square, INT(2) }, &c, 1)));
	EXPECT_EQ('x', c);
	EXPECT_EQ(-EINVAL, lib(pyq_pool_apply(self->pool,
			  &(struct pyq_task){ .function = fail, INT(-EINVAL) }, NULL, 0)));
	EXPECT_EQ(-EREMOTEIO, lib(pyq_pool_apply(self->pool,
			  &(struct pyq_task){ .function = fail, INT(3) }, NULL, 0)));
}

/* proves: pyq_pool_apply_async -EINVAL, pyq_pool_apply_async -E2BIG, pyq_pool_apply_async -EFAULT */
TEST_F(pool, bad_tasks)
{
	char arg[101] = "";
	pyq_result *r = (pyq_result *)1;

#define refuse(timeout, ...)                                                 \
	lib(pyq_pool_apply_async(self->pool, &(struct pyq_task){ __VA_ARGS__ }, timeout, &r))
	begin(.workers = 1, .max_message = 100);
	EXPECT_EQ(-EINVAL, refuse(LONG, .function = NULL));
	EXPECT_EQ(NULL, r);
	EXPECT_EQ(-EINVAL, refuse(-2, .function = nothing));
	EXPECT_EQ(-EINVAL, refuse(LONG, .function = nothing, .timeout = -1));
	EXPECT_EQ(-EINVAL, refuse(LONG, .function = nothing, .len = 1));
	EXPECT_EQ(-E2BIG, refuse(LONG, .function = nothing, .arg = arg, .len = 101));
	if (with_threads()) {
		EXPECT_EQ(-EOPNOTSUPP, refuse(LONG, .function = nothing, .timeout = 1));
	} else {
		EXPECT_EQ(-EFAULT, refuse(LONG, .function = (pyq_function)(uintptr_t)shared));
	}
#undef refuse
	EXPECT_EQ(0, finish(start(nothing)));
}

/* The argument is a copy of its own, aligned, and can be written to. */
static int look_at_call(struct pyq_call *call)
{
	if ((uintptr_t)call->arg % 16 || call->len != 4 || call->attempt != 1 || call->worker > 1)
		return 1;
	memset(call->arg, 0, call->len);
	return 0;
}

TEST_F(pool, call)
{
	int n = 4711;

	begin(.workers = 2);
	for (int i = 0; i < 20; i++)
		EXPECT_EQ(0, finish(start(look_at_call, .arg = &n, .len = 4)));
	EXPECT_EQ(4711, n);
}

/* --- sizes ------------------------------------------------------------------------- */

static void echo_sizes(struct __test_metadata *_metadata, FIXTURE_DATA(pool) *self,
		       const size_t *sizes, size_t n)
{
	const size_t room = sizes[n - 1];
	char *out = malloc(room + 1), *in = malloc(room + 1);

	ASSERT_TRUE(out && in);
	for (size_t i = 0; i <= room; i++)
		out[i] = (char)(i * 7 + i / 251);
	for (size_t i = 0; i < n; i++) {
		pyq_result *r = start(echo, .arg = out, .len = sizes[i]);
		size_t len = 4711;

		memset(in, 0, room);
		EXPECT_EQ((ssize_t)sizes[i], lib(pyq_result_get(r, in, room, LONG)));
		EXPECT_EQ(0, memcmp(in, out, sizes[i]));
		EXPECT_EQ(!sizes[i], !pyq_result_data(r, &len));
		EXPECT_EQ(sizes[i], len);
		EXPECT_EQ(0, (uintptr_t)pyq_result_data(r, NULL) % 16);
		pyq_result_free(r);
	}
	free(out);
	free(in);
}

TEST_F(pool, sizes)
{
	const size_t sizes[] = { 0, 1, 15, 16, 17, 239, 240, 241, 4095, 65536, 1000000,
				 (1 << 20) - 512 };

	begin(.workers = 2);
	echo_sizes(_metadata, self, sizes, 12);
}

TEST_F(pool, large_sizes)
{
	const size_t sizes[] = { 0, 1 << 20, (5 << 20) - 1, 5 << 20 };

	begin(.workers = 1, .max_message = 5 << 20);
	echo_sizes(_metadata, self, sizes, 4);
}

/* Exactly as long as can be, of each small maximum. */
TEST_F(pool, longest)
{
	const size_t sizes[] = { 1, 15, 16, 17, 33, 240, 300 };

	for (int i = 0; i < 7; i++) {
		begin(.workers = 1, .max_message = sizes[i]);
		echo_sizes(_metadata, self, &sizes[i], 1);
		EXPECT_EQ(0, pyq_pool_destroy(self->pool));
		self->pool = NULL;
	}
}

/* The largest max_message; and of its bytes as many as there is memory for everywhere. */
TEST_F(pool, very_long)
{
	const size_t len = 24 << 20;
	char *arg = malloc(len);
	pyq_result *r;
	size_t got = 0;

	ASSERT_NE(NULL, arg);
	memset(arg, 'x', len);
	arg[len - 1] = 'z';
	begin(.workers = 1, .max_message = 63 << 20);
	r = start(echo, .arg = arg, .len = len);
	EXPECT_EQ((ssize_t)len, lib(pyq_result_get(r, NULL, 0, LONG)));
	ASSERT_NE(NULL, pyq_result_data(r, &got));
	EXPECT_EQ(len, got);
	EXPECT_EQ(0, memcmp(arg, pyq_result_data(r, NULL), len));
	pyq_result_free(r);
	free(arg);
}

/* More bytes under way than the queues hold: who sends waits, nothing fails. */
TEST_F(pool, many_large_ones)
{
	const size_t len = 900000;
	char *arg = calloc(1, len);
	pyq_result *r[150];

	ASSERT_NE(NULL, arg);
	begin(.workers = 1);
	r[0] = start(gate);
	for (int i = 1; i < 150; i++)
		r[i] = start(echo, .arg = arg, .len = len);
	sem_post(&shared->go);
	EXPECT_EQ(0, finish(r[0]));
	for (int i = 1; i < 150; i++)
		EXPECT_EQ((ssize_t)len, finish(r[i]));
	free(arg);
}

static int long_result(struct pyq_call *call)
{
	static const char bytes[900000];

	return pyq_return(call, bytes, sizeof(bytes));
}

/* So it is with results that nobody has taken in yet. */
TEST_F(pool, many_large_results)
{
	pyq_result *r[150];

	begin(.workers = 2);
	for (int i = 0; i < 150; i++)
		r[i] = start(long_result);
	EXPECT_EQ(900000, pyq_result_get(r[149], NULL, 0, LONG));
	for (int i = 0; i < 150; i++)
		EXPECT_EQ(900000, finish(r[i]));
}

/* Without waiting there is no room; then there is. */
/* proves: pyq_pool_apply_async -EAGAIN, pyq_pool_apply_async -ETIMEDOUT */
TEST_F(pool, room)
{
	const struct pyq_task task = { .function = nothing };
	pyq_result *r[3], *more;
	int64_t begun;

	begin(.workers = 1, .queue_size = 3);
	for (int i = 0; i < 3; i++)
		r[i] = start(gate);
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_EQ(-EAGAIN, lib(pyq_pool_apply_async(self->pool, &task, PYQ_NOWAIT, &more)));
	EXPECT_EQ(NULL, more);
	begun = lib_now_ns();
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_pool_apply_async(self->pool, &task, PYQ_MILLISECONDS(20), &more)));
	EXPECT_LE(PYQ_MILLISECONDS(20), lib_now_ns() - begun);
	for (int i = 0; i < 3; i++)
		sem_post(&shared->go);
	/* There is as soon as one has ended. */
	EXPECT_EQ(0, finish(start(nothing)));
	for (int i = 0; i < 3; i++)
		EXPECT_EQ(0, finish(r[i]));
}

/* --- results ---------------------------------------------------------------------- */

/* proves: pyq_result_get -EMSGSIZE */
TEST_F(pool, result_is_longer)
{
	pyq_result *r;
	int n = 0;

	begin(.workers = 1);
	r = start(square, INT(5));
	EXPECT_EQ(-EMSGSIZE, lib(pyq_result_get(r, &n, 3, LONG)));
	EXPECT_EQ(0, n);
	EXPECT_EQ(4, lib(pyq_result_get(r, &n, 4, PYQ_NOWAIT)));
	EXPECT_EQ(25, n);
	pyq_result_free(r);
}

/* proves: pyq_result_wait -EAGAIN, pyq_result_wait -ETIMEDOUT, pyq_result_wait -EINVAL, pyq_result_successful -EAGAIN */
TEST_F(pool, result_to_come)
{
	pyq_result *r;
	size_t len = 4711;
	int n = 0;

	begin(.workers = 1);
	r = start(gate, INT(7));
	ASSERT_TRUE(pass(&shared->begun));
	EXPECT_FALSE(lib(pyq_result_ready(r)));
	EXPECT_EQ(-EAGAIN, lib(pyq_result_successful(r)));
	EXPECT_EQ(-EAGAIN, lib(pyq_result_wait(r, PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_result_wait(r, PYQ_MILLISECONDS(10))));
	EXPECT_EQ(-EINVAL, lib(pyq_result_wait(r, -2)));
	EXPECT_EQ(-EAGAIN, lib(pyq_result_get(r, &n, 4, PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_result_get(r, &n, 4, 1)));
	EXPECT_EQ(-EINVAL, lib(pyq_result_get(r, &n, 4, -7)));
	EXPECT_EQ(NULL, lib(pyq_result_data(r, &len)));
	EXPECT_EQ(0, len);
	EXPECT_STREQ("", lib(pyq_result_text(r)));
	EXPECT_EQ(0, lib(pyq_result_code(r)));
	EXPECT_EQ(0, lib(pyq_result_status(r)));
	sem_post(&shared->go);
	EXPECT_EQ(0, lib(pyq_result_wait(r, LONG)));
	EXPECT_TRUE(lib(pyq_result_ready(r)));
	EXPECT_EQ(1, lib(pyq_result_successful(r)));
	EXPECT_EQ(0, lib(pyq_result_wait(r, PYQ_NOWAIT)));
	EXPECT_EQ(1, lib(pyq_result_attempts(r)));
	for (int i = 0; i < 2; i++) {
		n = 0;
		EXPECT_EQ(4, lib(pyq_result_get(r, &n, 4, PYQ_NOWAIT)));
		EXPECT_EQ(7, n);
	}
	pyq_result_free(r);
	lib((pyq_result_free(NULL), 0));
}

/* proves: pyq_result_get -EREMOTEIO */
TEST_F(pool, result_of_failure)
{
	static const struct {
		int code, error;
	} all[] = { { -EIO, -EIO }, { -1, -1 }, { 1, -EREMOTEIO }, { 4711, -EREMOTEIO },
		    { -100000, -100000 } };
	char text[32];
	size_t len = 1;

	begin(.workers = 1);
	for (int i = 0; i < 5; i++) {
		pyq_result *r = start(fail, INT(all[i].code));

		EXPECT_EQ(all[i].error, lib(pyq_result_get(r, NULL, 0, LONG)));
		EXPECT_EQ(0, lib(pyq_result_successful(r)));
		EXPECT_EQ(all[i].code, lib(pyq_result_code(r)));
		snprintf(text, sizeof(text), "failed by %d", all[i].code);
		EXPECT_STREQ(text, lib(pyq_result_text(r)));
		EXPECT_EQ(NULL, lib(pyq_result_data(r, &len)));
		EXPECT_EQ(0, len);
		EXPECT_EQ(0, lib(pyq_result_status(r)));
		pyq_result_free(r);
	}
}

static int fail_without_text(struct pyq_call *call)
{
	pyq_return(call, "lost", 5);
	return -ENOTTY;
}

static int long_text(struct pyq_call *call)
{
	char text[400];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	return pyq_error(call, -EIO, "%s", text);
}

/* A text that is told, and then it does not fail. */
static int text_of_success(struct pyq_call *call)
{
	pyq_error(call, 0, "not so");
	return pyq_return(call, "well", 5);
}

TEST_F(pool, texts)
{
	pyq_result *r;

	begin(.workers = 1, .max_message = 16);
	r = start(fail_without_text);
	EXPECT_EQ(-ENOTTY, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_STREQ("", pyq_result_text(r));
	EXPECT_EQ(NULL, pyq_result_data(r, NULL));
	pyq_result_free(r);
	r = start(long_text);
	EXPECT_EQ(-EIO, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_EQ(255, strlen(pyq_result_text(r)));
	pyq_result_free(r);
	r = start(text_of_success);
	EXPECT_EQ(5, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_STREQ("", pyq_result_text(r));
	EXPECT_STREQ("well", pyq_result_data(r, NULL));
	pyq_result_free(r);
}

static int return_too_much(struct pyq_call *call)
{
	static const char bytes[101];

	return pyq_return(call, bytes, 101) == -E2BIG ? 0 : 1;
}

static int return_less_then(struct pyq_call *call)
{
	return return_too_much(call) || pyq_return(call, "no", 3) ? 1 : pyq_return(call, "yes", 4);
}

/* proves: pyq_return -E2BIG, pyq_result_get -ENOMSG, pyq_pool_apply -ENOMSG */
TEST_F(pool, result_too_long)
{
	const struct pyq_task task = { .function = return_too_much };
	pyq_result *r;

	begin(.workers = 1, .max_message = 100);
	r = start(return_too_much);
	EXPECT_EQ(-ENOMSG, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_STREQ("the result is longer than max_message", pyq_result_text(r));
	pyq_result_free(r);
	EXPECT_EQ(-ENOMSG, lib(pyq_pool_apply(self->pool, &task, NULL, 0)));
	r = start(return_less_then);
	EXPECT_EQ(4, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_STREQ("yes", pyq_result_data(r, NULL));
	pyq_result_free(r);
}

/* In a worker that has no memory for its result. */
static int return_without_memory(struct pyq_call *call)
{
	const struct rlimit little = { 4096, RLIM_INFINITY }, much = { RLIM_INFINITY, RLIM_INFINITY };
	static const char bytes[900000];
	int err;

	if (setrlimit(RLIMIT_AS, &little))
		return 1;
	err = pyq_return(call, bytes, sizeof(bytes));
	if (setrlimit(RLIMIT_AS, &much))
		return 2;
	return err == -ENOMEM ? 0 : 3;
}

/* proves: pyq_return -ENOMEM */
TEST_F(pool, no_memory_for_a_result)
{
	pyq_result *r;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP(return, "sanitizers need memory");
#endif
	NOT_WITH_THREADS("the limit is the program's");
	begin(.workers = 1);
	r = start(return_without_memory);
	EXPECT_EQ(-ENOMSG, pyq_result_get(r, NULL, 0, LONG));
	EXPECT_STREQ("no memory for the result", pyq_result_text(r));
	pyq_result_free(r);
}

/* proves: pyq_pool_create -ENOMEM, pyq_pool_apply_async -ENOMEM */
TEST_F(pool, no_memory)
{
	const struct rlimit little = { 4096, RLIM_INFINITY }, much = { RLIM_INFINITY, RLIM_INFINITY };
	static char arg[900000];
	struct pyq_pool_attr attr = { .workers = 1, .flags = variant->flags };
	struct pyq_task task = { .function = nothing, .arg = arg, .len = sizeof(arg) };
	pyq_pool *none = (pyq_pool *)1;
	/* Or a compiler knows that it is not needed. */
	void *volatile last;
	pyq_result *r = NULL;
	int err, created;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP(return, "sanitizers need memory");
#endif
	begin(.workers = 1);
	/* A worker that is a thread has the program's limit, and has its own memory from now on. */
	ASSERT_EQ(0, finish(start(nothing)));
	/* Until the heap is used up. */
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &little));
	for (size_t size = 1 << 20; size; size /= 2)
		while ((last = malloc(size)))
			;
	created = pyq_pool_create(&none, &attr);
	err = pyq_pool_apply_async(self->pool, &task, LONG, &r);
	ASSERT_EQ(0, setrlimit(RLIMIT_AS, &much));
	EXPECT_EQ(-ENOMEM, created);
	EXPECT_EQ(NULL, none);
	EXPECT_EQ(-ENOMEM, err);
	EXPECT_EQ(NULL, r);
	EXPECT_EQ(0, finish(start(nothing)));
}

/* Nobody wants to know: it is run all the same. */
TEST_F(pool, freed_early)
{
	const struct pyq_task task = { .function = counted, INT(0) };

	begin(.workers = 1);
	for (int i = 0; i < 100; i++) {
		pyq_result_free(start(counted, INT(1)));
		EXPECT_EQ(0, lib(pyq_pool_apply_async(self->pool, &task, LONG, NULL)));
	}
	EXPECT_EQ(0, pyq_pool_close(self->pool));
	EXPECT_EQ(0, pyq_pool_join(self->pool, LONG));
	EXPECT_EQ(100, load(&shared->runs_of[0]));
	EXPECT_EQ(100, load(&shared->runs_of[1]));
}

/* A result outlives its pool. */
TEST_F(pool, result_without_pool)
{
	pyq_result *done, *failed;
	int n = 0;

	begin(.workers = 1);
	done = start(square, INT(3));
	failed = start(fail, INT(-EIO));
	EXPECT_EQ(0, pyq_result_wait(failed, LONG));
	EXPECT_EQ(0, pyq_pool_destroy(self->pool));
	self->pool = NULL;
	EXPECT_EQ(4, lib(pyq_result_get(done, &n, 4, LONG)));
	EXPECT_EQ(9, n);
	EXPECT_EQ(-EIO, lib(pyq_result_get(failed, NULL, 0, LONG)));
	EXPECT_STREQ("failed by -5", pyq_result_text(failed));
	EXPECT_EQ(-EALREADY, lib(pyq_result_cancel(failed)));
	pyq_result_free(done);
	pyq_result_free(failed);
}

TEST_HARNESS_MAIN
