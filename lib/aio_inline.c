// SPDX-License-Identifier: MIT
/* The inline functions of pyq_aio as functions: for other languages, and compilers. */
#define PYQ_INLINE PYQ_API

#include "priv.h"

#include <pyqueue/aio.h>
