/* SPDX-License-Identifier: GPL-2.0 */
/* Numbers as people read them. */
#ifndef LIMPET_CLI_FORMAT_H
#define LIMPET_CLI_FORMAT_H

#include <stdint.h>

#define CLI_NUMBER_TEXT 32 /* bytes for the functions below, terminating zero included */

/*
 * A duration in at most two units: "412us", "3.2ms", "350ms", "1.5s", "45s",
 * "2m13s", "30m", "4d2h". From 10 s on it is cut off to the smaller unit, as an
 * age is. "-" for what is no duration: below zero, not finite, or above 10^12 s.
 * Returns text.
 */
const char *cli_format_duration(double seconds, char *text);

/* Bytes in powers of 1024: "0 B", "1023 B", "1.2 GiB", "117 MiB". Returns text. */
const char *cli_format_bytes(uint64_t bytes, char *text);

/* A fraction as "33.3%"; "<0.1%" for a share that rounding would hide. Returns text. */
const char *cli_format_share(double fraction, char *text);

/*
 * Makes text from elsewhere safe for a terminal, in place: control bytes (C0,
 * DEL, and C1 in its UTF-8 form) become '?', but for those in `keep`. Returns
 * text.
 */
char *cli_format_safe(char *text, const char *keep);

#endif
