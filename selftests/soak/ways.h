/* SPDX-License-Identifier: GPL-2.0 */
/* What one can do with a queue: one turn of each. */
#ifndef SOAK_WAYS_H
#define SOAK_WAYS_H

#include "account.h"

void put_one(struct worker *w);
void put_several(struct worker *w);
void get_one(struct worker *w);
void get_several(struct worker *w);
void get_into_new_memory(struct worker *w);
void get_from_either(struct worker *w);
void put_by_loan(struct worker *w);
void get_by_loan(struct worker *w);
void poll_and_work(struct worker *w);
void poll_both_sides(struct worker *w);
void work_by_aio(struct worker *w);
void say_done(struct worker *w);
void look_around(struct worker *w);
void have_a_queue_of_its_own(struct worker *w);

/* The same with the timeout given; what they return is that of the call. */
int put_within(struct worker *w, int64_t timeout);
int get_within(struct worker *w, int64_t timeout);

#endif
