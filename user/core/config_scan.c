// SPDX-License-Identifier: GPL-2.0
#include "core/config_scan.h"

#include <stdint.h>
#include <string.h>

#include "core/config.h"
#include "core/config_yaml.h"

/* Length of the valid UTF-8 character at s (RFC 3629 section 4), 0 if there is none. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
	static const struct {
		unsigned char mask, lead, size;
		uint32_t min;
	} forms[] = {
		{ 0x80, 0x00, 1, 0 },
		{ 0xe0, 0xc0, 2, 0x80 },
		{ 0xf0, 0xe0, 3, 0x800 },
		{ 0xf8, 0xf0, 4, 0x10000 },
	};

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		uint32_t c = s[0] & (unsigned char)~forms[f].mask;

		if ((s[0] & forms[f].mask) != forms[f].lead)
			continue;
		if (len < forms[f].size)
			return 0;
		for (size_t i = 1; i < forms[f].size; i++) {
			if ((s[i] & 0xc0) != 0x80)
				return 0;
			c = c << 6 | (s[i] & 0x3f);
		}
		if (c < forms[f].min || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return 0;
		return forms[f].size;
	}
	return 0;
}

size_t config_utf8_valid(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len) {
		size_t n = utf8_length((const unsigned char *)text + i, len - i);

		if (!n)
			break;
		i += n;
	}
	return i;
}

/* First byte that no YAML text may contain (YAML 1.2.2 section 5.1), or len. */
static size_t find_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return i;
	}
	return len;
}

int config_scan(const struct config_reader *reader)
{
	const struct config_source *source = reader->source;
	size_t at;

	if (source->len > CONFIG_TEXT_MAX)
		return config_fail_text(source, 0, 0, reader->err,
					"the file is too large; allowed: at most %u bytes",
					CONFIG_TEXT_MAX);
	at = find_control(source->text, source->len);
	if (at < source->len)
		return config_fail_text(source, at, at + 1, reader->err, "control character 0x%02x",
					(unsigned int)(unsigned char)source->text[at]);
	at = config_utf8_valid(source->text, source->len);
	if (at < source->len)
		return config_fail_text(source, at, at + 1, reader->err,
					"byte 0x%02x is not valid UTF-8",
					(unsigned int)(unsigned char)source->text[at]);
	return 0;
}
