/* SPDX-License-Identifier: GPL-2.0 */
/* What the calls of one input work on, and how its bytes are read. */
#ifndef FUZZ_KERNEL_WORLD_H
#define FUZZ_KERNEL_WORLD_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/types.h>
#include <unistd.h>

#include <linux/pyqueue.h>
#include <ring/batch.h>

enum { FDS = 8, MAPS = 4, CHILDREN = 4, BUF = 1 << 16 };

/* Whoever has no rights. */
enum { OTHER = 65534 };

/* Nobody else maps here: what has been unmapped stays so, until it is mapped again. */
#define LOOSE ((char *)0x200000000000)
#define ELSEWHERE ((char *)0x210000000000)

struct mapping {
	struct pyq_ring ring;
	size_t bytes;		/* 0: there is none */
	bool gone;		/* its pages have been given up */
	bool locked;		/* it may not be read and written */
	bool holds;		/* this, of it: */
	struct pyq_op op;
};

struct world {
	int fds[FDS];		/* queues, or -1 */
	struct mapping maps[MAPS];
	pid_t children[CHILDREN];
	int epoll;
	int pipe[2];		/* what it holds it holds until the input's end */
	unsigned int arguments;
	unsigned long long forks;	/* before this input */
	size_t loose;		/* bytes at LOOSE, while there is a thread */
	const uint8_t *at, *end;
};

/* How often what is not easily reached has been: by whichever process. */
enum { CALLS, FORKS, THREADS, OTHERS, USERNS, NETNS, RINGS, COMMANDS, DONE };

extern struct world world;
extern int device;
extern unsigned char *buf;	/* BUF bytes, and a page beyond that is not there */
extern unsigned long long *done;

/* --- the input ----------------------------------------------------------------- */

uint8_t byte(void);
uint64_t number(void);		/* rather one at an edge of something */
uint64_t deadline(void);	/* some milliseconds at most, or none, or past */
int some_fd(void);
struct mapping *some_map(void);
void *address(void);		/* good, at an edge, nowhere, in the kernel, in a ring itself */

/* --- calls ----------------------------------------------------------------------- */

void count(unsigned int what);
long did(long ret);		/* counted; -errno */
long call(int fd, unsigned long cmd, void *arg);
void keep(long fd);		/* one more queue, if there is room; or none, if it is -errno */
uint64_t now(void);		/* nanoseconds */

/* What the contract rules out. */
#define never(what)                                                               \
	do {                                                                      \
		if (what) {                                                       \
			fprintf(stderr, "%s:%d: %s\n", __func__, __LINE__, #what); \
			abort();                                                  \
		}                                                                 \
	} while (0)

/* --- what else is done with queues ------------------------------------------------- */

/* kernel_memory.c: mappings, and the rings in them */
void do_mmap(void);
void do_memory(void);
void do_ring(void);
void do_scribble(void);
void do_thread(void);
void drop_map(struct mapping *m);

/* kernel_uring.c */
void do_uring(void);
void forget_urings(void);	/* they are the parent's */
void end_commands(void);

/* kernel_others.c: processes, users and namespaces */
void do_fork(void);
void end_children(void);

/* kernel.c */
void play(unsigned int most);

#endif
