/* SPDX-License-Identifier: MIT */
/* libpyqueue: every public header but <pyqueue/uring.h>, which needs liburing's. */
#ifndef PYQUEUE_H
#define PYQUEUE_H

#include <pyqueue/aio.h>
#include <pyqueue/loan.h>
#include <pyqueue/lock.h>
#include <pyqueue/process.h>
#include <pyqueue/pool.h>
#include <pyqueue/queue.h>
#include <pyqueue/thread.h>

#endif
