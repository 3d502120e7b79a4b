/* SPDX-License-Identifier: GPL-2.0 */
#ifndef LIMPET_LIB_FILE_H
#define LIMPET_LIB_FILE_H

#include <stddef.h>

#include "lib/err.h"

/*
 * Reads a whole file. On success *text is the caller's (free()), *len bytes and
 * a terminating zero. -errno with words that name the file.
 */
int file_read(const char *path, char **text, size_t *len, struct lp_err *err);

#endif
