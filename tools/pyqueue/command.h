/* SPDX-License-Identifier: MIT */
/* What the subcommands of pyqueue share. */
#ifndef COMMAND_H
#define COMMAND_H

#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <pyqueue.h>

/* Exit statuses, beside 0; the manual page documents them. */
enum {
	STATUS_ERROR = 1,
	STATUS_USAGE = 2,
	STATUS_TIMEOUT = 3, /* full or empty, at once or for as long as was allowed */
	STATUS_SHUTDOWN = 4,
};

/**
 * struct command - a subcommand
 * @name: its name
 * @summary: half a line for the list of commands
 * @help: what --help prints
 * @run: does it; argv[0] is for messages; returns the exit status
 */
struct command {
	const char *name;
	const char *summary;
	const char *help;
	int (*run)(int argc, char **argv);
};

extern const struct command create_command;
extern const struct command get_command;
extern const struct command info_command;
extern const struct command ls_command;
extern const struct command put_command;
extern const struct command rm_command;
extern const struct command shutdown_command;
extern const struct command stat_command;

/* The one that runs. */
extern const struct command *command;

/* --- command line (options.c) --- */

/* getopt_long(), and ends the program after --help and after errors. */
int next_option(int argc, char **argv, const char *shorts, const struct option *longs);

/* The only argument that is left, which is a queue's name. */
const char *name_argument(int argc, char **argv);

/* Each ends the program with a message if @text is not what it should be. */
uint64_t parse_size(const char *option, const char *text);
int64_t parse_number(const char *option, const char *text);
int64_t parse_timeout(const char *text);
mode_t parse_mode(const char *text);
struct pyq_owner parse_owner(const char *text);

/* --- messages (message.c) --- */

/* Prints what is wrong with the command line and ends the program. */
_Noreturn void usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints "pyqueue: COMMAND: " and the text. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says what @err, from libpyqueue, means for @what; returns the exit status. */
int failed(const char *what, long err);

/* Returns @status, or STATUS_ERROR with a message if not all of stdout could be written. */
int finish_output(int status);

/* --- output for people, and the same in JSON (report.c) --- */

struct report {
	bool json;
	bool comma; /* a member has been printed */
};

void report_begin(struct report *r, bool json);
void report_end(struct report *r);
/* @label: for people, with the colon; @key: for JSON */
void report_text(struct report *r, const char *label, const char *key, const char *value);
void report_unsigned(struct report *r, const char *label, const char *key, uint64_t value);
void report_signed(struct report *r, const char *label, const char *key, int64_t value);
void report_bool(struct report *r, const char *label, const char *key, bool value);

/* @text as a JSON string; bytes that are not UTF-8 become U+FFFD. */
void print_json_string(const char *text);

/* "rw-r-----" */
const char *mode_text(mode_t mode, char text[10]);
/* A name if there is one, otherwise the number. */
const char *user_text(uid_t uid, char *text, size_t size);
const char *group_text(gid_t gid, char *text, size_t size);

#endif
