// SPDX-License-Identifier: MIT
/* The command line. */
#include <ctype.h>
#include <grp.h>
#include <math.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

int next_option(int argc, char **argv, const char *shorts, const struct option *longs)
{
	int c = getopt_long(argc, argv, shorts, longs, NULL);

	if (c == 'h') {
		fputs(command->help, stdout);
		exit(finish_output(0));
	}
	if (c == '?') {
		if (command == &put_command)
			fputs("A message that begins with '-' goes behind '--': pyqueue put NAME -- -1\n",
			      stderr);
		fprintf(stderr, "'pyqueue %s --help' shows the options.\n", command->name);
		exit(STATUS_USAGE);
	}
	return c;
}

const char *name_argument(int argc, char **argv)
{
	if (optind >= argc)
		usage_error("which queue? A name is missing");
	if (argc - optind > 1)
		usage_error("one name at a time: '%s' is one too many", argv[optind + 1]);
	return argv[optind];
}

int64_t parse_number(const char *option, const char *text)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (end == text || *end || errno)
		usage_error("%s takes a whole number, not '%s'", option, text);
	return value;
}

uint64_t parse_size(const char *option, const char *text)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;
	unsigned long long value;
	unsigned int shift = 0;

	errno = 0;
	value = strtoull(text, &end, 10);
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
	}
	if (!isdigit((unsigned char)*text) || *end || errno || value > UINT64_MAX >> shift)
		usage_error("%s takes a number of bytes such as 4096, 64K or 1M, not '%s'", option,
			    text);
	return (uint64_t)value << shift;
}

int64_t parse_timeout(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || isnan(seconds) || seconds < 0)
		usage_error("--timeout takes seconds such as 5 or 0.25, not '%s'", text);
	if (seconds >= 9e9) /* longer than 64 bits of nanoseconds */
		return PYQ_FOREVER;
	if (seconds > 0 && seconds < 1e-9)
		return 1;
	return PYQ_SECONDS(seconds);
}

mode_t parse_mode(const char *text)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	/* 0 would mean the default to the library. */
	if (!isdigit((unsigned char)*text) || *end || mode > 0777 || !mode)
		usage_error("--mode takes permissions in octal such as 0660, not '%s'", text);
	return (mode_t)mode;
}

/* Numbers are looked at last: a name may be made of digits. */
static unsigned int number_of(const char *kind, const char *text)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)*text) || *end || errno || value >= UINT32_MAX)
		usage_error("--owner: there is no %s '%s'", kind, text);
	return (unsigned int)value;
}

struct pyq_owner parse_owner(const char *text)
{
	struct pyq_owner owner = { .uid = (uid_t)-1, .gid = (gid_t)-1 };
	const char *colon = strchr(text, ':');
	const char *group = colon ? colon + 1 : "";
	char *user = strndup(text, colon ? (size_t)(colon - text) : strlen(text));

	if (!user) {
		failed(NULL, -ENOMEM);
		exit(STATUS_ERROR);
	}
	if (!*user && !*group)
		usage_error("--owner takes USER, USER:GROUP or :GROUP");
	if (*user) {
		const struct passwd *entry = getpwnam(user);

		owner.uid = entry ? entry->pw_uid : number_of("user", user);
	}
	if (*group) {
		const struct group *entry = getgrnam(group);

		owner.gid = entry ? entry->gr_gid : number_of("group", group);
	}
	free(user);
	return owner;
}
