// SPDX-License-Identifier: GPL-2.0
#include "clocked.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <limpet/abi.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/model.skel.h"
#include "common/second_program.h"
#include "core/config.h"
#include "core/desired.h"
#include "core/engine.h"
#include "core/slot_state.h"

#define PIN_DIR "/sys/fs/bpf/limpet-bench-clocked"

/* Both clocks begin somewhere. */
#define MONO_BEGIN 100000u
#define WALL_BEGIN 1700000000ull

#define VIP 0xc6336401 /* 198.51.100.1 */

struct clocked {
	struct dp *dp;
	struct engine engine;
	struct config *config;
	struct model_bpf *skel;
	uint32_t seconds; /* since it was opened */
};

static struct engine_time time_of(const struct clocked *clocked)
{
	return (struct engine_time) {
		.mono = MONO_BEGIN + clocked->seconds,
		.wall = WALL_BEGIN + clocked->seconds,
	};
}

uint32_t clocked_now(const struct clocked *clocked)
{
	return time_of(clocked).mono;
}

/* --- configuration ------------------------------------------------------------------ */

static int write_config(FILE *out, uint32_t backends)
{
	fprintf(out, "seed: bench\ninterfaces: [{name: lo}]\npools:\n  p:\n    backends:\n");
	for (uint32_t i = 1; i <= backends; i++)
		fprintf(out, "      - {name: b%u, address: 10.1.%u.%u}\n", i, i >> 8, i & 0xff);
	fprintf(out,
		"vips:\n  v: {addresses: [198.51.100.1], ports: [443], pool: p, forward: dsr,\n"
		"      affinity: {mode: tcp}}\n");
	return ferror(out) ? -ENOMEM : 0;
}

static int make_config(uint32_t backends, struct config **config, struct lp_err *err)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int ret;

	if (!out)
		return lp_err(err, -ENOMEM, "out of memory");
	ret = write_config(out, backends);
	if (fclose(out) || ret) {
		free(text);
		return lp_err(err, -ENOMEM, "out of memory");
	}
	ret = config_parse("bench.yaml", text, len, config, err);
	free(text);
	return ret;
}

/* The way to a backend tells its number by its MAC address. */
static void find_hops(struct clocked *clocked)
{
	for (size_t i = 0; i < clocked->engine.runtime.n_backends; i++) {
		struct runtime_backend *backend = &clocked->engine.runtime.backends[i];

		backend->hop = (struct lp_hop) {
			.ifindex = 1, /* the loopback device, where program runs come in */
			.mtu = 1500,
			.dst = { 2, 0, 0, 0, (uint8_t)(backend->number >> 8),
				 (uint8_t)backend->number },
			.src = { 2, 0, 0, 1, 0, 0 },
			.saddr = backend->address,
			.daddr = backend->address,
		};
	}
}

static int apply(struct clocked *clocked, struct config *config, struct lp_err *err)
{
	int ret = engine_assign(&clocked->engine, config, time_of(clocked), err);

	if (ret)
		return ret;
	find_hops(clocked);
	ret = engine_converge(&clocked->engine, config, true, time_of(clocked), NULL, NULL, err);
	if (!ret)
		ret = dp_publish(clocked->dp, err);
	if (!ret)
		engine_settle(&clocked->engine, time_of(clocked));
	return ret;
}

int clocked_reload(struct clocked *clocked, uint32_t backends, struct lp_err *err)
{
	struct config *config = NULL;
	int ret = make_config(backends, &config, err);

	if (!ret)
		ret = apply(clocked, config, err);
	if (ret) {
		config_free(&config);
		return ret;
	}
	config_free(&clocked->config);
	clocked->config = config;
	return 0;
}

/* --- opening ---------------------------------------------------------------------------- */

static int open_dp(struct clocked *clocked, uint32_t backends, struct lp_err *err)
{
	struct dp_bpf_options options = { .pin_dir = PIN_DIR };
	bool adopted;
	int ret = make_config(backends, &clocked->config, err);

	if (!ret)
		ret = desired_size(clocked->config, &options.size, err);
	if (ret)
		return ret;
	lp_hash_key_make(&options.key, clocked->config->seed, strlen(clocked->config->seed));
	ret = dp_bpf_open(&options, &clocked->dp, &adopted, err);
	if (!ret && engine_open(&clocked->engine, clocked->dp, &options.key, time_of(clocked)))
		ret = lp_err(err, -ENOMEM, "out of memory");
	return ret ? ret : apply(clocked, clocked->config, err);
}

static int load(struct clocked *clocked, struct lp_err *err)
{
	int ret;

	clocked->skel = model_bpf__open();
	if (!clocked->skel)
		return lp_err(err, -errno, "the walk with a clock: %s", strerror(errno));
	ret = second_prepare(clocked->dp, PIN_DIR, clocked->skel->obj);
	ret = second_loaded(ret ? ret : model_bpf__load(clocked->skel), err);
	if (!ret)
		clocked->skel->bss->model_now = clocked_now(clocked);
	return ret;
}

int clocked_open(uint32_t backends, struct clocked **out, struct lp_err *err)
{
	struct clocked *clocked = calloc(1, sizeof(*clocked));
	int ret;

	if (!clocked)
		return lp_err(err, -ENOMEM, "out of memory");
	ret = open_dp(clocked, backends, err);
	if (!ret)
		ret = load(clocked, err);
	if (ret)
		clocked_close(&clocked);
	else
		*out = clocked;
	return ret;
}

void clocked_close(struct clocked **clocked)
{
	if (!*clocked)
		return;
	model_bpf__destroy((*clocked)->skel);
	engine_close(&(*clocked)->engine);
	if ((*clocked)->dp) {
		dp_close(&(*clocked)->dp);
		dp_bpf_destroy(PIN_DIR, NULL);
	}
	config_free(&(*clocked)->config);
	free(*clocked);
	*clocked = NULL;
}

/* --- time and packets ------------------------------------------------------------------------- */

int clocked_tick(struct clocked *clocked, struct lp_err *err)
{
	clocked->seconds++;
	clocked->skel->bss->model_now = clocked_now(clocked);
	if (!engine_tick(&clocked->engine, time_of(clocked)))
		return 0;
	return engine_converge(&clocked->engine, clocked->config, false, time_of(clocked), NULL,
			       NULL, err);
}

struct frame {
	struct ethhdr eth;
	struct iphdr ip;
	struct tcphdr tcp;
	uint8_t padding[6]; /* 60 bytes in all */
} __attribute__((packed));

static void write_frame(struct frame *frame, uint32_t connection, enum clocked_packet kind)
{
	*frame = (struct frame){
		.eth = { .h_proto = htons(ETH_P_IP) },
		.ip = {
			.version = 4,
			.ihl = 5,
			.tot_len = htons(sizeof(frame->ip) + sizeof(frame->tcp)),
			.ttl = 60,
			.protocol = IPPROTO_TCP,
			.saddr = htonl(10u << 24 | connection >> 8),
			.daddr = htonl(VIP),
		},
		.tcp = {
			.source = htons((uint16_t)(1024 + (connection & 0xff))),
			.dest = htons(443),
			.doff = 5,
			.syn = kind == CLOCKED_SYN,
			.ack = kind != CLOCKED_SYN,
			.fin = kind == CLOCKED_FIN,
		},
	};
}

int clocked_packet(struct clocked *clocked, uint32_t connection, enum clocked_packet kind)
{
	uint8_t out[sizeof(struct frame)];
	struct frame frame;
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = &frame, .data_size_in = sizeof(frame),
		    .data_out = out, .data_size_out = sizeof(out));

	write_frame(&frame, connection, kind);
	if (bpf_prog_test_run_opts(bpf_program__fd(clocked->skel->progs.model), &opts))
		return -errno;
	return opts.retval == XDP_TX ? out[4] << 8 | out[5] : 0;
}

/* --- counting ------------------------------------------------------------------------------------
 */

static uint32_t pool_of(const struct clocked *clocked)
{
	return runtime_pool(&clocked->engine.runtime, "p");
}

static void count_slots(const struct clocked *clocked, struct clocked_counts *counts)
{
	uint32_t table = dp_pool(clocked->dp, dp_active_half(clocked->dp), pool_of(clocked)).table;
	const struct lp_slot *slots = dp_slots(clocked->dp, table);

	counts->slots = LP_SLOTS;
	for (uint32_t i = 0; i < LP_SLOTS; i++) {
		counts->moving += slot_is_moving(slots[i]);
		counts->residual += !slot_is_moving(slots[i]) && !slot_is_settled(slots[i]);
	}
}

void clocked_count(const struct clocked *clocked, struct clocked_counts *counts)
{
	struct lp_record record;

	*counts = (struct clocked_counts) { 0 };
	count_slots(clocked, counts);
	for (uint32_t i = 0; i < dp_size(clocked->dp)->buckets; i++)
		for (unsigned int way = 0; way < LP_WAYS; way++)
			counts->records += dp_record(clocked->dp, i, way, &record, NULL);
}

uint32_t clocked_hold(const struct clocked *clocked)
{
	return clocked->engine.pools[pool_of(clocked)].hold;
}
