// SPDX-License-Identifier: GPL-2.0
/*
 * What each user holds: so many queues, so many bytes. The bounds are module
 * parameters, read each time, so that they may be changed at any time; what
 * is over a lowered bound stays.
 */
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "pyqueue.h"

static ulong max_user_queues = 16384;
module_param(max_user_queues, ulong, 0644);
MODULE_PARM_DESC(max_user_queues, "Queues that one user may have (default 16384)");

static ulong max_user_bytes;
module_param(max_user_bytes, ulong, 0644);
MODULE_PARM_DESC(max_user_bytes, "Bytes that one user's queues may hold (default: a quarter of the memory)");

/**
 * struct pyqueue_user - one user's account
 * @node: in pyqueue_users, under pyqueue_users_lock
 * @uid: who
 * @refs: queues and creators at work, under pyqueue_users_lock
 * @queues: queues
 * @bytes: bytes of rings and large messages
 */
struct pyqueue_user {
	struct hlist_node node;
	kuid_t uid;
	unsigned int refs;
	atomic64_t queues;
	atomic64_t bytes;
};

static DEFINE_HASHTABLE(pyqueue_users, 6);
static DEFINE_SPINLOCK(pyqueue_users_lock);

static struct pyqueue_user *pyqueue_user_find(kuid_t uid)
{
	struct pyqueue_user *user;

	lockdep_assert_held(&pyqueue_users_lock);
	hash_for_each_possible(pyqueue_users, user, node, __kuid_val(uid)) {
		if (uid_eq(user->uid, uid))
			return user;
	}
	return NULL;
}

/**
 * pyqueue_user_get() - a reference on a user's account
 * @uid: who
 *
 * Context: May sleep.
 * Return: the account, or NULL: no memory.
 */
struct pyqueue_user *pyqueue_user_get(kuid_t uid)
{
	struct pyqueue_user *fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	struct pyqueue_user *user;

	if (!fresh)
		return NULL;
	fresh->uid = uid;

	spin_lock(&pyqueue_users_lock);
	user = pyqueue_user_find(uid);
	if (!user) {
		user = fresh;
		fresh = NULL;
		hash_add(pyqueue_users, &user->node, __kuid_val(uid));
	}
	user->refs++;
	spin_unlock(&pyqueue_users_lock);

	kfree(fresh);
	return user;
}

/**
 * pyqueue_user_put() - the reverse
 * @user: the account
 */
void pyqueue_user_put(struct pyqueue_user *user)
{
	spin_lock(&pyqueue_users_lock);
	if (--user->refs)
		user = NULL;
	else
		hash_del(&user->node);
	spin_unlock(&pyqueue_users_lock);
	kfree(user);
}

static bool pyqueue_user_charge(atomic64_t *held, u64 n, u64 bound)
{
	s64 old = atomic64_read(held);

	do {
		if (n > bound || (u64)old > bound - n)
			return false;
	} while (!atomic64_try_cmpxchg(held, &old, old + n));
	return true;
}

/**
 * pyqueue_user_charge_queue() - one queue more
 * @user: the account
 *
 * Return: 0 or -ENOSPC.
 */
int pyqueue_user_charge_queue(struct pyqueue_user *user)
{
	return pyqueue_user_charge(&user->queues, 1, READ_ONCE(max_user_queues)) ? 0 : -ENOSPC;
}

/**
 * pyqueue_user_uncharge_queue() - one queue less
 * @user: the account
 */
void pyqueue_user_uncharge_queue(struct pyqueue_user *user)
{
	atomic64_dec(&user->queues);
}

/**
 * pyqueue_user_charge_bytes() - so many bytes more
 * @user: the account
 * @bytes: how many
 *
 * Return: 0 or -EDQUOT.
 */
int pyqueue_user_charge_bytes(struct pyqueue_user *user, u64 bytes)
{
	return pyqueue_user_charge(&user->bytes, bytes, READ_ONCE(max_user_bytes)) ? 0 : -EDQUOT;
}

/**
 * pyqueue_user_uncharge_bytes() - so many bytes less
 * @user: the account
 * @bytes: how many
 */
void pyqueue_user_uncharge_bytes(struct pyqueue_user *user, u64 bytes)
{
	atomic64_sub(bytes, &user->bytes);
}

/**
 * pyqueue_user_info() - the bounds, and what the calling user holds
 * @info: filled in
 */
void pyqueue_user_info(struct pyqueue_info *info)
{
	struct pyqueue_user *user;

	info->max_user_queues = READ_ONCE(max_user_queues);
	info->max_user_bytes = READ_ONCE(max_user_bytes);
	info->user_queues = 0;
	info->user_bytes = 0;

	spin_lock(&pyqueue_users_lock);
	user = pyqueue_user_find(current_uid());
	if (user) {
		info->user_queues = atomic64_read(&user->queues);
		info->user_bytes = atomic64_read(&user->bytes);
	}
	spin_unlock(&pyqueue_users_lock);
}

/**
 * pyqueue_user_init() - choose the default bounds
 *
 * Return: 0.
 */
int pyqueue_user_init(void)
{
	if (!max_user_bytes)
		max_user_bytes = (totalram_pages() / 4) << PAGE_SHIFT;
	return 0;
}
