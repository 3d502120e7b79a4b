// SPDX-License-Identifier: GPL-2.0
#include "lib/parse.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "lib/addr.h"

/* Number of the `len` characters at `text`, which must all be digits. */
static int parse_digits(const char *text, size_t len, uint64_t *out)
{
	uint64_t value = 0;

	if (!len || (len > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return -EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned int digit = (unsigned int)(text[i] - '0');

		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			return -ERANGE;
	}
	*out = value;
	return 0;
}

static int parse_bounded(const char *text, size_t len, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value;
	int ret;

	ret = parse_digits(text, len, &value);
	if (ret)
		return ret;
	if (value < min || value > max)
		return -ERANGE;
	*out = value;
	return 0;
}

int lp_parse_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	return parse_bounded(text, strlen(text), min, max, out);
}

int lp_parse_u32(const char *text, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t value;
	int ret;

	ret = lp_parse_u64(text, min, max, &value);
	if (!ret)
		*out = (uint32_t)value;
	return ret;
}

int lp_parse_port(const char *text, uint16_t *port)
{
	uint32_t value;
	int ret;

	ret = lp_parse_u32(text, 1, UINT16_MAX, &value);
	if (!ret)
		*port = (uint16_t)value;
	return ret;
}

int lp_parse_range(const char *text, uint32_t min, uint32_t max, uint32_t *first, uint32_t *last)
{
	const char *dash = strchr(text, '-');
	const char *second = dash ? dash + 1 : text;
	size_t len = dash ? (size_t)(dash - text) : strlen(text);
	uint64_t from, to;
	int from_ret, to_ret;

	/* The form is checked on both sides before the bounds on either. */
	from_ret = parse_bounded(text, len, min, max, &from);
	to_ret = lp_parse_u64(second, min, max, &to);
	if (from_ret == -EINVAL || to_ret == -EINVAL)
		return -EINVAL;
	if (from_ret || to_ret || from > to)
		return -ERANGE;
	*first = (uint32_t)from;
	*last = (uint32_t)to;
	return 0;
}

int lp_parse_port_range(const char *text, uint16_t *first, uint16_t *last)
{
	uint32_t from, to;
	int ret;

	ret = lp_parse_range(text, 1, UINT16_MAX, &from, &to);
	if (ret)
		return ret;
	*first = (uint16_t)from;
	*last = (uint16_t)to;
	return 0;
}

/* Seconds of a unit's name, 0 if there is no such unit. */
static double unit_seconds(const char *unit)
{
	static const struct {
		char name[3];
		double seconds;
	} units[] = {
		{ "ms", 1e-3 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (!strcmp(units[i].name, unit))
			return units[i].seconds;
	}
	return 0;
}

int lp_parse_duration(const char *text, double *seconds)
{
	size_t digits = strspn(text, "0123456789");
	double unit = unit_seconds(text + digits);
	uint64_t count;
	int ret;

	if (unit <= 0)
		return -EINVAL;
	/* Up to 2^53 a double holds every whole number. */
	ret = parse_bounded(text, digits, 0, (uint64_t)1 << 53, &count);
	if (ret)
		return ret;
	/* 1500ms is 1500 / 1000: exactly rounded, which 1500 * 0.001 is not. */
	*seconds = unit < 1 ? (double)count / 1000 : (double)count * unit;
	return 0;
}

#define FRACTION_DIGITS 4
#define FRACTION_UNITS  10000ul /* of a per cent */

/* The digits after a point as FRACTION_UNITS; leading zeros count here. */
static int parse_fraction(const char *text, size_t len, uint64_t *units)
{
	*units = 0;
	if (!len || len > FRACTION_DIGITS || strspn(text, "0123456789") < len)
		return -EINVAL;
	for (size_t i = 0; i < FRACTION_DIGITS; i++)
		*units = *units * 10 + (i < len ? (unsigned int)(text[i] - '0') : 0);
	return 0;
}

int lp_parse_percent(const char *text, double *share)
{
	size_t len = strlen(text), whole = strspn(text, "0123456789");
	uint64_t percent, units = 0;
	int ret;

	if (!len || text[len - 1] != '%')
		return -EINVAL;
	if (whole < len - 1 &&
	    (text[whole] != '.' || parse_fraction(text + whole + 1, len - 2 - whole, &units)))
		return -EINVAL;
	ret = parse_bounded(text, whole, 0, 100, &percent);
	if (ret)
		return ret;
	if (percent * FRACTION_UNITS + units > 100 * FRACTION_UNITS)
		return -ERANGE;
	*share = (double)(percent * FRACTION_UNITS + units) / (100.0 * FRACTION_UNITS);
	return 0;
}

/* Is any bit of addr to the right of mask set? */
static bool has_host_bits(const struct lp_addr *addr, const struct lp_addr *mask)
{
	for (size_t i = 0; i < sizeof(addr->b); i++) {
		if (addr->b[i] & ~mask->b[i])
			return true;
	}
	return false;
}

int lp_parse_prefix(const char *text, struct lp_addr *addr, unsigned int *bits)
{
	size_t len = strcspn(text, "/");
	struct lp_addr base, mask;
	char host[LP_ADDR_TEXT];
	uint32_t length, max;
	int ret;

	if (len >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, len);
	host[len] = '\0';
	if (lp_addr_parse(host, &base))
		return -EINVAL;
	max = lp_addr_is_v6(&base) ? 128 : 32;
	length = max;
	if (text[len]) {
		ret = lp_parse_u32(text + len + 1, 0, max, &length);
		if (ret)
			return ret;
	}
	lp_addr_mask(&mask, length, lp_addr_is_v6(&base));
	if (has_host_bits(&base, &mask))
		return -ERANGE;
	*addr = base;
	*bits = length;
	return 0;
}
