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
#include "keeper.h"

#define POOL(size, count) "[[segment.mempool]]\nsize = " #size "\ncount = " #count "\n"

/* Room for what bench_capacity() makes of messages of each size, and some to spare. */
static const char config[] = "[general]\n"
			     "version = 1\n"
			     "[[segment]]\n" POOL(128, 2048) POOL(4096, 512) POOL(16384, 320)
				     POOL(65536, 80) POOL(262144, 32) POOL(1048576, 24);

/* One for those who ask, one for each group that has messages: here the user's own. */
#define SEGMENTS 4
#define PATH_LENGTH 128

static struct {
	pid_t pid;
	pid_t starter;
	FILE *says;
	const char *const *files;
	char memory[SEGMENTS][PATH_LENGTH];
	size_t segments;
} daemon_seen;

__attribute__((noreturn)) static void be_daemon(int config_file, int out)
{
	char path[32];

	/*
	 * Behind a bench that was killed it would fail over the process that is no more, or
	 * hang: the keeper removes what it has left. The terminal's signals are not for it.
	 */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "/dev/fd/%d", config_file);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	/* Not to end a process for being slow: the machine may have a lot to do. */
	execlp("iox-roudi", "iox-roudi", "--monitoring-mode", "off", "--log-level", "error",
	       "--config-file", path, NULL);
	_exit(127);
}

/* Its shared memory is what it has mapped of /dev/shm. */
static int look_for_memory(void)
{
	char name[32], line[512];
	FILE *maps;

	snprintf(name, sizeof(name), "/proc/%d/maps", daemon_seen.pid);
	maps = fopen(name, "re");
	if (!maps)
		return -errno;
	while (daemon_seen.segments < SEGMENTS && fgets(line, sizeof(line), maps)) {
		const char *path = strstr(line, "/dev/shm/");

		if (!path)
			continue;
		line[strcspn(line, "\n")] = '\0';
		snprintf(daemon_seen.memory[daemon_seen.segments++], PATH_LENGTH, "%s", path);
	}
	fclose(maps);
	return 0;
}

/* All that it leaves if it does not end as it should, and it itself. */
static int keep(void)
{
	int err = look_for_memory();

	if (!err)
		err = bench_keep_process(daemon_seen.pid);
	for (size_t i = 0; !err && daemon_seen.files[i]; i++)
		err = bench_keep_file(daemon_seen.files[i]);
	for (size_t i = 0; !err && i < daemon_seen.segments; i++)
		err = bench_keep_file(daemon_seen.memory[i]);
	return err;
}

static void forget(void)
{
	bench_forget_process(daemon_seen.pid);
	for (size_t i = 0; daemon_seen.files[i]; i++)
		bench_forget_file(daemon_seen.files[i]);
	for (size_t i = 0; i < daemon_seen.segments; i++)
		bench_forget_file(daemon_seen.memory[i]);
}

static void stop(void)
{
	if (daemon_seen.starter != getpid())
		return;
	kill(daemon_seen.pid, SIGTERM);
	waitpid(daemon_seen.pid, NULL, 0);
	forget();
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

int bench_iceoryx_daemon_start(const char *const *files)
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
	daemon_seen.files = files;
	atexit(stop);
	return keep();
}
