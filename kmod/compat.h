/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between the kernels that this module builds on, told by
 * feature, never by version number. Built on 6.1 and 6.12; what they have in
 * common covers all that is used so far but for what follows.
 */
#ifndef PYQUEUE_COMPAT_H
#define PYQUEUE_COMPAT_H

#ifdef PYQUEUE_HAS_URING_CMD_H
#include <linux/io_uring/cmd.h>
#else
#include <linux/io_uring.h>
#endif
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/nsproxy.h>
#include <linux/sched.h>
#include <linux/time_namespace.h>

/*
 * Where a kernel that zeroes all variables on the stack need not: what is filled
 * before it is read, on the way of every message. 6.1 has no word for it.
 */
#ifndef __uninitialized
#if __has_attribute(__uninitialized__)
#define __uninitialized __attribute__((__uninitialized__))
#else
#define __uninitialized
#endif
#endif

/* 6.1 has no function for it. */
static inline void pyqueue_vma_set_flags(struct vm_area_struct *vma, unsigned long flags)
{
#ifdef PYQUEUE_HAS_VM_FLAGS_SET
	vm_flags_set(vma, flags);
#else
	vma->vm_flags |= flags;
#endif
}

static inline void pyqueue_vma_clear_flags(struct vm_area_struct *vma, unsigned long flags)
{
#ifdef PYQUEUE_HAS_VM_FLAGS_SET
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

/* What the user has written into the SQE: shared memory, to be read once. */
static inline const void *pyqueue_uring_payload(const struct io_uring_cmd *cmd)
{
#ifdef PYQUEUE_HAS_URING_CMD_H
	return cmd->sqe->cmd;
#else
	return cmd->cmd;
#endif
}

/*
 * Where a command that waits can be told that its submitter ends, execs or closes his
 * ring. In 6.1 it cannot: there none waits.
 */
#ifdef PYQUEUE_HAS_URING_CANCEL
#define PYQUEUE_URING_CAN_WAIT	1

/* Closed by the last who had it open: nobody learns of its completions any more. */
static inline bool pyqueue_uring_is_closed(struct io_uring_cmd *cmd)
{
	return percpu_ref_is_dying(&cmd_to_io_kiocb(cmd)->ctx->refs);
}

/*
 * Has a ring of which only its submitter's work completes? A worker that cancels may,
 * too, by io_uring's contract; but then 6.12's lockdep complains.
 */
static inline bool pyqueue_uring_is_deferred(struct io_uring_cmd *cmd)
{
	return cmd_to_io_kiocb(cmd)->ctx->flags & IORING_SETUP_DEFER_TASKRUN;
}
#else
#define PYQUEUE_URING_CAN_WAIT	0
#define IO_URING_F_CANCEL	0

static inline void io_uring_cmd_mark_cancelable(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
}

static inline bool pyqueue_uring_is_closed(struct io_uring_cmd *cmd)
{
	return false;
}

static inline bool pyqueue_uring_is_deferred(struct io_uring_cmd *cmd)
{
	return false;
}
#endif

/* Flags of the command that are its user's; some kernels keep their own beside them. */
#ifndef IORING_URING_CMD_MASK
#define IORING_URING_CMD_MASK	GENMASK(29, 0)
#endif

/*
 * How far the caller's CLOCK_MONOTONIC is ahead of the host's. Kernels of
 * today do not export do_timens_ktime_to_host() to modules.
 */
static inline ktime_t pyqueue_timens_offset(void)
{
#ifdef CONFIG_TIME_NS
	return timespec64_to_ktime(current->nsproxy->time_ns->offsets.monotonic);
#else
	return 0;
#endif
}

#endif
