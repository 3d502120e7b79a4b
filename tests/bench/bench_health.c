// SPDX-License-Identifier: GPL-2.0
/*
 * What health checks cost: N targets on loopback, each with an address of its
 * own in 127.0.0.0/8, against a server in another process. Prints one JSON
 * object: the CPU time of the checking process alone (exec: without that of its
 * programs, which are /bin/true), as a share of one core, how long it waited for
 * a CPU in all, and how late checks started. HANGING percent of the targets
 * accept and never answer (http and https; a TCP check is content with that,
 * exec has no servers).
 *
 *	bench_health tcp|http|https|exec TARGETS INTERVAL_S SECONDS [HANGING]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cpu_wait.h"
#include "health/health.h"

struct bench {
	const char *type;
	enum config_check_type kind;
	size_t targets;
	double interval, seconds, hanging;
	uv_loop_t loop;
	uv_timer_t sample, end;
	struct health *health;
	double *late; /* samples, seconds */
	size_t n_late, max_late;
	struct rusage usage; /* at the start of the measurement */
	uint64_t start_ns, checks;
	double waited; /* for a CPU, seconds, at the start of the measurement */
};

/* --- the server ------------------------------------------------------------ */

/* On all of 127.0.0.0/8, and on nothing but loopback. */
static int listen_on_loopback(uint16_t *port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", sizeof("lo")) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4096) ||
	    getsockname(fd, (struct sockaddr *)&addr, &len))
		return -errno;
	*port = ntohs(addr.sin_port);
	return fd;
}

static void serve_new(int epoll, int listener)
{
	struct epoll_event event = { .events = EPOLLIN };

	while ((event.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event))
			close(event.data.fd);
	}
}

/* By the address that was asked: the targets' are consecutive. */
static bool hangs(int fd, double hanging)
{
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	return !getsockname(fd, (struct sockaddr *)&addr, &len) &&
	       ntohl(addr.sin_addr.s_addr) % 100 < hanging;
}

static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n";

static void serve_one(int fd, double hanging)
{
	char request[4096];

	if (recv(fd, request, sizeof(request), 0) > 0) {
		if (hanging > 0 && hangs(fd, hanging))
			return; /* until it is reset */
		send(fd, reply, sizeof(reply) - 1, MSG_NOSIGNAL);
	}
	close(fd);
}

/* --- the server with TLS: a handshake is several steps, each when its bytes are there --- */

static SSL_CTX *tls;
static SSL *sessions[1 << 20]; /* by descriptor */

static bool tls_open(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 90 * 86400);
	X509_set_pubkey(cert, key);
	tls = SSL_CTX_new(TLS_server_method());
	return tls && X509_sign(cert, key, EVP_sha256()) > 0 &&
	       SSL_CTX_use_certificate(tls, cert) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1;
}

static void tls_end(int fd)
{
	SSL_free(sessions[fd]);
	sessions[fd] = NULL;
	close(fd);
}

static void serve_tls(int fd, double hanging)
{
	char request[4096];
	int n;

	if (hanging > 0 && hangs(fd, hanging)) {
		serve_one(fd, hanging);
		return;
	}
	if (!sessions[fd]) {
		sessions[fd] = SSL_new(tls);
		SSL_set_fd(sessions[fd], fd);
		SSL_set_accept_state(sessions[fd]);
	}
	n = SSL_read(sessions[fd], request, sizeof(request));
	if (n <= 0 && SSL_get_error(sessions[fd], n) == SSL_ERROR_WANT_READ)
		return;
	if (n > 0)
		SSL_write(sessions[fd], reply, sizeof(reply) - 1);
	tls_end(fd);
}

static void serve(int listener, double hanging)
{
	struct epoll_event events[256] = { { .events = EPOLLIN, .data.fd = listener } };
	int epoll = epoll_create1(0);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &events[0]))
		_exit(1);
	for (;;) {
		int n = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < n; i++) {
			if (events[i].data.fd == listener)
				serve_new(epoll, listener);
			else if (tls)
				serve_tls(events[i].data.fd, hanging);
			else
				serve_one(events[i].data.fd, hanging);
		}
	}
}

/* --- the measurement ------------------------------------------------------- */

static void on_changed(void *arg, uint32_t backend, bool up, const char *why)
{
	(void)arg;
	if (!up && !strncmp(why, "timed out", strlen("timed out")))
		return; /* counted in the report */
	fprintf(stderr, "bench_health: backend %u is %s: %s\n", backend, up ? "up" : "down", why);
}

static uint64_t count_checks(const struct bench *bench)
{
	struct health_status status;
	uint64_t checks = 0;

	for (uint32_t i = 1; i <= bench->targets; i++) {
		if (!health_status(bench->health, i, &status))
			checks += status.checks;
	}
	return checks;
}

static size_t count_down(const struct bench *bench)
{
	struct health_status status;
	size_t down = 0;

	for (uint32_t i = 1; i <= bench->targets; i++)
		down += !health_status(bench->health, i, &status) && !status.up;
	return down;
}

/* Once an interval, so that each check is seen about once. */
static void on_sample(uv_timer_t *timer)
{
	struct bench *bench = timer->data;
	struct health_status status;

	for (uint32_t i = 1; i <= bench->targets && bench->n_late < bench->max_late; i++) {
		if (!health_status(bench->health, i, &status))
			bench->late[bench->n_late++] = status.late_s;
	}
}

static double cpu_seconds(const struct rusage *usage)
{
	return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
	       (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double late_ms(const struct bench *bench, double quantile)
{
	if (!bench->n_late)
		return 0;
	return bench->late[(size_t)(quantile * (double)(bench->n_late - 1))] * 1e3;
}

static void report(struct bench *bench)
{
	double seconds = (double)(uv_hrtime() - bench->start_ns) / 1e9;
	uint64_t checks = count_checks(bench) - bench->checks;
	struct rusage usage;
	double cpu;
	json_t *json;

	getrusage(RUSAGE_SELF, &usage);
	cpu = cpu_seconds(&usage) - cpu_seconds(&bench->usage);
	qsort(bench->late, bench->n_late, sizeof(double), compare_double);
	json = json_pack(
		"{s:s, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I}",
		"type", bench->type, "targets", (json_int_t)bench->targets, "interval_s",
		bench->interval, "hanging_percent", bench->hanging, "seconds", seconds,
		"checks_per_s", (double)checks / seconds, "cpu_percent", cpu / seconds * 100,
		"cpu_waited_percent", (cpu_waited() - bench->waited) / seconds * 100,
		"cpu_us_per_check", cpu / (double)checks * 1e6, "late_median_ms",
		late_ms(bench, 0.5), "late_99_ms", late_ms(bench, 0.99), "late_999_ms",
		late_ms(bench, 0.999), "late_max_ms", late_ms(bench, 1), "rss_mib",
		(double)usage.ru_maxrss / 1024, "down", (json_int_t)count_down(bench));
	json_dumpf(json, stdout, JSON_REAL_PRECISION(4));
	putchar('\n');
	json_decref(json);
}

static void on_end(uv_timer_t *timer)
{
	struct bench *bench = timer->data;

	report(bench);
	health_close(&bench->health);
	uv_close((uv_handle_t *)&bench->sample, NULL);
	uv_close((uv_handle_t *)&bench->end, NULL);
}

/* Two intervals after the start: every target has been checked. */
static void on_warm(uv_timer_t *timer)
{
	struct bench *bench = timer->data;

	bench->start_ns = uv_hrtime();
	bench->checks = count_checks(bench);
	getrusage(RUSAGE_SELF, &bench->usage);
	bench->waited = cpu_waited();
	uv_timer_start(&bench->sample, on_sample, (uint64_t)(bench->interval * 1e3),
		       (uint64_t)(bench->interval * 1e3));
	uv_timer_start(&bench->end, on_end, (uint64_t)(bench->seconds * 1e3), 0);
}

static int set_targets(struct bench *bench, uint16_t port)
{
	static char path[] = "/health", program[] = "/bin/true";
	char *command[] = { program, NULL };
	struct config_status_range expect = { 200, 399 };
	struct config_check check = {
		.type = bench->kind,
		.command = command,
		.n_command = 1,
		.path = path,
		.expect = &expect,
		.n_expect = 1,
		.interval = bench->interval,
		.timeout = bench->interval / 2,
		.rise = 2,
		.fall = 3,
	};
	struct health_target *targets = calloc(bench->targets, sizeof(*targets));
	int err;

	if (!targets)
		return -ENOMEM;
	for (uint32_t i = 0; i < bench->targets; i++) {
		targets[i] = (struct health_target) {
			.backend = i + 1, .port = port, .check = &check, .initially_up = true
		};
		targets[i].address.b[10] = targets[i].address.b[11] = 0xff;
		targets[i].address.w[3] = htonl(INADDR_LOOPBACK + i + 1);
	}
	err = health_set(bench->health, targets, bench->targets);
	free(targets);
	return err;
}

static int measure(struct bench *bench, uint16_t port)
{
	struct lp_err err;
	int code;

	bench->max_late = bench->targets * (size_t)(bench->seconds / bench->interval + 1);
	bench->late = calloc(bench->max_late, sizeof(double));
	if (!bench->late)
		return -ENOMEM;
	uv_loop_init(&bench->loop);
	uv_timer_init(&bench->loop, &bench->sample);
	uv_timer_init(&bench->loop, &bench->end);
	bench->sample.data = bench->end.data = bench;
	code = health_open(&bench->loop, on_changed, bench, &bench->health, &err);
	if (!code)
		code = set_targets(bench, port);
	if (!code) {
		uv_timer_start(&bench->end, on_warm, (uint64_t)(bench->interval * 2e3), 0);
		uv_run(&bench->loop, UV_RUN_DEFAULT);
		uv_loop_close(&bench->loop);
	}
	free(bench->late);
	return code;
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static bool number(const char *text, double least, double most, double *out)
{
	char *end;

	*out = strtod(text, &end);
	return end != text && !*end && *out >= least && *out <= most;
}

static bool parse_type(const char *text, enum config_check_type *kind)
{
	static const char *const names[] = {
		[CONFIG_CHECK_TCP] = "tcp",
		[CONFIG_CHECK_HTTP] = "http",
		[CONFIG_CHECK_HTTPS] = "https",
		[CONFIG_CHECK_EXEC] = "exec",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			*kind = (enum config_check_type)i;
			return true;
		}
	}
	return false;
}

static bool parse_arguments(char **argv, struct bench *bench)
{
	double targets;

	bench->type = argv[1];
	if (argv[5] && !number(argv[5], 0, 100, &bench->hanging))
		return false;
	if (!parse_type(argv[1], &bench->kind) || !number(argv[2], 1, LP_BACKENDS_MAX, &targets) ||
	    !number(argv[3], 0.01, 3600, &bench->interval) ||
	    !number(argv[4], 0.01, 3600, &bench->seconds))
		return false;
	bench->targets = (size_t)targets;
	return true;
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };
	uint16_t port = 0;
	int listener, code;
	pid_t server;

	if (argc < 5 || argc > 6 || !parse_arguments(argv, &bench)) {
		fprintf(stderr,
			"usage: bench_health tcp|http|https|exec TARGETS INTERVAL_S SECONDS [HANGING]\n");
		return 2;
	}
	raise_descriptor_limit();
	listener = listen_on_loopback(&port);
	if (listener < 0) {
		fprintf(stderr, "bench_health: cannot listen: %s\n", strerror(-listener));
		return 1;
	}
	if (bench.kind == CONFIG_CHECK_HTTPS && !tls_open()) {
		fprintf(stderr, "bench_health: no TLS server\n");
		return 1;
	}
	server = fork();
	if (!server)
		serve(listener, bench.hanging);
	close(listener);
	if (server < 0)
		return 1;
	code = measure(&bench, port);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	if (code)
		fprintf(stderr, "bench_health: %s\n", strerror(-code));
	return code ? 1 : 0;
}
