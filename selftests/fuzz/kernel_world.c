// SPDX-License-Identifier: GPL-2.0
/* See kernel_world.h. */
#include "kernel_world.h"

#include <time.h>

struct world world;
int device;
unsigned char *buf;
unsigned long long *done;

uint8_t byte(void)
{
	return world.at < world.end ? *world.at++ : 0;
}

uint64_t number(void)
{
	static const uint64_t often[] = { 0, 1, 2, 3, 47, 48, 49, 63, 64, 239, 240, 241, 4095, 4096,
		4097, 65535, 65536, UINT32_MAX, INT64_MAX, (uint64_t)INT64_MIN, UINT64_MAX };
	uint8_t b = byte();
	uint64_t value = 0;

	if (b < sizeof(often) / sizeof(often[0]))
		return often[b];
	if (b < 200)
		return b;
	for (int i = 0; i < b % 8 + 1; i++)
		value = value << 8 | byte();
	return value;
}

uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

uint64_t deadline(void)
{
	uint8_t b = byte();

	return b % 8 ? PYQUEUE_NOWAIT : now() + (b >> 3) * 100000ULL - 500000;
}

int some_fd(void)
{
	return world.fds[byte() % FDS];
}

struct mapping *some_map(void)
{
	return &world.maps[byte() % MAPS];
}

void *address(void)
{
	uint8_t b = byte();
	const struct mapping *m = &world.maps[(b >> 5) % MAPS];

	/* Then what is being worked on there is what matters. */
	if (world.loose && b % 4)
		return LOOSE + number() % world.loose;
	switch (b % 16) {
	case 0: return NULL;
	case 1: return (void *)-4096L;
	case 2: return (void *)0xffff888000000000UL;
	case 3: return buf + BUF - byte();
	case 4: return buf + BUF - 4096;
	case 5:
	case 6:
		if (m->bytes)
			return (char *)m->ring.hdr + number() % m->bytes;
		/* fall through */
	default: return buf + byte();
	}
}

void count(unsigned int what)
{
	__atomic_add_fetch(&done[what], 1, __ATOMIC_RELAXED);
}

long did(long ret)
{
	int err = errno;

	count(CALLS);
	return ret < 0 ? -err : ret;
}

long call(int fd, unsigned long cmd, void *arg)
{
	return did(ioctl(fd, cmd, arg));
}

void keep(long fd)
{
	if (fd < 0)
		return;
	for (int i = 0; i < FDS; i++)
		if (world.fds[i] < 0) {
			world.fds[i] = fd;
			return;
		}
	close(fd);
}
