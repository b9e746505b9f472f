/* SPDX-License-Identifier: MIT */
/* What a processor is told that waits for another. */
#ifndef PYQI_RELAX_H
#define PYQI_RELAX_H

static inline void pyqi_relax(unsigned int times)
{
	while (times--) {
#if defined(__x86_64__) || defined(__i386__)
		__builtin_ia32_pause();
#elif defined(__aarch64__)
		__asm__ __volatile__("yield");
#endif
	}
}

#endif
