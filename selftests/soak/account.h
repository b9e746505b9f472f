/* SPDX-License-Identifier: GPL-2.0 */
/* What a worker says of each message, in the order in which it becomes true. */
#ifndef SOAK_ACCOUNT_H
#define SOAK_ACCOUNT_H

#include "worker.h"

/* Does it have so many numbers left? */
bool can_intend(const struct worker *w, unsigned int n);

/*
 * It is about to put the next one, of so many bytes at most.
 * Return: its number; @len: its bytes
 */
uint32_t intend(struct worker *w, size_t most, size_t *len);

/* The message of that number. */
void compose(const struct worker *w, void *room, uint32_t number, size_t len);

/* It is in the queue; or not, and never will be. */
void was_put(struct worker *w, uint32_t number, size_t len);
void was_not_put(struct worker *w, uint32_t number);

/* A get has returned it, in one of the rooms of the hand or in a copy. */
void take(struct worker *w, const void *room, size_t len, uint32_t deliveries);

#endif
