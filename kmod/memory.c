// SPDX-License-Identifier: GPL-2.0
/* The pages of a ring: charged to the creator, mapped for the kernel. */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/uio.h>
#include <linux/vmalloc.h>

#include "pyqueue.h"

#define PYQUEUE_GFP (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

/**
 * pyqueue_memory_alloc() - allocate a ring's pages, zeroed
 * @mem: out
 * @bytes: how much
 *
 * Context: May sleep. The pages are charged to the caller's memory cgroup.
 * Return: 0 or -ENOMEM; then @mem holds nothing.
 */
int pyqueue_memory_alloc(struct pyqueue_memory *mem, u64 bytes)
{
	unsigned long i, n = DIV_ROUND_UP(bytes, PAGE_SIZE);

	mem->nr_pages = 0;
	mem->vaddr = NULL;
	mem->pages = kvcalloc(n, sizeof(*mem->pages), PYQUEUE_GFP);
	if (!mem->pages)
		return -ENOMEM;

	for (i = 0; i < n; i++) {
		mem->pages[i] = alloc_page(PYQUEUE_GFP | __GFP_ZERO);
		if (!mem->pages[i])
			goto fail;
		mem->nr_pages++;
		if (fatal_signal_pending(current))
			goto fail;
		cond_resched();
	}
	mem->vaddr = vmap(mem->pages, n, VM_MAP, PAGE_KERNEL);
	if (!mem->vaddr)
		goto fail;
	return 0;

fail:
	pyqueue_memory_free(mem);
	return -ENOMEM;
}

/**
 * pyqueue_memory_free() - the reverse
 * @mem: the pages
 *
 * Context: May sleep.
 */
void pyqueue_memory_free(struct pyqueue_memory *mem)
{
	unsigned long i;

	vunmap(mem->vaddr);
	for (i = 0; i < mem->nr_pages; i++) {
		__free_page(mem->pages[i]);
		cond_resched();
	}
	kvfree(mem->pages);
}

/**
 * pyqueue_memory_to_iter() - copy out of a ring
 * @mem: the ring's pages
 * @offset: from here
 * @len: so many bytes
 * @to: to there; moved on by what was copied
 *
 * Page by page rather than from the kernel's one address: a copy from a vmap
 * area makes hardened usercopy look the area up under a lock of all of them.
 *
 * Return: whether all of it was copied.
 */
bool pyqueue_memory_to_iter(const struct pyqueue_memory *mem, u64 offset, size_t len,
			    struct iov_iter *to)
{
	while (len) {
		size_t in_page = offset_in_page(offset);
		size_t n = min_t(size_t, len, PAGE_SIZE - in_page);

		if (copy_page_to_iter(mem->pages[offset >> PAGE_SHIFT], in_page, n, to) != n)
			return false;
		offset += n;
		len -= n;
	}
	return true;
}
