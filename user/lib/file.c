// SPDX-License-Identifier: GPL-2.0
#include "lib/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Files grow while they are read, and some have no size (pipes): read to the end. */
static int read_all(FILE *file, char **text, size_t *len)
{
	size_t room = 65536, at = 0, n;
	char *buffer = malloc(room + 1), *more;

	while (buffer && (n = fread(buffer + at, 1, room - at, file)) > 0) {
		at += n;
		if (at < room)
			continue;
		room *= 2;
		more = realloc(buffer, room + 1);
		if (!more)
			free(buffer);
		buffer = more;
	}
	if (!buffer)
		return -ENOMEM;
	if (ferror(file)) {
		free(buffer);
		return -EIO;
	}
	buffer[at] = 0;
	*text = buffer;
	*len = at;
	return 0;
}

int file_read(const char *path, char **text, size_t *len, struct lp_err *err)
{
	FILE *file = fopen(path, "re");
	int ret;

	if (!file)
		return lp_err(err, -errno, "%s: %s", path, strerror(errno));
	errno = 0;
	ret = read_all(file, text, len);
	if (ret == -EIO && errno)
		ret = -errno; /* a directory, for example */
	(void)fclose(file);   /* it was only read */
	return ret ? lp_err(err, ret, "%s: %s", path, strerror(-ret)) : 0;
}
