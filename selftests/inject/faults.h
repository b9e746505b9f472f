/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Calls that fail: what the library asks of the C library and the kernel. The linker puts
 * faults.c between (--wrap); it lets all through, until it is told which one is to fail.
 */
#ifndef FAULTS_H
#define FAULTS_H

#include <stdbool.h>
#include <stddef.h>

/* Whose calls count. */
enum fault_place {
	HERE,		 /* the test's own thread */
	IN_THREAD,	 /* threads that the library has started */
	IN_CHILD,	 /* a child: a process, or a pool's helper */
	IN_GRANDCHILD,	 /* a child's child: a pool's worker */
	FAULT_PLACES,
};

/**
 * struct fault - what fails
 * @place: among the calls there,
 * @only: of this function, or NULL: of all,
 * @nth: the how-manieth, from 1,
 * @choice: with the how-manieth of its errors, from 0
 */
struct fault {
	enum fault_place place;
	const char *only;
	unsigned int nth;
	unsigned int choice;
};

/**
 * struct strike - what has become of it
 * @name: which call has failed; "": there were not so many
 * @error: how
 * @errors: in how many ways that call can
 */
struct strike {
	char name[40];
	int error;
	unsigned int errors;
};

/* The test is this thread, though the harness has forked it. */
void faults_here(void);

/* From now on. */
void faults_arm(const struct fault *fault);

/* Has it failed by now? */
bool faults_struck(void);

/* Not any more, if that has not been already. */
struct strike faults_disarm(void);

/* Of those named in @all, with blanks between, the first that has never failed; or NULL. */
const char *faults_not_struck(const char *all);

/* Allocations, and mappings, that are this process's and have not been given back. */
long faults_allocations(void);
long faults_mappings(void);

#endif
