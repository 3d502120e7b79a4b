// SPDX-License-Identifier: GPL-2.0
/* limpet doctor: what would bite here, and how to fix it. */
#include <string.h>

#include "cli/cell.h"
#include "cli/client.h"
#include "cli/doctor_facts.h"
#include "cli/format.h"
#include "cli/view.h"
#include "core/doctor.h"
#include "net/host.h"

/* --- printing -------------------------------------------------------------------------- */

static enum cli_style style_of(enum doctor_severity severity)
{
	static const enum cli_style styles[] = {
		[DOCTOR_OK] = CLI_GOOD,
		[DOCTOR_NOTE] = CLI_PLAIN,
		[DOCTOR_WARNING] = CLI_WARN,
		[DOCTOR_PROBLEM] = CLI_BAD,
	};

	return styles[severity];
}

static void print_more(struct cli *cli, const char *name, const char *text)
{
	if (*text)
		cli_view_line(cli, CLI_PLAIN, "         %s: %s", name, text);
}

static void print_finding(struct cli *cli, const struct doctor_finding *finding)
{
	const char *name = doctor_severity_name(finding->severity);

	cli_style_print(cli->out, cli->colour, style_of(finding->severity), name);
	fprintf(cli->out, "%*s", (int)(9 - strlen(name)), "");
	cli_view_line(cli, finding->severity == DOCTOR_OK ? CLI_PLAIN : CLI_STRONG, "%s",
		      finding->what);
	print_more(cli, "why", finding->why);
	print_more(cli, "fix", finding->fix);
}

static void print_count(struct cli *cli, const struct doctor_report *report,
			enum doctor_severity severity, const char *between)
{
	size_t n = doctor_count(report, severity);
	bool plural = n != 1 && severity != DOCTOR_OK;

	fprintf(cli->out, "%zu %s%s%s", n, doctor_severity_name(severity), plural ? "s" : "",
		between);
}

static void print_text(struct cli *cli, const struct doctor_report *report)
{
	for (size_t i = 0; i < report->n; i++)
		print_finding(cli, &report->findings[i]);
	fputc('\n', cli->out);
	print_count(cli, report, DOCTOR_PROBLEM, ", ");
	print_count(cli, report, DOCTOR_WARNING, ", ");
	print_count(cli, report, DOCTOR_NOTE, ", ");
	print_count(cli, report, DOCTOR_OK, "\n");
}

static json_t *findings_json(const struct doctor_report *report)
{
	json_t *list = json_array();

	for (size_t i = 0; i < report->n; i++) {
		const struct doctor_finding *finding = &report->findings[i];

		json_array_append_new(list,
				      json_pack("{s:s, s:s, s:s, s:s, s:s}", "severity",
						doctor_severity_name(finding->severity), "check",
						finding->check, "what", finding->what, "why",
						finding->why, "fix", finding->fix));
	}
	return list;
}

static int print_json(struct cli *cli, const struct doctor_report *report)
{
	json_t *json = json_pack("{s:I, s:I, s:I, s:I, s:o}", "problems",
				 (json_int_t)doctor_count(report, DOCTOR_PROBLEM), "warnings",
				 (json_int_t)doctor_count(report, DOCTOR_WARNING), "notes",
				 (json_int_t)doctor_count(report, DOCTOR_NOTE), "ok",
				 (json_int_t)doctor_count(report, DOCTOR_OK), "findings",
				 findings_json(report));
	int rc;

	if (!json)
		return cli_fail(cli, "doctor", "out of memory");
	rc = cli_print_json(cli, json);
	json_decref(json);
	return rc;
}

static int print(struct cli *cli, const struct doctor_facts *facts)
{
	struct doctor_report report;
	int rc = CLI_DONE;

	if (doctor_judge(facts, &report))
		rc = cli_fail(cli, "doctor", "out of memory");
	else if (cli->json)
		rc = print_json(cli, &report);
	else
		print_text(cli, &report);
	if (!rc && doctor_count(&report, DOCTOR_PROBLEM))
		rc = CLI_FAILED;
	doctor_report_fini(&report);
	return rc;
}

/* --- asking ------------------------------------------------------------------------------ */

/* limpetd's documents; NULL, or a reference. */
struct answers {
	json_t *version, *status, *config;
};

static int ask(struct cli *cli, const char *path, json_t **answer)
{
	const struct cli_request request = { .method = "GET", .segments = { path } };

	return cli_call(cli, &request, answer);
}

static int ask_all(struct cli *cli, struct answers *answers)
{
	int rc = ask(cli, "version", &answers->version);

	if (rc)
		fprintf(cli->err, "limpet doctor --config FILE says what can be told without it\n");
	if (!rc)
		rc = ask(cli, "config", &answers->config);
	return rc ? rc : ask(cli, "status", &answers->status);
}

static void drop_all(struct answers *answers)
{
	json_decref(answers->version);
	json_decref(answers->status);
	json_decref(answers->config);
}

/* Says so if there is an error. */
static int complain(struct cli *cli, int ret, struct lp_err *err)
{
	if (!ret)
		return CLI_DONE;
	fprintf(cli->err, "%s\n", cli_format_safe(err->text, "\n\t"));
	return CLI_FAILED;
}

static int parse(struct cli *cli, const json_t *document, struct config **config)
{
	const char *text = json_string_value(json_object_get(document, "text"));
	struct lp_err err;

	if (!text)
		return cli_fail(cli, "doctor", "no \"text\" in limpetd's answer");
	return complain(
		cli,
		config_parse(cli_json_text(document, "file"), text, strlen(text), config, &err),
		&err);
}

/* --- the two ways ------------------------------------------------------------------------ */

/* Without limpetd: what the host says of a configuration. */
static int examine_file(struct cli *cli, const char *file, struct config **config,
			struct doctor_facts *facts)
{
	struct lp_err err;
	int ret = config_load(file, config, &err);

	if (!ret && doctor_facts_init(facts, *config))
		return cli_fail(cli, "doctor", "out of memory");
	if (!ret)
		ret = doctor_look(facts, 0, &err);
	return complain(cli, ret, &err);
}

static int examine_answers(struct cli *cli, const struct answers *answers, struct config **config,
			   struct doctor_facts *facts)
{
	int pid = (int)json_integer_value(json_object_get(answers->version, "pid"));
	int rc = parse(cli, answers->config, config);
	struct lp_err err;

	if (rc)
		return rc;
	if (doctor_facts_init(facts, *config))
		return cli_fail(cli, "doctor", "out of memory");
	facts->elsewhere = net_enter(pid) != 0;
	rc = complain(cli, doctor_look(facts, pid, &err), &err);
	if (!rc)
		doctor_listen(facts, answers->status);
	return rc;
}

static int examine_running(struct cli *cli, struct config **config, struct doctor_facts *facts)
{
	struct answers answers = { 0 };
	int rc = ask_all(cli, &answers);

	if (!rc)
		rc = examine_answers(cli, &answers, config, facts);
	drop_all(&answers);
	return rc;
}

static int doctor_run(struct cli *cli, char **args)
{
	struct doctor_facts facts = { 0 };
	struct config *config = NULL;
	int rc = args[0] ? examine_file(cli, args[0], &config, &facts)
			 : examine_running(cli, &config, &facts);

	if (!rc)
		rc = print(cli, &facts);
	doctor_facts_fini(&facts);
	config_free(&config);
	return rc;
}

int cmd_doctor(struct cli *cli, int argc, char **argv)
{
	static const struct cli_command command = {
		.name = "doctor",
		.options = { { .name = "--config" } },
		.run = doctor_run,
	};

	return cli_command_run(cli, &command, argv[0], argc - 1, argv + 1);
}
