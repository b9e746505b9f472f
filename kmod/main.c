// SPDX-License-Identifier: GPL-2.0
/* /dev/pyqueue: where queues are made and found. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "pyqueue.h"

/**
 * pyqueue_ioctl_find() - find an ioctl, fetch its argument in one copy
 * @table: what there is
 * @n: how many
 * @cmd: the user's number, with the size of the user's structure in it
 * @user: the user's structure
 * @arg: out: the kernel's copy
 *
 * Context: May fault.
 * Return: its index, or -ENOTTY, -EFAULT, -EINVAL, -E2BIG.
 */
long pyqueue_ioctl_find(const struct pyqueue_ioctl *table, size_t n, unsigned int cmd,
			void __user *user, union pyqueue_any_arg *arg)
{
	const unsigned int size_bits = _IOC_SIZEMASK << _IOC_SIZESHIFT;
	u32 size = _IOC_SIZE(cmd);
	size_t i = 0;
	int err;

	while (i < n && (table[i].cmd ^ cmd) & ~size_bits)
		i++;
	if (i == n)
		return -ENOTTY;
	if (!table[i].size)
		return size ? -ENOTTY : (long)i;
	if (size < table[i].size)
		return -EINVAL;

	err = copy_struct_from_user(arg, _IOC_SIZE(table[i].cmd), user, size);
	if (err)
		return err;
	return arg->size == size ? (long)i : -EINVAL;
}

/**
 * pyqueue_ioctl() - do an ioctl
 * @table: what there is
 * @n: how many
 * @file: the file
 * @cmd: the user's number
 * @user: the user's structure
 *
 * Context: May sleep and fault.
 * Return: what the ioctl returns, or as pyqueue_ioctl_find().
 */
long pyqueue_ioctl(const struct pyqueue_ioctl *table, size_t n, struct file *file,
		   unsigned int cmd, unsigned long user)
{
	union pyqueue_any_arg arg __uninitialized;
	void __user *uarg = (void __user *)user;
	long i = pyqueue_ioctl_find(table, n, cmd, uarg, &arg);

	return i < 0 ? i : table[i].call(file, &arg, uarg);
}

static int pyqueue_check_create(const struct pyqueue_create *arg)
{
	if (arg->flags & ~(PYQUEUE_SEALED | PYQUEUE_MAPPABLE | PYQUEUE_EXCL | PYQUEUE_NONBLOCK))
		return -EOPNOTSUPP;
	if ((arg->flags & PYQUEUE_SEALED) && (arg->flags & PYQUEUE_MAPPABLE))
		return -EINVAL;
	if (arg->pad || arg->mode & ~0777 || arg->max_msg > PYQUEUE_MAX_MSG_MAX)
		return -EINVAL;
	if (pyqueue_slot_size(arg->payload) < 0 || arg->maxsize > PYQUEUE_MAXSIZE_MAX)
		return -EINVAL;
	if (!arg->name) {
		if (arg->name_len || arg->mode || arg->flags & PYQUEUE_EXCL)
			return -EINVAL;
		if (arg->uid != PYQUEUE_ID_CALLER || arg->gid != PYQUEUE_ID_CALLER)
			return -EINVAL;
	}
	return 0;
}

static long pyqueue_ioctl_create(struct file *file, void *user_arg, void __user *user)
{
	const struct pyqueue_create *arg = user_arg;
	struct pyqueue_name_arg name;
	struct file *made;
	struct pyqueue *q;
	int ret;

	ret = pyqueue_check_create(arg);
	if (ret)
		return ret;
	if (arg->name) {
		ret = pyqueue_name_from_user(&name, arg->name, arg->name_len);
		return ret ?: pyqueue_name_create(&name, arg);
	}

	q = pyqueue_create(arg);
	if (IS_ERR(q))
		return PTR_ERR(q);
	ret = pyqueue_prepare_fd(q, PYQUEUE_READ | PYQUEUE_WRITE | arg->flags, &made);
	if (ret >= 0)
		fd_install(ret, made);
	return ret;
}

static long pyqueue_ioctl_open(struct file *file, void *user_arg, void __user *user)
{
	const struct pyqueue_open *arg = user_arg;
	struct pyqueue_name_arg name;
	int err;

	if (arg->flags & ~(PYQUEUE_READ | PYQUEUE_WRITE | PYQUEUE_NONBLOCK))
		return -EOPNOTSUPP;
	if (arg->pad || !(arg->flags & (PYQUEUE_READ | PYQUEUE_WRITE)))
		return -EINVAL;
	err = pyqueue_name_from_user(&name, arg->name, arg->name_len);
	return err ?: pyqueue_name_open(&name, arg->flags);
}

static long pyqueue_ioctl_unlink(struct file *file, void *user_arg, void __user *user)
{
	const struct pyqueue_unlink *arg = user_arg;
	struct pyqueue_name_arg name;
	int err;

	if (arg->flags)
		return -EOPNOTSUPP;
	if (arg->pad)
		return -EINVAL;
	err = pyqueue_name_from_user(&name, arg->name, arg->name_len);
	return err ?: pyqueue_name_unlink(&name);
}

static long pyqueue_ioctl_list(struct file *file, void *user_arg, void __user *user)
{
	struct pyqueue_list *arg = user_arg;
	struct pyqueue_list __user *uarg = user;
	long n;

	if (arg->flags)
		return -EOPNOTSUPP;
	if (!arg->count || arg->entry_size < sizeof(struct pyqueue_entry) || arg->entry_size > 4096)
		return -EINVAL;
	n = pyqueue_name_list(arg);
	if (n >= 0 && put_user(arg->cookie, &uarg->cookie))
		return -EFAULT;
	return n;
}

static long pyqueue_ioctl_info(struct file *file, void *user_arg, void __user *user)
{
	struct pyqueue_info *info = user_arg;

	if (info->flags)
		return -EOPNOTSUPP;
	info->abi_version = PYQUEUE_ABI_VERSION;
	info->name_max = PYQUEUE_NAME_MAX;
	info->features = PYQUEUE_FEAT_NAMES | PYQUEUE_FEAT_INDIRECT |
			 PYQUEUE_FEAT_MAPPING | PYQUEUE_FEAT_UNBOUNDED;
	if (PYQUEUE_URING_CAN_WAIT)
		info->features |= PYQUEUE_FEAT_URING_CMD;
	info->maxsize_max = PYQUEUE_MAXSIZE_MAX;
	info->max_msg_max = PYQUEUE_MAX_MSG_MAX;
	info->payload_max = PYQUEUE_PAYLOAD_MAX;
	info->many_max = PYQUEUE_MANY_MAX;
	pyqueue_user_info(info);
	return copy_to_user(user, info, min_t(size_t, info->size, sizeof(*info))) ? -EFAULT : 0;
}

static const struct pyqueue_ioctl pyqueue_device_ioctls[] = {
	{ PYQUEUE_IOC_INFO, 80, pyqueue_ioctl_info },
	{ PYQUEUE_IOC_CREATE, 64, pyqueue_ioctl_create },
	{ PYQUEUE_IOC_OPEN, 24, pyqueue_ioctl_open },
	{ PYQUEUE_IOC_UNLINK, 24, pyqueue_ioctl_unlink },
	{ PYQUEUE_IOC_LIST, 32, pyqueue_ioctl_list },
};

static long pyqueue_device_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	return pyqueue_ioctl(pyqueue_device_ioctls, ARRAY_SIZE(pyqueue_device_ioctls), file, cmd,
			     user);
}

static const struct file_operations pyqueue_device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = pyqueue_device_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice pyqueue_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "pyqueue",
	.mode = 0666,
	.fops = &pyqueue_device_fops,
};

static int __init pyqueue_init(void)
{
	int err;

	pyqueue_user_init();
	err = pyqueue_name_init();
	if (err)
		return err;
	err = misc_register(&pyqueue_device);
	if (err)
		pyqueue_name_exit();
	return err;
}

static void __exit pyqueue_exit(void)
{
	misc_deregister(&pyqueue_device);
	pyqueue_name_exit();
}

module_init(pyqueue_init);
module_exit(pyqueue_exit);

MODULE_DESCRIPTION("Bounded blocking queues between processes");
MODULE_AUTHOR("the pyqueue authors");
MODULE_VERSION("0.1");
MODULE_LICENSE("GPL");
