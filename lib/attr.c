// SPDX-License-Identifier: MIT
/* What a new queue can be like: the rules of both backends, each with its reason. */
#include <linux/pyqueue.h>

#include "priv.h"

/* In the texts below. */
_Static_assert(PYQUEUE_MAXSIZE_MAX == 1 << 26, "2^26");
_Static_assert(PYQUEUE_PAYLOAD_MAX == 65520, "65520 bytes");
_Static_assert(PYQUEUE_MAX_MSG_MAX == 64 << 20, "64 MiB");

static int common(const struct pyq_attr *attr, const char **why)
{
	for (size_t i = 0; i < sizeof(attr->reserved) / sizeof(attr->reserved[0]); i++)
		if (attr->reserved[i])
			return pyqi_because(why, -EINVAL, "'reserved' has to be zeros");
	if (attr->flags & ~(PYQ_SEALED | PYQ_MAPPABLE | PYQ_EXCL))
		return pyqi_because(why, -EOPNOTSUPP,
				    "unknown flag: PYQ_SEALED, PYQ_MAPPABLE and PYQ_EXCL are all "
				    "that this library knows");
	if (attr->flags & PYQ_SEALED && attr->flags & PYQ_MAPPABLE)
		return pyqi_because(why, -EINVAL, "PYQ_SEALED and PYQ_MAPPABLE exclude each other");
	if (attr->maxsize > (int64_t)PYQUEUE_MAXSIZE_MAX)
		return pyqi_because(why, -EINVAL, "maxsize is at most 67108864 (2^26) messages");
	if (attr->payload > PYQUEUE_PAYLOAD_MAX)
		return pyqi_because(why, -EINVAL,
				    "payload is at most 65520 bytes: larger "
				    "messages pass all the same, up to max_msg");
	if (attr->max_msg > PYQUEUE_MAX_MSG_MAX)
		return pyqi_because(why, -EINVAL, "max_msg is at most 64 MiB");
	if (attr->mode & ~0777u)
		return pyqi_because(why, -EINVAL,
				    "mode has permissions only, as of a file: 0 to 0777, in octal");
	if (!attr->name && (attr->mode || attr->flags & PYQ_EXCL || attr->owner))
		return pyqi_because(why, -EINVAL,
				    "mode, owner and PYQ_EXCL are of a name, and there is none");
	return 0;
}

int pyqi_attr_check(const struct pyq_attr *attr, const struct pyqi_backend **backend,
		    const char **why)
{
	int err;

	*why = NULL;
	if (!attr)
		return pyqi_because(why, -EINVAL, "no attributes: at least maxsize is needed");
	err = pyqi_backend(attr->backend, backend);
	if (err && attr->backend)
		return pyqi_because(why, err, "backend is neither \"kernel\" nor \"shm\"");
	if (err)
		return pyqi_because(why, err, "PYQUEUE_BACKEND is neither kernel nor shm");
	err = common(attr, why);
	return err || !(*backend)->check ? err : (*backend)->check(attr, why);
}

int pyq_attr_check(const struct pyq_attr *attr, const char **why)
{
	const struct pyqi_backend *backend;

	return pyqi_attr_check(attr, &backend, why);
}
