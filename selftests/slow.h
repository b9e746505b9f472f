/* SPDX-License-Identifier: GPL-2.0 */
/* A kernel that watches itself takes so many times as long (make check-debug). */
#ifndef SELFTESTS_SLOW_H
#define SELFTESTS_SLOW_H

#ifndef PYQUEUE_SLOW
#define PYQUEUE_SLOW 1
#endif

#endif
