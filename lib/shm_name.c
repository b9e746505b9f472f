// SPDX-License-Identifier: MIT
/*
 * Names of queues in shared memory: files in /dev/shm, with the permissions of the
 * queue.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "descriptor.h"
#include "shm_file.h"
#include "shm_name.h"

#define DIRECTORY "/dev/shm/"
#define PREFIX "pyqueue."

struct path {
	char text[sizeof(DIRECTORY PREFIX) + PYQUEUE_NAME_MAX];
};

/* By the kernel's rules. */
static int path_of(struct path *path, const char *name)
{
	size_t len = strlen(name);

	if (len > PYQUEUE_NAME_MAX)
		return -ENAMETOOLONG;
	if (!len || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if (name[i] == '/' || (unsigned char)name[i] < 32 || name[i] == 127)
			return -EINVAL;
	snprintf(path->text, sizeof(path->text), DIRECTORY PREFIX "%s", name);
	return 0;
}

int pyqi_shm_name_error(int err)
{
	switch (err) {
	case -ENOSPC:
		return -ENOMEM;
	case -EISDIR:
	case -ELOOP:
	case -ENOTTY:
	case -ENXIO:
		return -EUCLEAN; /* it has a queue's name and is none */
	case -EROFS:
		return -EACCES;
	default:
		return err;
	}
}

static int open_path(const struct path *path)
{
	return pyqi_opened(open(path->text, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
}

int pyqi_shm_name_open(const char *name)
{
	struct path path;
	int err = path_of(&path, name);

	return err ? err : open_path(&path);
}

int pyqi_shm_name_make(const struct pyq_attr *attr)
{
	struct path path;
	int fd = path_of(&path, attr->name);
	int err;

	if (fd)
		return fd;
	if (attr->flags & PYQ_EXCL && !access(path.text, F_OK))
		return -EEXIST;
	fd = pyqi_opened(open(DIRECTORY, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	if (fd < 0)
		return fd == -ENOENT ? -EOPNOTSUPP : fd;
	err = pyqi_shm_format(fd, attr);
	if (err)
		close(fd);
	return err ? err : fd;
}

int pyqi_shm_name_give(int fd, const struct pyq_attr *attr)
{
	struct path path;
	char self[32];
	int err = path_of(&path, attr->name);

	if (err)
		return err;
	if (attr->owner && fchown(fd, attr->owner->uid, attr->owner->gid))
		return -errno;
	if (fchmod(fd, attr->mode ? attr->mode : 0600))
		return -errno;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	if (!linkat(AT_FDCWD, self, AT_FDCWD, path.text, AT_SYMLINK_FOLLOW))
		return 0;
	return errno == ENOENT ? -EOPNOTSUPP : -errno; /* no /proc */
}

bool pyqi_shm_name_exists(const char *name)
{
	struct path path;

	return !path_of(&path, name) && !access(path.text, F_OK);
}

int pyqi_shm_name_unlink(const char *name)
{
	PYQI_KEEP_ERRNO;
	struct path path;
	int err = path_of(&path, name);

	if (err)
		return err;
	if (!unlink(path.text))
		return 0;
	return errno == EACCES ? -EPERM : pyqi_shm_name_error(-errno);
}

/* Tell of the queue in file @name of the directory, if it is one, and ours to open. */
static int report(const char *file, int (*fn)(const struct pyq_name *name, void *arg), void *arg)
{
	struct pyq_name name = { .name = file + strlen(PREFIX) };
	struct pyqi_shm_page page;
	struct path path;
	struct stat st;
	bool found;
	int fd;

	if (path_of(&path, name.name))
		return 0;
	fd = open_path(&path);
	if (fd == -EMFILE || fd == -ENFILE)
		return fd;
	if (fd < 0)
		return 0;
	found = !pyqi_shm_read(fd, &page, &st);
	close(fd);
	if (!found)
		return 0;
	name.id = page.header.id;
	name.maxsize = (int64_t)page.header.maxsize;
	/* Read one after the other: head may have passed. */
	name.qsize = (page.header.tail & ~PYQUEUE_CLOSED) - page.header.head;
	if (name.qsize > page.header.maxsize)
		name.qsize = 0;
	name.mode = st.st_mode & 0777;
	name.uid = st.st_uid;
	name.gid = st.st_gid;
	return fn(&name, arg);
}

int pyqi_shm_name_list(int (*fn)(const struct pyq_name *name, void *arg), void *arg)
{
	PYQI_KEEP_ERRNO;
	DIR *dir = opendir(DIRECTORY);
	struct dirent *entry;
	int ret = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!ret && (entry = readdir(dir)))
		if (!strncmp(entry->d_name, PREFIX, strlen(PREFIX)))
			ret = report(entry->d_name, fn, arg);
	closedir(dir);
	return ret;
}
