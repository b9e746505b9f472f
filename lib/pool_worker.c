// SPDX-License-Identifier: MIT
/* A worker: takes tasks, runs them, and says what has come of it. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pool.h"
#include "word.h"

/**
 * struct running - what a worker is at
 * @c: the pool
 * @me: its line in the table
 * @number: and the number of that
 * @arg: a copy of the message
 * @arg_size: bytes there
 * @out: the news: head, and outcomes
 * @size: bytes there
 * @used: so many of them by what has been run
 * @ahead: bytes for what will run after it, of the same message
 * @len: of the result of what runs now
 * @lost: NULL, or why there is none
 * @text: why it has failed
 * @texts: those of all that have failed, each with its 0, filled up to 16
 * @texts_size: bytes there
 * @texts_used: so many of them
 */
struct running {
	const struct pyqi_pool_common *c;
	struct pyqi_pool_worker *me;
	uint32_t number;
	char *arg;
	size_t arg_size;
	char *out;
	size_t size, used, ahead;
	size_t len;
	const char *lost;
	char text[PYQI_POOL_TEXT];
	char *texts;
	size_t texts_size, texts_used;
};

/* Return: whether there is room for @needed bytes in a buffer that grows. */
static bool room(char **buf, size_t *size, size_t needed)
{
	size_t more = *size * 2 > needed ? *size * 2 : needed;
	char *larger;

	if (needed <= *size)
		return true;
	larger = realloc(*buf, more);
	if (!larger)
		return false;
	*buf = larger;
	*size = more;
	return true;
}

int pyq_return(struct pyq_call *call, const void *data, size_t len)
{
	PYQI_KEEP_ERRNO;
	struct running *r = call->opaque;
	const size_t at = r->used + sizeof(struct pyqi_pool_outcome);
	/* What is around the first one's does not count: as long an argument is sent. */
	const size_t most = r->c->attr.max_message + PYQI_POOL_AROUND - PYQI_POOL_TEXT - r->ahead;

	r->len = 0;
	if (len > r->c->attr.max_message || at + pyqi_pool_filled(len) > most) {
		r->lost = "the result is longer than max_message";
		return -E2BIG;
	}
	if (!room(&r->out, &r->size, at + pyqi_pool_filled(len) + PYQI_POOL_TEXT)) {
		r->lost = "no memory for the result";
		return -ENOMEM;
	}
	if (len)
		memcpy(r->out + at, data, len);
	r->len = len;
	r->lost = NULL;
	return 0;
}

int pyq_error(struct pyq_call *call, int code, const char *format, ...)
{
	PYQI_KEEP_ERRNO;
	struct running *r = call->opaque;
	va_list args;

	va_start(args, format);
	vsnprintf(r->text, sizeof(r->text), format, args);
	va_end(args);
	return code;
}

/* For when all have been run: no text is to take a result's room. Return: its bytes. */
static uint32_t keep_text(struct running *r)
{
	const size_t len = strlen(r->text), filled = pyqi_pool_filled(len + 1);

	if (!len || !room(&r->texts, &r->texts_size, r->texts_used + filled))
		return 0;
	memcpy(r->texts + r->texts_used, r->text, len + 1);
	r->texts_used += filled;
	return (uint32_t)len;
}

/* Those of so many outcomes, as far as there is room in the message, and memory. */
static void append_texts(struct running *r, uint64_t n)
{
	const size_t most = r->c->attr.max_message + PYQI_POOL_AROUND;
	const size_t all = r->used + r->texts_used;
	const bool has_room = room(&r->out, &r->size, all < most ? all : most);
	const char *text = r->texts;
	char *at = r->out + sizeof(struct pyqi_pool_news_msg);

	for (uint64_t i = 0; i < n; i++) {
		struct pyqi_pool_outcome *outcome = (void *)at;
		const size_t filled = pyqi_pool_filled(outcome->text + 1);

		at += sizeof(*outcome) + pyqi_pool_filled(outcome->len);
		if (!outcome->text)
			continue;
		if (has_room && r->used + filled <= most) {
			memcpy(r->out + r->used, text, filled);
			r->used += filled;
		} else {
			outcome->text = 0;
		}
		text += filled;
	}
}

/* One function, one outcome behind the others. Return: whether there was memory. */
static bool run(struct running *r, const struct pyqi_pool_job_msg *job, void *arg, size_t len)
{
	struct pyq_call call = {
		.arg = len ? arg : NULL,
		.len = len,
		.attempt = job->attempt,
		.worker = r->number,
		.opaque = r,
	};
	struct pyqi_pool_outcome *outcome;
	int code;

	r->len = 0;
	r->lost = NULL;
	r->text[0] = '\0';
	code = job->function(&call);
	/* Also if the function has only returned what pyq_return() said. */
	if (r->lost && !(code && r->text[0]))
		code = pyq_error(&call, code ? code : -ENOMSG, "%s", r->lost);
	if (code)
		r->len = 0;
	if (!room(&r->out, &r->size,
		  r->used + sizeof(*outcome) + pyqi_pool_filled(r->len) + PYQI_POOL_TEXT))
		return false;
	outcome = (void *)(r->out + r->used);
	*outcome = (struct pyqi_pool_outcome){
		.code = code,
		.text = code ? keep_text(r) : 0,
		.len = r->len,
	};
	r->used += sizeof(*outcome) + pyqi_pool_filled(r->len);
	return true;
}

static bool run_all(struct running *r, const struct pyqi_pool_job_msg *job)
{
	char *at = r->arg + sizeof(*job);

	r->ahead = 0;
	if (job->job == PYQI_POOL_ONE)
		return run(r, job, at, job->len);
	for (uint64_t i = 0; i < job->n; i++) {
		uint64_t len;

		memcpy(&len, at, sizeof(len));
		r->ahead = (job->n - i - 1) * sizeof(struct pyqi_pool_outcome);
		if (!run(r, job, at + 16, len))
			return false;
		at += 16 + pyqi_pool_filled(len);
	}
	return true;
}

/* Put what has come of it. If the queue is full of bytes, the program takes some first. */
static int put_news(const struct running *r)
{
	struct pyqi_pool_table *t = r->c->table;
	int err;

	while ((err = pyq_put(r->c->news, r->out, r->used, PYQ_FOREVER)) == -ENOBUFS) {
		const uint32_t room = __atomic_load_n(&t->room, __ATOMIC_SEQ_CST);

		/* Said before one more look: who takes something after that sees it. */
		__atomic_store_n(&t->no_room, 1, __ATOMIC_SEQ_CST);
		err = pyq_put(r->c->news, r->out, r->used, PYQ_FOREVER);
		if (err != -ENOBUFS)
			break;
		pyqi_word_sleep(&t->room, room, PYQI_FOREVER, true);
	}
	return err;
}

/* What has come of it could not be sent: that can. */
static int send_failure(struct running *r, const struct pyqi_pool_job_msg *job)
{
	*(struct pyqi_pool_news_msg *)(void *)r->out = (struct pyqi_pool_news_msg){
		.index = job->index,
		.serial = job->serial,
		.news = PYQI_POOL_RESULT,
		.reason = PYQI_POOL_NO_MEMORY,
		.pid = getpid(),
	};
	r->used = sizeof(struct pyqi_pool_news_msg);
	return put_news(r);
}

static int do_job(struct running *r, const struct pyqi_pool_job_msg *job)
{
	struct pyqi_pool_news_msg *news;
	int err = -ENOMEM;
	bool done;

	r->used = sizeof(*news);
	r->texts_used = 0;
	if (job->timeout) {
		const uint64_t one = 1;

		__atomic_store_n(&r->me->deadline, pyqi_now() + (uint64_t)job->timeout,
				 __ATOMIC_RELEASE);
		if (write(r->c->wake, &one, sizeof(one)) != sizeof(one))
			return -errno;
	}
	done = run_all(r, job);
	__atomic_store_n(&r->me->deadline, 0, __ATOMIC_RELEASE);
	if (done && r->texts_used)
		append_texts(r, job->n);
	news = (void *)r->out;
	*news = (struct pyqi_pool_news_msg){
		.index = job->index,
		.serial = job->serial,
		.news = PYQI_POOL_RESULT,
		.pid = getpid(),
		.len = r->used - sizeof(*news),
	};
	if (done)
		err = put_news(r);
	if (err == -ENOMEM || err == -EDQUOT)
		return send_failure(r, job);
	return err;
}

bool pyqi_pool_is_spare(const struct pyqi_pool_common *c)
{
	uint32_t spare = __atomic_load_n(&c->table->spare, __ATOMIC_SEQ_CST);

	/* Threads count there who has ended. */
	while (spare && !(c->attr.flags & PYQ_POOL_THREADS))
		if (__atomic_compare_exchange_n(&c->table->spare, &spare, spare - 1, false,
						__ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

/* Said before: who is killed after he has been counted out is not counted out once more. */
static bool is_to_end(const struct running *r)
{
	bool is;

	if (!__atomic_load_n(&r->c->table->spare, __ATOMIC_SEQ_CST))
		return false;
	__atomic_store_n(&r->me->left, 1, __ATOMIC_SEQ_CST);
	is = pyqi_pool_is_spare(r->c);
	__atomic_store_n(&r->me->left, is, __ATOMIC_SEQ_CST);
	return is;
}

/*
 * The next task, his: the message is copied, and goes when he has claimed the task.
 * Return: 1 it is; 0 another's, or none; -ECANCELED he is to end; or an error.
 */
static int take(struct running *r)
{
	const struct pyqi_pool_common *c = r->c;
	const struct pyqi_pool_job_msg *job;
	struct pyq_loan loan;
	uint64_t expected;
	bool mine = false;
	int err = pyq_borrow(c->tasks, &loan, PYQ_FOREVER);

	if (err)
		return err;
	if (!room(&r->arg, &r->arg_size, loan.size)) {
		pyq_give_back(c->tasks, &loan);
		return -ENOMEM;
	}
	memcpy(r->arg, loan.data, loan.size);
	job = (void *)r->arg;
	if (job->job == PYQI_POOL_QUIT) {
		mine = is_to_end(r);
	} else {
		expected = pyqi_pool_word(job->serial, 0, PYQI_POOL_QUEUED);
		__atomic_store_n(&r->me->task, (uint64_t)job->serial << 32 | (job->index + 1),
				 __ATOMIC_SEQ_CST);
		mine = __atomic_compare_exchange_n(&pyqi_pool_words(c)[job->index], &expected,
						   pyqi_pool_word(job->serial, r->number + 1,
								  PYQI_POOL_RUNNING),
						   false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	}
	err = pyq_release(c->tasks, &loan);
	if (err)
		return err;
	pyqi_pool_tell_of_room(c);
	if (job->job == PYQI_POOL_QUIT)
		return mine ? -ECANCELED : 0;
	if (!mine)
		__atomic_store_n(&r->me->task, 0, __ATOMIC_SEQ_CST);
	return mine;
}

int pyqi_pool_work(const struct pyqi_pool_common *c, uint32_t worker)
{
	struct running r = { .c = c, .me = &c->table->workers[worker], .number = worker };
	unsigned int left = c->attr.max_tasks;
	int ret = 0;

	if (!room(&r.out, &r.size, 4096) || !room(&r.texts, &r.texts_size, 1024)) {
		free(r.out);
		return 1;
	}
	__atomic_store_n(&r.me->ready, 1, __ATOMIC_SEQ_CST);
	/* The queue of results as well: later a function may have left no file for that. */
	ret = pyq_qsize(c->news) < 0 ? (int)pyq_qsize(c->news) : 0;
	while (ret >= 0) {
		ret = is_to_end(&r) ? -ECANCELED : take(&r);
		if (ret <= 0)
			continue;
		ret = do_job(&r, (void *)r.arg);
		if (ret)
			break; /* it has not ended: that is for who looks after the dead */
		__atomic_store_n(&r.me->task, 0, __ATOMIC_SEQ_CST);
		if (left && !--left)
			break;
	}
	free(r.arg);
	free(r.out);
	free(r.texts);
	if (ret && ret != -ESHUTDOWN && ret != -ECANCELED) {
		/* It cannot work: as if its initializer had failed. */
		__atomic_store_n(&r.me->ready, 0, __ATOMIC_SEQ_CST);
		return 1;
	}
	__atomic_store_n(&r.me->left, 1, __ATOMIC_SEQ_CST);
	return 0;
}

bool pyqi_pool_runs(const struct pyqi_pool_common *c, uint32_t worker)
{
	const uint64_t task = __atomic_load_n(&c->table->workers[worker].task, __ATOMIC_SEQ_CST);
	const uint32_t index = (uint32_t)task - 1, serial = (uint32_t)(task >> 32);

	/* Or the message has not been released, and comes again. */
	return task && index < c->attr.queue_size &&
	       __atomic_load_n(&pyqi_pool_words(c)[index], __ATOMIC_SEQ_CST) ==
		       pyqi_pool_word(serial, worker + 1, PYQI_POOL_RUNNING);
}

int pyqi_pool_tell_of_death(const struct pyqi_pool_common *c, uint32_t worker, int status,
			    enum pyqi_pool_reason reason)
{
	const struct pyqi_pool_worker *w = &c->table->workers[worker];
	const struct pyqi_pool_news_msg news = {
		.index = (uint32_t)w->task - 1,
		.serial = (uint32_t)(w->task >> 32),
		.news = PYQI_POOL_DIED,
		.status = status,
		.reason = reason,
		.pid = w->pid,
	};

	/* Somebody has written there, and nobody knows what it was at. */
	if (w->task && news.index >= c->attr.queue_size)
		return -EUCLEAN;
	return pyqi_pool_runs(c, worker) ? pyqi_pool_tell(c, &news) : 0;
}

void pyqi_pool_tell_of_room(const struct pyqi_pool_common *c)
{
	const struct pyqi_pool_news_msg room = { .news = PYQI_POOL_ROOM };
	uint32_t asked;

	/* Room has been made. With that of ask_for_room(). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	asked = __atomic_load_n(&c->table->unsent, __ATOMIC_SEQ_CST);
	/* Told first: who is killed in between leaves it to the next one. If it is full it is news. */
	if (asked && !pyq_put(c->news, &room, sizeof(room), PYQ_NOWAIT))
		__atomic_compare_exchange_n(&c->table->unsent, &asked, 0, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_SEQ_CST);
}

int pyqi_pool_tell(const struct pyqi_pool_common *c, const struct pyqi_pool_news_msg *news)
{
	return pyq_put(c->news, news, sizeof(*news), PYQ_FOREVER);
}
