// SPDX-License-Identifier: MIT
/*
 * Counts lines, words and bytes of all files below some directories, as wc does, and prints
 * the words that are there most often. A pool's workers count, a file each; if one of them
 * dies the file that it was at is counted again.
 */
#include <ctype.h>
#include <errno.h>
#include <fts.h>
#include <getopt.h>
#include <pyqueue.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char usage[] =
	"Usage: wordcount [OPTION...] [PATH...]\n"
	"Lines, words and bytes of all files below PATH (.), and the most frequent words.\n"
	"\n"
	"  -j N    workers (default: as many as there are processors)\n"
	"  -n N    how many words to print (default 10)\n"
	"  -r N    how often a file is counted again whose worker has died (default 3)\n"
	"  --help  this text\n"
	"\n"
	"Exit status: 0, 1 if a file could not be read, 2 for a wrong option.\n";

/* Of a file, or of all of them; the tree has the different words, for tsearch(3). */
struct counts {
	uint64_t lines, words, bytes, different;
	void *tree;
};

struct word {
	uint64_t count;
	const char *text; /* behind it */
};

static int complain(const char *what, const char *why)
{
	fprintf(stderr, "wordcount: %s: %s\n", what, why);
	return 1;
}

/* Also in a worker: it is replaced, and its file counted again. */
static void *checked(void *memory)
{
	if (!memory)
		exit(complain("memory", strerror(ENOMEM)));
	return memory;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(((const struct word *)a)->text, ((const struct word *)b)->text);
}

static void add_word(struct counts *counts, const char *text, uint64_t n)
{
	const struct word key = { .text = text };
	struct word **found = tfind(&key, &counts->tree, by_text), *word;

	if (found) {
		(*found)->count += n;
		return;
	}
	word = checked(malloc(sizeof(*word) + strlen(text) + 1));
	word->count = n;
	word->text = strcpy((char *)(word + 1), text);
	checked(tsearch(word, &counts->tree, by_text));
	counts->different++;
}

/* --- in a worker --------------------------------------------------------------------- */

static void count_line(struct counts *counts, char *line, ssize_t len)
{
	bool printable = false;
	char *word = NULL;

	counts->bytes += (uint64_t)len;
	counts->lines += line[len - 1] == '\n';
	for (ssize_t i = 0; i <= len; i++) {
		if (i < len && !isspace((unsigned char)line[i])) {
			word = word ? word : line + i;
			printable |= isprint((unsigned char)line[i]) != 0;
		} else if (word) {
			line[i] = '\0';
			add_word(counts, word, 1);
			/* Others are no words to wc. */
			counts->words += printable;
			printable = false;
			word = NULL;
		}
	}
}

static void write_word(const void *node, VISIT visit, void *to)
{
	const struct word *word = *(const struct word *const *)node;

	if (visit != postorder && visit != leaf)
		return;
	fwrite(&word->count, sizeof(word->count), 1, to);
	fwrite(word->text, strlen(word->text) + 1, 1, to);
}

/* A task. Its result: counts, then for each word how often, and itself. */
static int count_file(struct pyq_call *call)
{
	FILE *file = fopen(call->arg, "re"), *to;
	struct counts counts = { 0 };
	char *line = NULL, *bytes;
	size_t size = 0, length;
	ssize_t len;
	int err;

	if (!file)
		return -errno;
	while ((len = getline(&line, &size, file)) > 0)
		count_line(&counts, line, len);
	err = ferror(file) ? -errno : 0;
	fclose(file);
	free(line);
	to = checked(open_memstream(&bytes, &length));
	fwrite(&counts, sizeof(counts), 1, to);
	twalk_r(counts.tree, write_word, to);
	if (fclose(to))
		err = -errno;
	if (!err)
		err = pyq_return(call, bytes, length);
	free(bytes);
	tdestroy(counts.tree, free);
	return err;
}

/* --- in the program ------------------------------------------------------------------ */

/* Files, and whatever else was named itself. Return: their number, in @paths. */
static size_t find_files(char **where, struct pyq_item **paths, int *status)
{
	FTS *tree = fts_open(where, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	size_t n = 0;
	FTSENT *e;

	while ((e = fts_read(checked(tree)))) {
		if (e->fts_info == FTS_F || (e->fts_info == FTS_DEFAULT && !e->fts_level)) {
			if (!(n & (n - 1)))
				*paths = checked(realloc(*paths, (n * 2 + 1) * sizeof(**paths)));
			(*paths)[n++] = (struct pyq_item){ .data = checked(strdup(e->fts_path)),
							   .len = e->fts_pathlen + 1u };
		} else if (e->fts_info == FTS_DNR || e->fts_info == FTS_NS) {
			*status = complain(e->fts_path, strerror(e->fts_errno));
		}
	}
	fts_close(tree);
	return n;
}

static void add_result(struct counts *total, const char *at, size_t len)
{
	const char *const end = at + len;
	struct counts counts;
	uint64_t n;

	memcpy(&counts, at, sizeof(counts));
	total->lines += counts.lines;
	total->words += counts.words;
	total->bytes += counts.bytes;
	for (at += sizeof(counts); at < end; at += strlen(at) + 1) {
		memcpy(&n, at, sizeof(n));
		at += sizeof(n);
		add_word(total, at, n);
	}
}

static int count_all(pyq_pool *pool, const struct pyq_items *items, struct counts *total)
{
	int status = 0, ret;
	const void *data;
	pyq_map *map;
	ssize_t len;
	size_t i;

	ret = pyq_pool_map_async(pool, count_file, items, 1, &map);
	if (ret)
		return complain("the pool", pyq_pool_strerror(ret));
	while ((ret = pyq_map_next(map, PYQ_MAP_UNORDERED, PYQ_FOREVER, &i)) == 1) {
		len = pyq_map_get(map, i, &data);
		if (len < 0)
			status = complain(items->each[i].data,
					  len == -EOWNERDEAD ? "the workers that count it die" :
							       strerror(-(int)len));
		else
			add_result(total, data, (size_t)len);
		if (isatty(STDERR_FILENO))
			fprintf(stderr, "%zu of %zu files\033[K\r", pyq_map_done(map), items->n);
	}
	if (isatty(STDERR_FILENO))
		fputs("\033[K", stderr);
	if (ret)
		status = complain("the pool", pyq_pool_strerror(ret));
	pyq_map_free(map);
	return status;
}

static void list_word(const void *node, VISIT visit, void *next)
{
	if (visit == postorder || visit == leaf)
		*(*(const struct word ***)next)++ = *(const struct word *const *)node;
}

static int by_count(const void *a, const void *b)
{
	const struct word *x = *(const struct word *const *)a;
	const struct word *y = *(const struct word *const *)b;

	return x->count == y->count ? by_text(x, y) : x->count < y->count ? 1 : -1;
}

static void print(const struct counts *total, size_t most)
{
	const struct word **words = checked(calloc(total->different + 1, sizeof(*words)));
	const struct word **next = words;

	printf("%ju %ju %ju\n", (uintmax_t)total->lines, (uintmax_t)total->words,
	       (uintmax_t)total->bytes);
	twalk_r(total->tree, list_word, &next);
	qsort(words, total->different, sizeof(*words), by_count);
	for (size_t i = 0; i < total->different && i < most; i++)
		printf("%7ju %s\n", (uintmax_t)words[i]->count, words[i]->text);
	free(words);
}

static unsigned int number(const char *text)
{
	unsigned int n;
	char end;

	if (*text == '-' || sscanf(text, "%u%c", &n, &end) != 1) {
		fprintf(stderr, "wordcount: '%s' is not a number\n", text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct pyq_pool_attr attr = { .max_retries = 3, .max_message = 32 << 20, .name = "wc" };
	char *here[] = { ".", NULL };
	struct pyq_item *paths = NULL;
	struct counts total = { 0 };
	struct pyq_pool_stat stat;
	size_t most = 10, n;
	int c, status = 0;
	pyq_pool *pool;

	while ((c = getopt_long(argc, argv, "hj:n:r:", options, NULL)) != -1) {
		if (c == 'j') {
			attr.workers = number(optarg);
		} else if (c == 'n') {
			most = number(optarg);
		} else if (c == 'r') {
			attr.max_retries = number(optarg);
		} else {
			fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 0 : 2;
		}
	}
	/* First: the workers get a copy of what the program has in memory at this moment. */
	c = pyq_pool_create(&pool, &attr);
	if (c)
		return complain("the pool", pyq_pool_strerror(c));
	n = find_files(argv[optind] ? argv + optind : here, &paths, &status);
	status |= count_all(pool, &(struct pyq_items){ .each = paths, .n = n }, &total);
	print(&total, most);
	if (!pyq_pool_stat(pool, &stat) && stat.died)
		fprintf(stderr, "wordcount: %ju workers have died, %ju files were counted again\n",
			(uintmax_t)stat.died, (uintmax_t)stat.retried);
	pyq_pool_destroy(pool);
	tdestroy(total.tree, free);
	while (n)
		free((void *)(uintptr_t)paths[--n].data);
	free(paths);
	return fflush(stdout) ? complain("standard output", strerror(errno)) : status;
}
