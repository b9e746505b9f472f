// SPDX-License-Identifier: GPL-2.0
/*
 * Mapping a queue: who does is a participant of the ring. A mapping has an owner
 * number; when it goes, whatever its end, what its owner has left in the ring is
 * settled here, by the process that is going.
 */
#include <linux/mm.h>
#include <linux/slab.h>

#include "compat.h"
#include "pyqueue.h"
#include "ring/recover.h"

/**
 * struct pyqueue_mapping - a mapping, and what may have come of it
 * @q: the queue, which the file of each vma holds
 * @mm: whose it is; NULL when it is not there any more; only to be compared
 * @owner: its owner number
 * @own: vmas of @mm: a second one for the length of an mremap() that fails
 * @vmas: all vmas: madvise(MADV_DOFORK) gives one to a child as well
 * @shared: it has
 */
struct pyqueue_mapping {
	struct pyqueue *q;
	struct mm_struct *mm;
	u16 owner;
	atomic_t own;
	refcount_t vmas;
	bool shared;
};

/* What the dead owner was about to tell the others is told by the kernel. */
static void pyqueue_owner_gone(struct pyqueue *q, u16 owner)
{
	struct pyq_op op = { .freed = false };
	s64 settled = pyq_ring_recover(&q->ring, &op, owner);

	/* Or it has found the ring broken, and did not come to tell. */
	if (settled < 0 || pyq_load(&q->ring.hdr->detour) & PYQUEUE_DETOUR_BROKEN) {
		pyqueue_break(q);
		return;
	}
	if (op.freed)
		pyqueue_tombstone_gone(q);
	if (READ_ONCE(q->drop)) /* M */
		pyqueue_drop(q);
	if (settled)
		pyqueue_wake_everybody(q);
	else
		pyqueue_wake_forgotten(q);
}

static void pyqueue_vma_open(struct vm_area_struct *vma)
{
	struct pyqueue_mapping *mapping = vma->vm_private_data;

	refcount_inc(&mapping->vmas);
	if (vma->vm_mm == READ_ONCE(mapping->mm))
		atomic_inc(&mapping->own);
	else
		WRITE_ONCE(mapping->shared, true);
}

static void pyqueue_vma_close(struct vm_area_struct *vma)
{
	struct pyqueue_mapping *mapping = vma->vm_private_data;
	struct pyqueue *q = mapping->q;
	bool last = vma->vm_mm == READ_ONCE(mapping->mm) &&
		    atomic_dec_and_test(&mapping->own);

	if (last) {
		WRITE_ONCE(mapping->mm, NULL);
		pyqueue_owner_gone(q, mapping->owner);
	}
	if (!refcount_dec_and_test(&mapping->vmas))
		return;
	/* A child may have gone on under the number, also during the walk above. */
	if (!last || READ_ONCE(mapping->shared))
		pyqueue_owner_gone(q, mapping->owner);
	ida_free(&q->owners, mapping->owner);
	atomic_dec(&q->nr_owners);
	kfree(mapping);
}

static int pyqueue_vma_may_split(struct vm_area_struct *vma, unsigned long addr)
{
	return -EINVAL;
}

static int pyqueue_vma_mremap(struct vm_area_struct *vma)
{
	return -EINVAL;
}

/*
 * All pages are there from the beginning. Without this a marker of userfaultfd (6.12) in
 * place of one that has been zapped would be a fault that is tried again for ever.
 */
static vm_fault_t pyqueue_vma_fault(struct vm_fault *fault)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct pyqueue_vm_ops = {
	.open = pyqueue_vma_open,
	.close = pyqueue_vma_close,
	.may_split = pyqueue_vma_may_split,
	.mremap = pyqueue_vma_mremap,
	.fault = pyqueue_vma_fault,
};

static struct pyqueue_mapping *pyqueue_mapping_new(struct pyqueue *q, struct mm_struct *mm)
{
	struct pyqueue_mapping *mapping = kmalloc(sizeof(*mapping), GFP_KERNEL_ACCOUNT);
	int owner;

	if (!mapping)
		return ERR_PTR(-ENOMEM);
	owner = ida_alloc_range(&q->owners, 1, PYQUEUE_OWNERS_MAX, GFP_KERNEL_ACCOUNT);
	if (owner < 0) {
		kfree(mapping);
		return ERR_PTR(owner == -ENOSPC ? -EUSERS : owner);
	}
	*mapping = (struct pyqueue_mapping){
		.q = q,
		.mm = mm,
		.owner = owner,
		.own = ATOMIC_INIT(1),
		.vmas = REFCOUNT_INIT(1),
	};
	return mapping;
}

/**
 * pyqueue_mmap() - make the caller a participant
 * @file: the queue's
 * @vma: all of the queue
 *
 * Context: Sleeps, under the caller's mmap_lock.
 * Return: 0 or an error as &struct pyqueue_owner's section has them.
 */
int pyqueue_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct pyqueue *q = file->private_data;
	unsigned long nr_pages = q->mem.nr_pages;
	struct pyqueue_mapping *mapping;
	int err;

	if (q->flags & PYQUEUE_SEALED)
		return -EPERM;
	if (!(file->f_mode & FMODE_READ) || !(file->f_mode & FMODE_WRITE))
		return -EACCES;
	if (vma->vm_flags & VM_EXEC)
		return -EPERM;
	if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff || vma_pages(vma) != nr_pages)
		return -EINVAL;

	mapping = pyqueue_mapping_new(q, vma->vm_mm);
	if (IS_ERR(mapping))
		return PTR_ERR(mapping);
	pyqueue_vma_set_flags(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
	pyqueue_vma_clear_flags(vma, VM_MAYEXEC);
	err = vm_insert_pages(vma, vma->vm_start, q->mem.pages, &nr_pages);
	if (err) {
		ida_free(&q->owners, mapping->owner);
		kfree(mapping);
		return err;
	}
	vma->vm_private_data = mapping;
	vma->vm_ops = &pyqueue_vm_ops;
	atomic_inc(&q->nr_owners);
	return 0;
}

/**
 * pyqueue_owner_of() - which owner number the caller's mapping has
 * @file: the queue's
 * @addr: an address in the mapping
 *
 * Context: Sleeps; takes the caller's mmap_lock.
 * Return: the number, -ENXIO or -EINTR.
 */
int pyqueue_owner_of(struct file *file, unsigned long addr)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	int ret = -ENXIO;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	vma = vma_lookup(mm, addr);
	if (vma && vma->vm_ops == &pyqueue_vm_ops &&
	    vma->vm_file->private_data == file->private_data)
		ret = ((struct pyqueue_mapping *)vma->vm_private_data)->owner;
	mmap_read_unlock(mm);
	return ret;
}
