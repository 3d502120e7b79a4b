// SPDX-License-Identifier: GPL-2.0
#include "cli/format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DURATION_MAX 1e12 /* seconds: its microseconds fit into 63 bits */

static const char *tenths(uint64_t value, const char *unit, char *text)
{
	unsigned int rest = (unsigned int)(value % 10);

	if (rest)
		snprintf(text, CLI_NUMBER_TEXT, "%llu.%u%s", (unsigned long long)(value / 10), rest,
			 unit);
	else
		snprintf(text, CLI_NUMBER_TEXT, "%llu%s", (unsigned long long)(value / 10), unit);
	return text;
}

/* Below ten seconds: times of checks, where the first two digits matter. */
static const char *format_short(uint64_t us, char *text)
{
	if (us == 0)
		return tenths(0, "s", text);
	if (us < 1000)
		return tenths(us * 10, "us", text);
	if (us < 9950)
		return tenths((us + 50) / 100, "ms", text);
	if (us < 999500)
		return tenths((us + 500) / 1000 * 10, "ms", text);
	return tenths(us < 1000000 ? 10 : us / 100000, "s", text);
}

static const char *format_long(uint64_t seconds, char *text)
{
	static const struct {
		uint64_t seconds;
		char name;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	uint64_t rest;
	int i = 0, len;

	while (seconds < units[i].seconds)
		i++;
	len = snprintf(text, CLI_NUMBER_TEXT, "%llu%c",
		       (unsigned long long)(seconds / units[i].seconds), units[i].name);
	rest = seconds % units[i].seconds;
	if (units[i].name != 's' && rest >= units[i + 1].seconds)
		snprintf(text + len, (size_t)(CLI_NUMBER_TEXT - len), "%llu%c",
			 (unsigned long long)(rest / units[i + 1].seconds), units[i + 1].name);
	return text;
}

const char *cli_format_duration(double seconds, char *text)
{
	if (!isfinite(seconds) || seconds < 0 || seconds > DURATION_MAX) {
		snprintf(text, CLI_NUMBER_TEXT, "-");
		return text;
	}
	if (seconds < 10)
		return format_short((uint64_t)llround(seconds * 1e6), text);
	return format_long((uint64_t)seconds, text);
}

const char *cli_format_bytes(uint64_t bytes, char *text)
{
	static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
	double value = (double)bytes / 1024;
	unsigned int i = 0;

	if (bytes < 1024) {
		snprintf(text, CLI_NUMBER_TEXT, "%llu B", (unsigned long long)bytes);
		return text;
	}
	/* 1023.5 would be printed as 1024 of the smaller unit. */
	while (value >= 1023.5) {
		value /= 1024;
		i++;
	}
	snprintf(text, CLI_NUMBER_TEXT, "%.*f %s", value < 99.95 ? 1 : 0, value, units[i]);
	return text;
}

const char *cli_format_share(double fraction, char *text)
{
	if (!isfinite(fraction) || fraction < 0)
		snprintf(text, CLI_NUMBER_TEXT, "-");
	else if (fraction > 0 && fraction < 0.0005)
		snprintf(text, CLI_NUMBER_TEXT, "<0.1%%");
	else
		snprintf(text, CLI_NUMBER_TEXT, "%.1f%%", fraction * 100);
	return text;
}

char *cli_format_safe(char *text, const char *keep)
{
	for (unsigned char *p = (unsigned char *)text; *p; p++) {
		if ((*p < 0x20 || *p == 0x7f) && !strchr(keep, *p))
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = '?';
	}
	return text;
}
