// SPDX-License-Identifier: GPL-2.0
#include "health/exec_output.h"

static bool is_break(char c)
{
	return c == '\n' || c == '\r';
}

/* ASCII, whatever the locale and the signedness of char. */
static char printable(char c)
{
	if (c < ' ' || c > '~')
		return '?';
	return c;
}

/* Empty lines before the first that says something are left out. Of other bytes
 * than printable ASCII, some paint on terminals, and some would be cut in two. */
void exec_output_add(struct exec_output *output, const char *data, size_t n)
{
	output->bytes += n;
	for (size_t i = 0; i < n && !output->whole; i++) {
		char c = data[i];

		if (is_break(c)) {
			output->whole = output->len > 0;
			continue;
		}
		if (output->len < sizeof(output->line) - 1)
			output->line[output->len++] = printable(c);
	}
	output->line[output->len] = '\0';
}
