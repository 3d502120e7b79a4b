// SPDX-License-Identifier: GPL-2.0
#include "core/config_yaml.h"

#include <libfyaml.h>
#include <stdlib.h>

#include "core/config_build.h"
#include "core/config_scan.h"

static int handle_events(struct config_builder *builder, struct fy_parser *parser)
{
	struct fy_event *event;
	int ret = 0;

	while (!ret && (event = fy_parser_parse(parser))) {
		ret = config_build(builder, event);
		fy_parser_event_free(parser, event);
	}
	return ret;
}

/* The first thing that libfyaml complained of; warnings count. */
static int check_diagnostics(const struct config_reader *reader, struct fy_diag *diag, bool failed)
{
	struct fy_diag_error *error;
	size_t at, line, column;
	void *cursor = NULL;

	while ((error = fy_diag_errors_iterate(diag, &cursor))) {
		if (error->type < FYET_WARNING)
			continue;
		line = error->line > 0 ? (size_t)error->line : 1;
		column = error->column > 0 ? (size_t)error->column : 1;
		at = config_position(reader->source, line, column);
		return config_fail_text(reader->source, at, at, reader->err, "not valid YAML: %s",
					error->msg);
	}
	return failed ? config_fail_text(reader->source, 0, 0, reader->err, "not valid YAML") : 0;
}

/* libfyaml writes to stderr unless told where else; what it says is collected. */
static void discard_output(struct fy_diag *diag, void *user, const char *text, size_t len)
{
	(void)diag;
	(void)user;
	(void)text;
	(void)len;
}

static struct fy_diag *create_diag(void)
{
	struct fy_diag_cfg cfg;
	struct fy_diag *diag;

	fy_diag_cfg_default(&cfg);
	cfg.fp = NULL;
	cfg.output_fn = discard_output;
	cfg.level = FYET_WARNING;
	cfg.colorize = false;
	diag = fy_diag_create(&cfg);
	if (diag)
		fy_diag_set_collect_errors(diag, true);
	return diag;
}

static int parse_events(struct config_builder *builder, struct fy_diag *diag)
{
	const struct fy_parse_cfg cfg = { .flags = FYPCF_DEFAULT_PARSE, .diag = diag };
	const struct config_source *source = builder->reader->source;
	struct fy_parser *parser;
	int ret;

	parser = fy_parser_create(&cfg);
	if (!parser)
		return config_fail_memory(builder->reader);
	if (fy_parser_set_string(parser, source->text, source->len))
		ret = config_fail_memory(builder->reader);
	else
		ret = handle_events(builder, parser);
	if (!ret)
		ret = check_diagnostics(builder->reader, diag, fy_parser_get_stream_error(parser));
	fy_parser_destroy(parser);
	return ret;
}

int config_tree_parse(const struct config_reader *reader, struct config_tree **out)
{
	struct config_builder builder = { .reader = reader };
	struct fy_diag *diag = NULL;
	int ret;

	ret = config_scan(reader);
	if (ret)
		return ret;
	builder.tree = calloc(1, sizeof(*builder.tree));
	if (builder.tree)
		diag = create_diag();
	if (!diag) {
		ret = config_fail_memory(reader);
		goto out;
	}
	ret = parse_events(&builder, diag);
	if (ret)
		goto out;
	*out = builder.tree;
	builder.tree = NULL;
out:
	fy_diag_destroy(diag);
	config_tree_free(&builder.tree);
	return ret;
}
