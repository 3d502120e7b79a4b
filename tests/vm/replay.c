// SPDX-License-Identifier: GPL-2.0
/*
 * replay PROGRUN RECORDING...: asks progrun, on this kernel, what another one was
 * asked on another kernel, and compares the answers: packets, verdicts and
 * counters. Recordings are what tests/prog/harness.py leaves: a request and its
 * answer in turn, a JSON document a line; {"tool": [argument, ...]} has no
 * answer, and is a command for the network namespace of progrun.
 *
 * Prints a line of TAP for each recording; ends with 1 if one differs.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/err.h"

#define ARGS_MAX    32
#define EXCERPT_MAX 700 /* of an answer that is another one, for a console */

struct line {
	char *text;
	size_t room;
};

struct player {
	pid_t pid; /* of progrun */
	FILE *to, *from;
	unsigned long answers, packets;
};

/* --- progrun ---------------------------------------------------------------- */

static void become_progrun(const char *program, const int in[2], const int out[2])
{
	dup2(in[0], STDIN_FILENO);
	dup2(out[1], STDOUT_FILENO);
	close(in[1]);
	close(out[0]);
	execl(program, program, (char *)NULL);
	fprintf(stderr, "replay: \"%s\": %s\n", program, strerror(errno));
	_exit(127);
}

static int player_open(struct player *player, const char *program)
{
	int in[2], out[2];

	if (pipe(in) || pipe(out))
		return -errno;
	*player = (struct player) { .pid = fork() };
	if (player->pid < 0)
		return -errno;
	if (!player->pid)
		become_progrun(program, in, out);
	close(in[0]);
	close(out[1]);
	player->to = fdopen(in[1], "w");
	if (player->to)
		player->from = fdopen(out[0], "r");
	return player->from ? 0 : -ENOMEM;
}

/* progrun ends with its input. */
static void player_close(struct player *player)
{
	fclose(player->to);
	fclose(player->from);
	waitpid(player->pid, NULL, 0);
}

/* --- tools ------------------------------------------------------------------- */

static void become_tool(const struct player *player, char **argv)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)player->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET))
		_exit(126);
	dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
	execvp(argv[0], argv);
	_exit(127);
}

static int run_tool(const struct player *player, const json_t *tool, struct lp_err *err)
{
	char *argv[ARGS_MAX + 1] = { NULL };
	const json_t *item;
	int status;
	pid_t pid;
	size_t i;

	json_array_foreach (tool, i, item)
		if (i < ARGS_MAX)
			argv[i] = (char *)(uintptr_t)json_string_value(item);
	if (!argv[0])
		return lp_err(err, -EINVAL, "a tool without a name");
	pid = fork();
	if (!pid)
		become_tool(player, argv);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return lp_err(err, -errno, "%s: %s", argv[0], strerror(errno));
	if (status)
		return lp_err(err, -EIO, "%s %s: failed with status 0x%x", argv[0],
			      argv[1] ? argv[1] : "", (unsigned int)status);
	return 0;
}

/* --- requests ----------------------------------------------------------------- */

/* The results one by one: the first that differs is what one wants to see. */
static int differ(const json_t *recorded, const json_t *now, struct lp_err *err)
{
	const json_t *then_list = json_object_get(recorded, "results"), *item;
	const json_t *now_list = json_object_get(now, "results");
	size_t i, at = 0;
	char *a, *b;

	json_array_foreach (then_list, i, item) {
		at = i;
		if (!json_equal(item, json_array_get(now_list, i)))
			break;
	}
	if (json_array_size(then_list) && now_list) {
		recorded = json_array_get(then_list, at);
		now = json_array_get(now_list, at);
	}
	a = json_dumps(recorded, JSON_COMPACT);
	b = json_dumps(now, JSON_COMPACT | JSON_ENCODE_ANY);
	lp_err(err, 0, "result %zu: recorded %.*s; here %.*s", at, EXCERPT_MAX, a ? a : "?",
	       EXCERPT_MAX, b ? b : "?");
	free(a);
	free(b);
	return -EBADMSG;
}

/* Asks `request` again; `recorded` is the answer that was given then. */
static int ask(struct player *player, const char *request, const char *recorded, struct line *line,
	       struct lp_err *err)
{
	json_t *then = json_loads(recorded, 0, NULL), *now = NULL;
	int ret = 0;

	if (fputs(request, player->to) < 0 || fflush(player->to) ||
	    getline(&line->text, &line->room, player->from) < 0)
		ret = lp_err(err, -EPIPE, "progrun is gone");
	if (!ret)
		now = json_loads(line->text, 0, NULL);
	if (!ret && (!then || !now))
		ret = lp_err(err, -EINVAL, "an answer is no JSON");
	if (!ret && !json_equal(then, now))
		ret = differ(then, now, err);
	player->answers++;
	player->packets += json_array_size(json_object_get(now, "results"));
	json_decref(then);
	json_decref(now);
	return ret;
}

/* One step of a recording: a tool, or a request and its answer. 1: there are no more. */
static int step(struct player *player, FILE *recording, struct line lines[3], struct lp_err *err)
{
	json_t *request;
	int ret;

	if (getline(&lines[0].text, &lines[0].room, recording) < 0)
		return 1;
	request = json_loads(lines[0].text, 0, NULL);
	if (json_object_get(request, "tool"))
		ret = run_tool(player, json_object_get(request, "tool"), err);
	else if (getline(&lines[1].text, &lines[1].room, recording) < 0)
		ret = lp_err(err, -EINVAL, "the last request has no answer");
	else
		ret = ask(player, lines[0].text, lines[1].text, &lines[2], err);
	json_decref(request);
	return ret;
}

static int replay(struct player *player, const char *path, struct lp_err *err)
{
	struct line lines[3] = { { 0 } };
	FILE *recording = fopen(path, "re");
	int ret = 0;

	if (!recording)
		return lp_err(err, -errno, "%s", strerror(errno));
	while (!ret)
		ret = step(player, recording, lines, err);
	for (int i = 0; i < 3; i++)
		free(lines[i].text);
	fclose(recording);
	if (ret == 1 && !player->packets)
		return lp_err(err, -EINVAL, "there is no packet in it");
	return ret == 1 ? 0 : ret;
}

static bool play(int number, const char *program, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct player player = { 0 };
	struct lp_err err;
	int ret = player_open(&player, program);

	if (ret)
		lp_err(&err, ret, "%s", strerror(-ret));
	else
		ret = replay(&player, path, &err);
	printf("%sok %d - replay %s: %lu packets\n", ret ? "not " : "", number,
	       slash ? slash + 1 : path, player.packets);
	if (ret)
		printf("# request %lu: %s\n", player.answers, err.text);
	fflush(stdout);
	if (player.from)
		player_close(&player);
	return !ret;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc < 3) {
		fprintf(stderr, "usage: replay PROGRUN RECORDING...\n");
		return 2;
	}
	for (int i = 2; i < argc; i++)
		failed += !play(i - 1, argv[1], argv[i]);
	return failed ? 1 : 0;
}
