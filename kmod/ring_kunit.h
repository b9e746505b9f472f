/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words of ring_cases_*.h, which are kselftest_harness.h's, as KUnit has them: each
 * fixture is a suite of its own, its variants are parameters.
 */
#ifndef PYQUEUE_RING_KUNIT_H
#define PYQUEUE_RING_KUNIT_H

#include <kunit/test.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#define case_load(p) smp_load_acquire(p) /* alone: pairs with nothing */
#define case_alloc(bytes) kvzalloc(bytes, GFP_KERNEL)
#define case_free(p) kvfree(p)
/* In the thread of the case: the rest of it is left out. */
#define case_stop() KUNIT_ASSERT_TRUE(current->kunit_test, false)

/**
 * struct case_variant - one parameter of a suite
 * @name: of the variant
 * @value: what FIXTURE_VARIANT_ADD() says
 */
struct case_variant {
	const char *name;
	const void *value;
};

static inline void case_variant_name(const struct case_variant *variant, char *name)
{
	strscpy(name, variant->name, KUNIT_PARAM_DESC_SIZE);
}

static inline const void *case_variant_value(const struct kunit *test)
{
	const struct case_variant *variant = test->param_value;

	return variant ? variant->value : NULL;
}

#define __test_metadata kunit

#define FIXTURE(fixture) struct fixture##_fixture
#define FIXTURE_VARIANT(fixture) struct fixture##_variant
#define FIXTURE_VARIANT_ADD(fixture, variant) \
	static const struct fixture##_variant fixture##_variant_##variant =
#define VARIANT(fixture, variant) { #variant, &fixture##_variant_##variant }

#define FIXTURE_SETUP(fixture)								\
	struct fixture##_variant;							\
	static void fixture##_setup(struct kunit *_metadata, struct fixture##_fixture *self, \
				    const struct fixture##_variant *variant);		\
	static int fixture##_init(struct kunit *test)					\
	{										\
		test->priv = kunit_kzalloc(test, sizeof(struct fixture##_fixture), GFP_KERNEL); \
		if (!test->priv)							\
			return -ENOMEM;							\
		fixture##_setup(test, test->priv, case_variant_value(test));		\
		return 0;								\
	}										\
	static void fixture##_setup(struct kunit *_metadata, struct fixture##_fixture *self, \
				    const struct fixture##_variant *variant)

#define FIXTURE_TEARDOWN(fixture)							\
	static void fixture##_teardown(struct kunit *_metadata, struct fixture##_fixture *self, \
				       const struct fixture##_variant *variant);	\
	static void fixture##_exit(struct kunit *test)					\
	{										\
		if (test->priv)								\
			fixture##_teardown(test, test->priv, case_variant_value(test));	\
	}										\
	static void fixture##_teardown(struct kunit *_metadata, struct fixture##_fixture *self, \
				       const struct fixture##_variant *variant)

#define TEST_F(fixture, case)								\
	static void fixture##_##case##_body(struct kunit *_metadata,			\
					    struct fixture##_fixture *self,		\
					    const struct fixture##_variant *variant);	\
	static void fixture##_##case(struct kunit *test)				\
	{										\
		fixture##_##case##_body(test, test->priv, case_variant_value(test));	\
	}										\
	static void fixture##_##case##_body(struct kunit *_metadata,			\
					    struct fixture##_fixture *self,		\
					    const struct fixture##_variant *variant)

#define TEST(case) static void case(struct kunit *_metadata)

#define EXPECT_EQ(wanted, seen) KUNIT_EXPECT_EQ(_metadata, wanted, seen)
#define EXPECT_LT(less, more) KUNIT_EXPECT_LT(_metadata, less, more)
#define EXPECT_LE(less, more) KUNIT_EXPECT_LE(_metadata, less, more)
#define EXPECT_GT(more, less) KUNIT_EXPECT_GT(_metadata, more, less)
#define EXPECT_TRUE(seen) KUNIT_EXPECT_TRUE(_metadata, seen)
#define EXPECT_FALSE(seen) KUNIT_EXPECT_FALSE(_metadata, seen)
#define EXPECT_STREQ(wanted, seen) KUNIT_EXPECT_STREQ(_metadata, wanted, seen)
#define ASSERT_EQ(wanted, seen) KUNIT_ASSERT_EQ(_metadata, wanted, seen)
/* KUnit tells the parameter, and has no place for more. */
#define TH_LOG(text...)

#endif
