// SPDX-License-Identifier: GPL-2.0
#include "core/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/config_check.h"
#include "core/config_read.h"
#include "core/config_yaml.h"

static int read_tree(const struct config_reader *reader, const struct config_tree *tree,
		     struct config *config)
{
	int ret;

	if (!tree->root)
		return config_fail_text(reader->source, 0, 0, reader->err,
					"the file is empty; required: seed, interfaces");
	ret = config_read(reader, tree->root, config);
	if (!ret)
		ret = config_check(reader, tree->root, config);
	if (!ret)
		config_sort(config);
	return ret;
}

int config_parse(const char *name, const char *text, size_t len, struct config **out,
		 struct lp_err *err)
{
	const struct config_source source = { .name = name, .text = text, .len = len };
	const struct config_reader reader = { .source = &source, .err = err };
	struct config_tree *tree = NULL;
	struct config *config = NULL;
	int ret;

	ret = config_tree_parse(&reader, &tree);
	if (ret)
		return ret;
	config = calloc(1, sizeof(*config));
	ret = config ? read_tree(&reader, tree, config) : config_fail_memory(&reader);
	config_tree_free(&tree);
	if (ret)
		config_free(&config);
	else
		*out = config;
	return ret;
}

/* Makes room for at least one more byte than `len`. */
static int grow(char **text, size_t *size, size_t len)
{
	size_t wanted = *size ? *size * 2 : 65536;
	char *bigger;

	if (len < *size)
		return 0;
	bigger = realloc(*text, wanted);
	if (!bigger)
		return -ENOMEM;
	*text = bigger;
	*size = wanted;
	return 0;
}

/* Reads to the end, or one byte more than is allowed; works with pipes too. */
static int read_all(int fd, char **out, size_t *out_len)
{
	size_t size = 0, len = 0;
	char *text = NULL;
	ssize_t n = 1;
	int ret = 0;

	while (n && len <= CONFIG_TEXT_MAX) {
		ret = grow(&text, &size, len);
		if (ret)
			break;
		n = read(fd, text + len, size - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			ret = -errno;
			break;
		}
		len += (size_t)n;
	}
	if (ret) {
		free(text);
		return ret;
	}
	*out = text;
	*out_len = len;
	return 0;
}

int config_load(const char *path, struct config **out, struct lp_err *err)
{
	char *text = NULL;
	size_t len = 0;
	int fd, ret;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		return lp_err(err, ret, "%s: %s", path, strerror(-ret));
	}
	ret = read_all(fd, &text, &len);
	close(fd);
	if (ret)
		return lp_err(err, ret, "%s: %s", path, strerror(-ret));
	ret = config_parse(path, text, len, out, err);
	free(text);
	return ret;
}
