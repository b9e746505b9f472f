/* SPDX-License-Identifier: GPL-2.0 */
/* A process that opens one queue after the other and works on it in all ways there are. */
#ifndef SOAK_WORKER_H
#define SOAK_WORKER_H

#include "kinds.h"

struct soak;

struct worker {
	struct soak *parent;	/* NULL, but for the parent itself when it works as one */
	struct round *round;
	struct place *place;
	uint32_t me;		/* number of the place */
	bool shm;
	bool few_files;		/* -EMFILE is no wonder */
	bool little_memory;	/* nor is -ENOMEM */
	struct chance chance;
	/* while it has one open: */
	pyq_queue *q;
	uint32_t queue;
	const struct kind *kind;
	unsigned int not_done;	/* taken, and not said to be done */
	bool leave;		/* it has been shut down */
};

/* Never returns. */
void worker_run(struct worker *w) __attribute__((noreturn));

/* Open some queue, for getting, putting or both. Return: whether it is open, in @w. */
bool open_some(struct worker *w, unsigned int access);

/* Tell the parent what is wrong, and end. */
void fail(struct worker *w, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));

/* From now on it does that, and is done with it when @timeout is over. */
void begin(struct worker *w, enum doing doing, int64_t timeout);

/* A timeout: mostly none or a short one, very seldom as long as it takes. */
int64_t any_timeout(struct worker *w);

/* Has the round ended? */
bool is_over(const struct worker *w);

/*
 * Is it one of the errors that a call may have here? They are counted. -ESHUTDOWN makes
 * it leave the queue. Anything else ends the worker, and the soak.
 */
void may_fail(struct worker *w, const char *call, long err);

#endif
