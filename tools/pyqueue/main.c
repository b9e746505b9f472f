// SPDX-License-Identifier: MIT
/* pyqueue: queues from the shell. */
#include <stdio.h>
#include <string.h>

#include "command.h"

const struct command *command;

static const struct command *const commands[] = {
	&create_command, &put_command, &get_command,	  &ls_command,
	&stat_command,	 &rm_command,  &shutdown_command, &info_command,
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
	fputs("Usage: pyqueue COMMAND [OPTION...] [ARGUMENT...]\n"
	      "Bounded, blocking queues between processes, from the shell.\n\n"
	      "Commands:\n",
	      to);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\n'pyqueue COMMAND --help' says more, with an example.\n\n"
	      "Exit status:\n"
	      "  0  done\n"
	      "  1  an error\n"
	      "  2  a mistake in the command line\n"
	      "  3  the time was over, or it would have had to wait (full or empty)\n"
	      "  4  the queue is shut down\n",
	      to);
}

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

int main(int argc, char **argv)
{
	static char title[32]; /* getopt() begins its messages with argv[0] */
	const char *name = argv[1];

	if (argc < 2) {
		print_help(stderr);
		return STATUS_USAGE;
	}
	if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
		print_help(stdout);
		return finish_output(0);
	}
	if (!strcmp(name, "--version") || !strcmp(name, "-V")) {
		puts("pyqueue " PYQUEUE_VERSION);
		return finish_output(0);
	}

	command = find(name);
	if (!command) {
		fprintf(stderr, "pyqueue: there is no command '%s'; 'pyqueue --help' lists them\n",
			name);
		return STATUS_USAGE;
	}
	snprintf(title, sizeof(title), "pyqueue: %s", command->name);
	argv[1] = title;
	return finish_output(command->run(argc - 1, argv + 1));
}
