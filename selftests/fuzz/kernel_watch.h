/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the kernel tells of itself while an input is played: which of the module's code has
 * been run (KCOV, for the module alone), and whether there is a complaint in its log.
 */
#ifndef FUZZ_KERNEL_WATCH_H
#define FUZZ_KERNEL_WATCH_H

#include <stdbool.h>

/* Who is watched beside the one that plays; as long as another is, nobody in his place. */
enum { WATCH_SELF, WATCH_CHILD, WATCH_THREAD = WATCH_CHILD + 4, WATCHED };

/*
 * @call is one that runs something of the module. Return: whether it can be watched; in a
 * kernel that is made for that, whether it tells what of the module is run.
 */
bool watch_begin(void (*call)(void));
void watch_on(void);
/* By a child or a thread; until it ends. */
void watch_other(unsigned int who);
void watch_off(void);
bool watch_complained(void);

#endif
