// SPDX-License-Identifier: GPL-2.0
/*
 * Names: for each network namespace a table of them, as abstract unix sockets
 * have. A name holds a reference on its queue, and goes by UNLINK, with its
 * namespace, or with the module.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/rbtree.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "pyqueue.h"

/* The bits of one class of a mode. */
#define PYQUEUE_MAY_GET	4
#define PYQUEUE_MAY_PUT	2

/* Entries of LIST that are gathered under the lock at a time, and names looked at for them. */
#define PYQUEUE_LIST_BATCH 16
#define PYQUEUE_LIST_LOOKS 256

/**
 * struct pyqueue_name - a name
 * @by_name: in pyqueue_net.by_name
 * @by_id: in pyqueue_net.by_id
 * @q: its queue, referenced
 * @arg: the name itself
 */
struct pyqueue_name {
	struct rb_node by_name;
	struct rb_node by_id;
	struct pyqueue *q;
	struct pyqueue_name_arg arg;
};

/**
 * struct pyqueue_net - a network namespace's names
 * @lock: for the rest
 * @by_name: to find one
 * @by_id: oldest first, for LIST
 *
 * How many names there are is up to all who share the namespace: nobody goes over all of
 * them with the lock.
 */
struct pyqueue_net {
	struct mutex lock; /* by_name, by_id */
	struct rb_root by_name;
	struct rb_root by_id;
};

static unsigned int pyqueue_net_id;

static struct net *pyqueue_callers_net(void)
{
	return current->nsproxy->net_ns;
}

/**
 * pyqueue_name_from_user() - copy a name in and check it
 * @name: out
 * @addr: user pointer
 * @len: its bytes
 *
 * Return: 0, -EFAULT, -ENAMETOOLONG, -EINVAL.
 */
int pyqueue_name_from_user(struct pyqueue_name_arg *name, u64 addr, u32 len)
{
	u32 i;

	if (!len)
		return -EINVAL;
	if (len > PYQUEUE_NAME_MAX)
		return -ENAMETOOLONG;
	memset(name, 0, sizeof(*name));
	if (copy_from_user(name->text, u64_to_user_ptr(addr), len))
		return -EFAULT;
	name->len = len;

	for (i = 0; i < len; i++) {
		u8 c = name->text[i];

		if (c < ' ' || c == 0x7f || c == '/')
			return -EINVAL;
	}
	if (name->text[0] == '.' && (len == 1 || (len == 2 && name->text[1] == '.')))
		return -EINVAL;
	return 0;
}

/* Names are zero-filled: the whole arrays compare, then the lengths. */
static int pyqueue_name_compare(const struct pyqueue_name_arg *a, const struct pyqueue_name_arg *b)
{
	return memcmp(a->text, b->text, PYQUEUE_NAME_MAX);
}

static struct pyqueue_name *pyqueue_name_find(struct pyqueue_net *names,
					      const struct pyqueue_name_arg *arg)
{
	struct rb_node *node = names->by_name.rb_node;

	lockdep_assert_held(&names->lock);
	while (node) {
		struct pyqueue_name *name = rb_entry(node, struct pyqueue_name, by_name);
		int order = pyqueue_name_compare(arg, &name->arg);

		if (!order)
			return name;
		node = order < 0 ? node->rb_left : node->rb_right;
	}
	return NULL;
}

static bool pyqueue_name_is_older(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct pyqueue_name, by_id)->q->id <
	       rb_entry(b, struct pyqueue_name, by_id)->q->id;
}

/* The oldest name whose queue's number is above @id; NULL if there is none. */
static struct rb_node *pyqueue_name_after(const struct pyqueue_net *names, u64 id)
{
	struct rb_node *node = names->by_id.rb_node, *found = NULL;

	lockdep_assert_held(&names->lock);
	while (node) {
		if (rb_entry(node, struct pyqueue_name, by_id)->q->id > id) {
			found = node;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

static void pyqueue_name_insert(struct pyqueue_net *names, struct pyqueue_name *name)
{
	struct rb_node **link = &names->by_name.rb_node, *parent = NULL;

	lockdep_assert_held(&names->lock);
	while (*link) {
		struct pyqueue_name *other = rb_entry(*link, struct pyqueue_name, by_name);

		parent = *link;
		link = pyqueue_name_compare(&name->arg, &other->arg) < 0 ? &parent->rb_left :
									   &parent->rb_right;
	}
	rb_link_node(&name->by_name, parent, link);
	rb_insert_color(&name->by_name, &names->by_name);
	rb_add(&name->by_id, &names->by_id, pyqueue_name_is_older);
	WRITE_ONCE(name->q->named, true);
}

static void pyqueue_name_remove(struct pyqueue_net *names, struct pyqueue_name *name)
{
	lockdep_assert_held(&names->lock);
	rb_erase(&name->by_name, &names->by_name);
	rb_erase(&name->by_id, &names->by_id);
	WRITE_ONCE(name->q->named, false);
}

static void pyqueue_name_free(struct pyqueue_name *name)
{
	pyqueue_put_ref(name->q);
	kfree(name);
}

/* The bits of the mode that count for the caller. */
static unsigned int pyqueue_name_class(const struct pyqueue *q)
{
	if (uid_eq(current_fsuid(), q->uid))
		return q->mode >> 6;
	if (in_group_p(q->gid))
		return q->mode >> 3;
	return q->mode;
}

/* As for files: a capability counts for owners whom its namespace knows. */
static bool pyqueue_name_known(const struct net *net, const struct pyqueue *q)
{
	return kuid_has_mapping(net->user_ns, q->uid) && kgid_has_mapping(net->user_ns, q->gid);
}

static bool pyqueue_name_capable(const struct net *net, const struct pyqueue *q, int capability)
{
	return pyqueue_name_known(net, q) && ns_capable(net->user_ns, capability);
}

static bool pyqueue_name_may(const struct net *net, const struct pyqueue *q, unsigned int flags)
{
	unsigned int want = 0;

	if (flags & PYQUEUE_READ)
		want |= PYQUEUE_MAY_GET;
	if (flags & PYQUEUE_WRITE)
		want |= PYQUEUE_MAY_PUT;
	return (pyqueue_name_class(q) & want) == want ||
	       pyqueue_name_capable(net, q, CAP_DAC_OVERRIDE);
}

/* The queue of a name, referenced; NULL if there is no such name. */
static struct pyqueue *pyqueue_name_get(const struct net *net, struct pyqueue_net *names,
					const struct pyqueue_name_arg *arg, unsigned int flags)
{
	struct pyqueue_name *name;
	struct pyqueue *q = NULL;

	mutex_lock(&names->lock);
	name = pyqueue_name_find(names, arg);
	if (name) {
		q = name->q;
		if (pyqueue_name_may(net, q, flags))
			kref_get(&q->ref);
		else
			q = ERR_PTR(-EACCES);
	}
	mutex_unlock(&names->lock);
	return q;
}

static int pyqueue_name_install(struct pyqueue *q, unsigned int flags)
{
	struct file *file;
	int fd;

	if (IS_ERR(q))
		return PTR_ERR(q);
	fd = pyqueue_prepare_fd(q, flags, &file);
	if (fd >= 0)
		fd_install(fd, file);
	return fd;
}

/* Whose the name is to be. */
static int pyqueue_name_own(const struct net *net, const struct pyqueue_create *arg, kuid_t *uid,
			    kgid_t *gid)
{
	bool foreign = false;

	*uid = current_fsuid();
	*gid = current_fsgid();
	if (arg->uid != PYQUEUE_ID_CALLER) {
		*uid = make_kuid(current_user_ns(), arg->uid);
		if (!uid_valid(*uid))
			return -EINVAL;
		foreign |= !uid_eq(*uid, current_fsuid());
	}
	if (arg->gid != PYQUEUE_ID_CALLER) {
		*gid = make_kgid(current_user_ns(), arg->gid);
		if (!gid_valid(*gid))
			return -EINVAL;
		foreign |= !in_group_p(*gid);
	}
	return foreign && !ns_capable(net->user_ns, CAP_CHOWN) ? -EPERM : 0;
}

/* Make the queue and its file first: from the insertion on nothing fails. */
static int pyqueue_name_make(struct net *net, struct pyqueue_net *names,
			     const struct pyqueue_name_arg *name_arg,
			     const struct pyqueue_create *arg)
{
	const unsigned int fd_flags = PYQUEUE_READ | PYQUEUE_WRITE | arg->flags;
	struct pyqueue_create made = *arg;
	struct pyqueue_name *name;
	struct file *file;
	struct pyqueue *q;
	kuid_t uid;
	kgid_t gid;
	int fd, err;

	err = pyqueue_name_own(net, arg, &uid, &gid);
	if (err)
		return err;
	if ((arg->mode & 0066 || !uid_eq(uid, current_fsuid())) && !(arg->flags & PYQUEUE_MAPPABLE))
		made.flags |= PYQUEUE_SEALED;

	name = kzalloc(sizeof(*name), GFP_KERNEL_ACCOUNT);
	if (!name)
		return -ENOMEM;
	q = pyqueue_create(&made);
	if (IS_ERR(q)) {
		kfree(name);
		return PTR_ERR(q);
	}
	q->uid = uid;
	q->gid = gid;
	q->mode = arg->mode;
	name->arg = *name_arg;
	name->q = q;
	kref_get(&q->ref); /* the name's; the first one goes to the file */

	fd = pyqueue_prepare_fd(q, fd_flags, &file);
	if (fd < 0) {
		pyqueue_name_free(name);
		return fd;
	}

	mutex_lock(&names->lock);
	if (pyqueue_name_find(names, name_arg))
		err = -EEXIST;
	else
		pyqueue_name_insert(names, name);
	mutex_unlock(&names->lock);

	if (err) {
		pyqueue_name_free(name);
		put_unused_fd(fd);
		fput(file);
		return err;
	}
	fd_install(fd, file);
	return fd;
}

/**
 * pyqueue_name_create() - CREATE with a name
 * @name: the name
 * @arg: what the queue is like; values have been checked
 *
 * Context: May sleep.
 * Return: a file descriptor or an error of &struct pyqueue_create.
 */
int pyqueue_name_create(const struct pyqueue_name_arg *name, const struct pyqueue_create *arg)
{
	const unsigned int flags = PYQUEUE_READ | PYQUEUE_WRITE | (arg->flags & PYQUEUE_NONBLOCK);
	struct net *net = pyqueue_callers_net();
	struct pyqueue_net *names = net_generic(net, pyqueue_net_id);

	for (;;) {
		struct pyqueue *q = pyqueue_name_get(net, names, name, flags);
		int ret;

		if (q && (arg->flags & PYQUEUE_EXCL)) {
			if (!IS_ERR(q))
				pyqueue_put_ref(q);
			return -EEXIST;
		}
		if (q)
			return pyqueue_name_install(q, flags);

		ret = pyqueue_name_make(net, names, name, arg);
		if (ret != -EEXIST || (arg->flags & PYQUEUE_EXCL))
			return ret;
		/* Somebody was quicker: open his. */
	}
}

/**
 * pyqueue_name_open() - OPEN
 * @name: the name
 * @flags: PYQUEUE_READ, _WRITE, _NONBLOCK
 *
 * Context: May sleep.
 * Return: a file descriptor or an error of &struct pyqueue_open.
 */
int pyqueue_name_open(const struct pyqueue_name_arg *name, unsigned int flags)
{
	struct net *net = pyqueue_callers_net();
	struct pyqueue_net *names = net_generic(net, pyqueue_net_id);
	struct pyqueue *q = pyqueue_name_get(net, names, name, flags);

	return pyqueue_name_install(q ?: ERR_PTR(-ENOENT), flags);
}

/**
 * pyqueue_name_unlink() - UNLINK
 * @arg: the name
 *
 * Context: May sleep.
 * Return: 0 or an error of &struct pyqueue_unlink.
 */
int pyqueue_name_unlink(const struct pyqueue_name_arg *arg)
{
	struct net *net = pyqueue_callers_net();
	struct pyqueue_net *names = net_generic(net, pyqueue_net_id);
	struct pyqueue_name *name;
	int err = 0;

	mutex_lock(&names->lock);
	name = pyqueue_name_find(names, arg);
	if (!name)
		err = -ENOENT;
	else if (!uid_eq(current_fsuid(), name->q->uid) &&
		 !pyqueue_name_capable(net, name->q, CAP_FOWNER))
		err = -EPERM;
	else
		pyqueue_name_remove(names, name);
	mutex_unlock(&names->lock);

	if (!err)
		pyqueue_name_free(name);
	return err;
}

static void pyqueue_name_entry(const struct pyqueue_name *name, struct pyqueue_entry *entry)
{
	struct pyqueue *q = name->q;

	memset(entry, 0, sizeof(*entry));
	entry->id = q->id;
	entry->maxsize = pyqueue_maxsize(q);
	entry->qsize = pyqueue_glance(q);
	entry->mode = q->mode;
	entry->uid = from_kuid_munged(current_user_ns(), q->uid);
	entry->gid = from_kgid_munged(current_user_ns(), q->gid);
	entry->flags = q->flags;
	entry->name_len = name->arg.len;
	memcpy(entry->name, name->arg.text, name->arg.len);
}

/* Up to @n names after @cookie, which is moved on over what has been looked at; 0 at the end. */
static unsigned int pyqueue_name_gather(const struct net *net, struct pyqueue_net *names,
					struct pyqueue_entry *entries, unsigned int n, u64 *cookie)
{
	const bool all = ns_capable_noaudit(net->user_ns, CAP_DAC_OVERRIDE);
	const unsigned int any = PYQUEUE_MAY_GET | PYQUEUE_MAY_PUT;
	unsigned int looks = PYQUEUE_LIST_LOOKS, filled = 0;
	struct rb_node *node;

	mutex_lock(&names->lock);
	node = pyqueue_name_after(names, *cookie);
	for (; node && filled < n && looks; node = rb_next(node), looks--) {
		struct pyqueue_name *name = rb_entry(node, struct pyqueue_name, by_id);

		*cookie = name->q->id;
		if ((pyqueue_name_class(name->q) & any) ||
		    (all && pyqueue_name_known(net, name->q)))
			pyqueue_name_entry(name, &entries[filled++]);
	}
	if (!node)
		*cookie = 0;
	mutex_unlock(&names->lock);
	return filled;
}

static int pyqueue_name_copy_out(u64 to, u32 entry_size, const struct pyqueue_entry *entries,
				 unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		u8 __user *at = u64_to_user_ptr(to + (u64)i * entry_size);

		if (copy_to_user(at, &entries[i], sizeof(*entries)) ||
		    clear_user(at + sizeof(*entries), entry_size - sizeof(*entries)))
			return -EFAULT;
	}
	return 0;
}

/**
 * pyqueue_name_list() - LIST
 * @arg: as in the kernel contract; the cookie is moved on
 *
 * Context: May sleep and fault.
 * Return: how many entries have been filled, or an error of &struct pyqueue_list.
 */
long pyqueue_name_list(struct pyqueue_list *arg)
{
	struct net *net = pyqueue_callers_net();
	struct pyqueue_net *names = net_generic(net, pyqueue_net_id);
	struct pyqueue_entry *entries;
	unsigned int got, done = 0;
	int err = 0;

	entries = kmalloc_array(PYQUEUE_LIST_BATCH, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	do {
		got = pyqueue_name_gather(net, names, entries,
					  min_t(u32, arg->count - done, PYQUEUE_LIST_BATCH),
					  &arg->cookie);
		err = pyqueue_name_copy_out(arg->entries + (u64)done * arg->entry_size,
					    arg->entry_size, entries, got);
		done += got;
		cond_resched();
	} while (!err && arg->cookie && done < arg->count && !fatal_signal_pending(current));
	kfree(entries);

	if (err)
		return err;
	return done;
}

static int __net_init pyqueue_net_init(struct net *net)
{
	struct pyqueue_net *names = net_generic(net, pyqueue_net_id);

	mutex_init(&names->lock);
	names->by_name = RB_ROOT;
	names->by_id = RB_ROOT;
	return 0;
}

static void __net_exit pyqueue_net_exit(struct net *net)
{
	struct pyqueue_net *names = net_generic(net, pyqueue_net_id);
	struct pyqueue_name *name, *next;

	/* Nobody is left who could look. */
	rbtree_postorder_for_each_entry_safe(name, next, &names->by_name, by_name) {
		WRITE_ONCE(name->q->named, false);
		pyqueue_name_free(name);
		cond_resched();
	}
	names->by_name = RB_ROOT;
	names->by_id = RB_ROOT;
}

static struct pernet_operations pyqueue_net_ops = {
	.init = pyqueue_net_init,
	.exit = pyqueue_net_exit,
	.id = &pyqueue_net_id,
	.size = sizeof(struct pyqueue_net),
};

/**
 * pyqueue_name_init() - begin
 *
 * Return: 0 or -ENOMEM.
 */
int __init pyqueue_name_init(void)
{
	return register_pernet_subsys(&pyqueue_net_ops);
}

/**
 * pyqueue_name_exit() - end: all names go
 */
void pyqueue_name_exit(void)
{
	unregister_pernet_subsys(&pyqueue_net_ops);
}
