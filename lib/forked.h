/* SPDX-License-Identifier: MIT */
/*
 * What a forked child does at once, whether or not it will ever use a queue: it lets
 * go of the files through which its parent's owner numbers are held, for as long as
 * one of them is open the parent looks alive.
 *
 * fork() alone calls for it. Who uses clone() himself has it done at the child's
 * first use of the queue.
 */
#ifndef PYQI_FORKED_H
#define PYQI_FORKED_H

#include "priv.h"

/**
 * pyqi_forked_add() - a handle that may have such a file, q->map.locks, or -1
 * @q: the handle
 *
 * Return: 0 or -ENOMEM.
 */
int pyqi_forked_add(pyq_queue *q);

/* It has none any more. */
void pyqi_forked_remove(pyq_queue *q);

/* No fork() in between: files are opened or closed, and @q->map says which. */
void pyqi_forked_wait(void);
void pyqi_forked_go_on(void);

#endif
