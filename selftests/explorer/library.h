/* SPDX-License-Identifier: GPL-2.0 */
/* The library's own files, on the explorer's atomics and its system. */
#ifndef EXPLORER_LIBRARY_H
#define EXPLORER_LIBRARY_H

#define PYQ_RING_ATOMICS "shim.h"

#include "system.h"

#include <ring/recover.h>

#include "lib/attempt.h"
#include "lib/copy.h"
#include "lib/deadline.c"

/* A payload is copied in two steps, whatever the library makes of it. */
#define pyqi_copy(to, from, len) explorer_memcpy(to, from, len)

/* On an actor's stack, hence not more than can be. */
#undef PYQI_BATCH
#define PYQI_BATCH SLOTS_MAX

#include "lib/attempt.c"
#include "lib/mapped_account.c"
#define WORD LOAN_WORD
#include "lib/mapped_loan.c"
#undef WORD
#include "lib/mapped_put.c"
#define claim claim_gets
#include "lib/mapped_get.c"
#undef claim
#include "lib/polls.c"

#define __atomic_load_n(at, order) ((__typeof__(*(at)))explorer_load(at, sizeof(*(at))))
#include "lib/slip.c"
#include "lib/spin.c"
#include "lib/sleep.c"
#undef __atomic_load_n

#endif
