// SPDX-License-Identifier: MIT
/* Output for people, and the same in JSON. */
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "command.h"

/* Bytes of the UTF-8 character at @s, 0 if there is none. */
static size_t utf8_len(const unsigned char *s)
{
	/* Second bytes that would make the character too long, a surrogate or too large. */
	unsigned char low = s[0] == 0xe0 ? 0xa0 : s[0] == 0xf0 ? 0x90 : 0x80;
	unsigned char high = s[0] == 0xed ? 0x9f : s[0] == 0xf4 ? 0x8f : 0xbf;
	size_t len = s[0] < 0x80 ? 1 :
		     s[0] < 0xc2 ? 0 :
		     s[0] < 0xe0 ? 2 :
		     s[0] < 0xf0 ? 3 :
		     s[0] < 0xf5 ? 4 :
				   0;

	if (len > 1 && (s[1] < low || s[1] > high))
		return 0;
	for (size_t i = 2; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return len;
}

void print_json_string(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	putchar('"');
	while (*s) {
		size_t len = utf8_len(s);

		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if (*s < ' ')
			printf("\\u%04x", *s);
		else if (len)
			fwrite(s, 1, len, stdout);
		else
			fputs("\\ufffd", stdout);
		s += len ? len : 1;
	}
	putchar('"');
}

void report_begin(struct report *r, bool json)
{
	*r = (struct report){ .json = json };
	if (json)
		putchar('{');
}

void report_end(struct report *r)
{
	if (r->json)
		puts("}");
}

static void member(struct report *r, const char *label, const char *key)
{
	if (!r->json) {
		printf("%-17s ", label);
		return;
	}
	printf("%s\"%s\": ", r->comma ? ", " : "", key);
	r->comma = true;
}

static void member_end(const struct report *r)
{
	if (!r->json)
		putchar('\n');
}

void report_text(struct report *r, const char *label, const char *key, const char *value)
{
	member(r, label, key);
	if (r->json)
		print_json_string(value);
	else
		fputs(value, stdout);
	member_end(r);
}

void report_unsigned(struct report *r, const char *label, const char *key, uint64_t value)
{
	member(r, label, key);
	printf("%" PRIu64, value);
	member_end(r);
}

void report_signed(struct report *r, const char *label, const char *key, int64_t value)
{
	member(r, label, key);
	printf("%" PRId64, value);
	member_end(r);
}

void report_bool(struct report *r, const char *label, const char *key, bool value)
{
	member(r, label, key);
	if (r->json)
		fputs(value ? "true" : "false", stdout);
	else
		fputs(value ? "yes" : "no", stdout);
	member_end(r);
}

const char *mode_text(mode_t mode, char text[10])
{
	for (int i = 0; i < 9; i++)
		text[i] = mode >> (8 - i) & 1 ? "rwx"[i % 3] : '-';
	text[9] = '\0';
	return text;
}

const char *user_text(uid_t uid, char *text, size_t size)
{
	const struct passwd *entry = getpwuid(uid);

	if (entry)
		snprintf(text, size, "%s", entry->pw_name);
	else
		snprintf(text, size, "%u", (unsigned int)uid);
	return text;
}

const char *group_text(gid_t gid, char *text, size_t size)
{
	const struct group *entry = getgrgid(gid);

	if (entry)
		snprintf(text, size, "%s", entry->gr_name);
	else
		snprintf(text, size, "%u", (unsigned int)gid);
	return text;
}
