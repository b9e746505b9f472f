/* SPDX-License-Identifier: GPL-2.0 */
/* What the tests of slots on loan share. */
#ifndef LIB_LOAN_H
#define LIB_LOAN_H

#include "lib_test.h"

/* Where queues are not mapped, loans say so; everything else is for those that are. */
/* proves: pyq_reserve -EOPNOTSUPP, pyq_borrow -EOPNOTSUPP */
#define NEEDS_LOANS()                                                        \
	do {                                                                 \
		if (is_sealed()) {                                           \
			struct pyq_loan loan_;                               \
			pyq_queue *q_ = new_queue(.maxsize = 1);             \
			EXPECT_EQ(-EOPNOTSUPP, lib(pyq_reserve(q_, &loan_, 0))); \
			EXPECT_EQ(NULL, loan_.data);                         \
			EXPECT_EQ(-EOPNOTSUPP, lib(pyq_borrow(q_, &loan_, 0))); \
			EXPECT_EQ(-EINVAL, lib(pyq_commit(q_, &loan_, 0)));  \
			EXPECT_EQ(-EINVAL, lib(pyq_discard(q_, &loan_)));    \
			EXPECT_EQ(-EINVAL, lib(pyq_release(q_, &loan_)));    \
			EXPECT_EQ(-EINVAL, lib(pyq_give_back(q_, &loan_)));  \
			pyq_close(q_);                                       \
			return;                                              \
		}                                                            \
	} while (0)

static inline int put_text(pyq_queue *q, const char *text)
{
	return pyq_put(q, text, strlen(text), PYQ_NOWAIT);
}

static inline bool takes(pyq_queue *q, const char *text, int64_t timeout)
{
	char buf[256];
	ssize_t len = pyq_get(q, buf, sizeof(buf), timeout);

	return len == (ssize_t)strlen(text) && !memcmp(buf, text, len);
}

static inline int commit_text(pyq_queue *q, struct pyq_loan *loan, const char *text)
{
	memcpy(loan->data, text, strlen(text));
	return pyq_commit(q, loan, strlen(text));
}

#endif
