// SPDX-License-Identifier: GPL-2.0
/*
 * Each actor runs on a small stack of its own, from one step to the next. The
 * stacks are at fixed addresses (-no-pie), so that a state can be put back.
 */
#include <stdlib.h>
#include <string.h>

#include "world.h"

/* Below an actor's stack pointer: deeper than any frame of the ring's. */
#define STACK_DEAD	1024

static unsigned char stacks[ACTORS_MAX + 1][STACK_SIZE] __attribute__((__aligned__(64)));
static void *scheduler_sp;
static struct actor *running;
static script_fn *scripts[ACTORS_MAX + 1];

void stack_switch(void **save, void *to);

/* What the ABI says a call preserves, and nothing else. */
__asm__(".text\n"
	".globl stack_switch\n"
	".type stack_switch, @function\n"
	"stack_switch:\n"
	"	push %rbp\n"
	"	push %rbx\n"
	"	push %r12\n"
	"	push %r13\n"
	"	push %r14\n"
	"	push %r15\n"
	"	mov %rsp, (%rdi)\n"
	"	mov %rsi, %rsp\n"
	"	pop %r15\n"
	"	pop %r14\n"
	"	pop %r13\n"
	"	pop %r12\n"
	"	pop %rbx\n"
	"	pop %rbp\n"
	"	ret\n"
	".size stack_switch, .-stack_switch\n");

char *coroutine_stack_end(const struct actor *a)
{
	return (char *)stacks[actor_index(a)] + STACK_SIZE;
}

static void coroutine_main(void)
{
	struct actor *a = running;

	scripts[actor_index(a)](a);
	a->life = FINISHED;
	a->step = STEP_NONE;
	stack_switch(&a->sp, scheduler_sp);
	abort();
}

struct actor *actor_running(void)
{
	return running;
}

/* Run @a up to its next step. */
void coroutine_resume(struct actor *a, __u64 result)
{
	char *bottom = (char *)stacks[actor_index(a)];
	char *sp = a->sp;

	/* What was left there by other executions would make equal states differ. */
	memset(sp - bottom > STACK_DEAD ? sp - STACK_DEAD : bottom, 0,
	       sp - bottom > STACK_DEAD ? STACK_DEAD : (size_t)(sp - bottom));
	running = a;
	a->result = result;
	stack_switch(&scheduler_sp, a->sp);
	if ((char *)a->sp < bottom + STACK_DEAD)
		abort(); /* a stack too small */
	if (a->life == FINISHED) {
		a->at = NULL;
		a->a = 0;
		a->b = 0;
		a->sp = coroutine_stack_end(a);
	}
}

/* Run @script up to its first step. */
void coroutine_start(struct actor *a, script_fn *script)
{
	void **sp = (void **)coroutine_stack_end(a);

	scripts[actor_index(a)] = script;
	*--sp = NULL; /* as if called: 8 bytes off 16 at its entry */
	*--sp = (void *)coroutine_main;
	for (int i = 0; i < 6; i++)
		*--sp = NULL;
	a->sp = sp;
	a->life = ALIVE;
	coroutine_resume(a, 0);
}

/* Where an actor comes to a step: to the scheduler, and back with the result. */
__u64 take_step(enum step step, const void *at, __u64 a, __u64 b)
{
	struct actor *self = running;

	self->step = step;
	self->at = at;
	self->a = a;
	self->b = b;
	stack_switch(&self->sp, scheduler_sp);
	return self->result;
}
