/* SPDX-License-Identifier: MIT */
/*
 * A pool whose helper is another program: how the two meet, on the socket that later is for
 * orders. It is all that the program inherits; the rest comes in the first message.
 *
 *	host						worker program
 *	hello, with the files		->
 *					<-		answer: an error, or how many functions
 *					<-		each of them
 */
#ifndef PYQI_POOL_EXEC_H
#define PYQI_POOL_EXEC_H

#include "pool.h"
#include "process.h"

/* Another number for each change here, or of the table and the messages in pool.h. */
#define PYQI_POOL_PROTOCOL 1
#define PYQI_POOL_MAGIC 0x6c6f6f70 /* "pool" */

/* So long the program may take to say what it can do. */
#define PYQI_POOL_MEET_NS PYQ_SECONDS(10)

#define PYQI_POOL_NAMES 4096
#define PYQI_POOL_NAME 256

enum pyqi_pool_file {
	PYQI_POOL_TASKS,
	PYQI_POOL_NEWS,
	PYQI_POOL_TABLE,
	PYQI_POOL_WAKE,
	PYQI_POOL_PARENT,
	PYQI_POOL_FILES,
};

/**
 * struct pyqi_pool_hello - what the pool is like
 * @magic: PYQI_POOL_MAGIC
 * @protocol: PYQI_POOL_PROTOCOL; the two come first whatever the number is
 * @word: bytes of a pointer
 * @most: as in struct pyqi_pool_common
 * @queue_size: of the attributes
 * @max_tasks: of the attributes
 * @max_message: of the attributes
 * @name: of the workers
 */
struct pyqi_pool_hello {
	uint32_t magic;
	uint32_t protocol;
	uint32_t word;
	uint32_t most;
	uint32_t queue_size;
	uint32_t max_tasks;
	uint64_t max_message;
	char name[16];
};

/**
 * struct pyqi_pool_answer - of the worker program
 * @magic: PYQI_POOL_MAGIC
 * @protocol: its PYQI_POOL_PROTOCOL
 * @error: 0, or what is wrong
 * @n: so many functions follow, each in a message of its own
 */
struct pyqi_pool_answer {
	uint32_t magic;
	uint32_t protocol;
	int32_t error;
	uint32_t n;
};

/**
 * struct pyqi_pool_named - a function
 * @function: where it is, in all workers; no address of the host's
 * @name: as many bytes as it takes, with the 0
 */
struct pyqi_pool_named {
	uint64_t function;
	char name[PYQI_POOL_NAME];
};

/* Memory that another program can map. Return: its fd, or -errno. */
int pyqi_pool_memfd(size_t size);

/* Start the program. @orders: its end of the socket; @parent: a pidfd of this process. */
int pyqi_pool_exec(pyq_pool *pool, int orders, int parent);

/* Learn what it can do. After an error it is being killed. */
int pyqi_pool_meet(pyq_pool *pool);

#endif
