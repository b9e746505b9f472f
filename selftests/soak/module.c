// SPDX-License-Identifier: GPL-2.0
#include "module.h"

#include <fcntl.h>
#include <sys/syscall.h>

#define LOADED "/sys/module/pyqueue/holders"

void module_find(struct soak *s)
{
	const char *file = getenv("PYQUEUE_MODULE");

	if (s->shm || !file || !*file || geteuid() || access(LOADED, F_OK))
		return;
	if (access(file, R_OK))
		wrong(s, "PYQUEUE_MODULE is %s: %s", file, strerror(errno));
	s->module = file;
}

static int unload(void)
{
	return syscall(SYS_delete_module, "pyqueue", O_NONBLOCK) ? -errno : 0;
}

void module_try_to_unload(struct soak *s)
{
	int err;

	if (!s->module)
		return;
	err = unload();
	if (err != -EWOULDBLOCK)
		wrong(s, "the module is in use, and to unload it says %s", strerror(-err));
	s->tally.refused++;
}

/* A ring of io_uring lets go of its files a little after its process has died. */
static void unload_soon(struct soak *s)
{
	const uint64_t until = now_ns() + 30 * SEC;
	int err;

	while ((err = unload()) == -EWOULDBLOCK && now_ns() < until)
		sched_yield();
	if (err)
		wrong(s, "the module cannot be unloaded: %s", strerror(-err));
	if (!access(LOADED, F_OK) || !access("/dev/pyqueue", F_OK))
		wrong(s, "the module has been unloaded, and is still there");
}

void module_reload(struct soak *s)
{
	int fd, err;

	if (!s->module)
		return;
	unload_soon(s);
	fd = open(s->module, O_RDONLY | O_CLOEXEC);
	err = syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
	if (err)
		wrong(s, "%s cannot be loaded: %s", s->module, strerror(err));
	close(fd);
	if (access("/dev/pyqueue", R_OK | W_OK))
		wrong(s, "the module has been loaded, and there is no /dev/pyqueue");
	s->tally.unloads++;
}
