/* SPDX-License-Identifier: MIT */
/*
 * Who is alive, without the module. Each handle holds a lock on the byte of its
 * owner number, through an open file of its own: the kernel lets go of it when
 * the last process that has that file is gone, however it went. Whoever gets the
 * lock of a number that is in use knows that its owner has died, and is the only
 * one who does; he settles what it has left. If he dies in it the lock is free
 * again, and his own as well.
 */
#ifndef PYQI_OWNER_H
#define PYQI_OWNER_H

#include "priv.h"

/**
 * pyqi_owner_take() - become a participant
 * @q: the handle; its memory is mapped, @q->map.ring.owner is set
 *
 * Settles what the last owner of the number has left, if that has died.
 *
 * Return: 0; -EUCLEAN the ring is broken; -EUSERS all numbers are in use; -EMFILE, -ENFILE; -ENOMEM;
 * -EOPNOTSUPP there is no /proc to open the file through again.
 */
int pyqi_owner_take(pyq_queue *q);

/**
 * pyqi_owner_leave() - and no longer; what is on loan is settled as if dead, or left to others
 * @q: the handle
 */
void pyqi_owner_leave(pyq_queue *q);

/**
 * pyqi_owner_forget() - in a child: let go of what was its parent's
 * @q: the handle
 * @locks: the parent's
 */
void pyqi_owner_forget(const pyq_queue *q, int locks);

/**
 * pyqi_owner_check() - look who has died, and settle what they have left
 * @q: the handle
 *
 * Does nothing if another thread is at it with the same handle. Wakes all who
 * sleep if somebody had died. Who has no room to map large messages leaves it to others.
 *
 * Return: 0, or -EUCLEAN: the ring is broken.
 */
int pyqi_owner_check(pyq_queue *q);

/* How many numbers are in use. */
uint32_t pyqi_owners(const pyq_queue *q);

/**
 * pyqi_owner_watch() - ask to be the one who looks often
 * @q: the handle
 *
 * Return: whether the caller is. pyqi_owner_unwatch() ends it, or death.
 */
bool pyqi_owner_watch(pyq_queue *q);

/* He looks, for all. Return: whether he could settle what he has found. */
bool pyqi_owner_looks(pyq_queue *q);

/**
 * pyqi_owner_look() - look, unless somebody has
 * @q: the handle
 * @apart: nanoseconds since then after which it is time for it
 *
 * One for all, as there may be thousands who sleep.
 */
void pyqi_owner_look(pyq_queue *q, uint64_t apart);
void pyqi_owner_unwatch(pyq_queue *q);

#endif
