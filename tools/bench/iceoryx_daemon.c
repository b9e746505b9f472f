// SPDX-License-Identifier: MIT
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "iceoryx_daemon.h"

#define POOL(size, count) "[[segment.mempool]]\nsize = " #size "\ncount = " #count "\n"

/* Room for what bench_capacity() makes of messages of each size, and some to spare. */
static const char config[] = "[general]\n"
			     "version = 1\n"
			     "[[segment]]\n" POOL(128, 2048) POOL(4096, 512) POOL(16384, 320)
				     POOL(65536, 80) POOL(262144, 32) POOL(1048576, 24);

static struct {
	pid_t pid;
	pid_t starter;
	FILE *says;
} daemon_seen;

__attribute__((noreturn)) static void be_daemon(int config_file, int out)
{
	char path[32];

	/*
	 * Behind a bench that was killed it ends, but fails over the process that is no more
	 * before it has removed its shared memory: the next one does that.
	 */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "/dev/fd/%d", config_file);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	/* Not to end a process for being slow: the machine may have a lot to do. */
	execlp("iox-roudi", "iox-roudi", "--monitoring-mode", "off", "--log-level", "error",
	       "--config-file", path, NULL);
	_exit(127);
}

static void stop(void)
{
	if (daemon_seen.starter != getpid())
		return;
	kill(daemon_seen.pid, SIGTERM);
	waitpid(daemon_seen.pid, NULL, 0);
}

static int wait_ready(void)
{
	char said[4096];
	size_t len = 0;
	int status;

	while (len < sizeof(said) - 1 &&
	       fgets(said + len, (int)(sizeof(said) - len), daemon_seen.says)) {
		if (strstr(said + len, "RouDi is ready for clients"))
			return 0;
		len += strlen(said + len);
	}
	said[len] = '\0';
	fputs(said, stderr);
	fclose(daemon_seen.says);
	if (waitpid(daemon_seen.pid, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENODEV : -EIO;
}

static int start(int config_file)
{
	int ends[2];

	if (pipe(ends))
		return -errno;
	daemon_seen.pid = fork();
	if (!daemon_seen.pid) {
		close(ends[0]);
		be_daemon(config_file, ends[1]);
	}
	close(ends[1]);
	/* Kept: it has to be able to say something. */
	daemon_seen.says = daemon_seen.pid < 0 ? NULL : fdopen(ends[0], "r");
	if (!daemon_seen.says)
		return -errno;
	return wait_ready();
}

int bench_iceoryx_daemon_start(void)
{
	const int config_file = memfd_create("iox-roudi.toml", 0);
	int err;

	if (config_file < 0)
		return -errno;
	if (write(config_file, config, sizeof(config) - 1) < 0)
		err = -errno;
	else
		err = start(config_file);
	close(config_file);
	if (err)
		return err;
	daemon_seen.starter = getpid();
	atexit(stop);
	return 0;
}
