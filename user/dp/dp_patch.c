// SPDX-License-Identifier: GPL-2.0
#include "dp/dp_patch.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dp/dp_bpf_internal.h"

/* libbpf's callback gets nothing to find these by. */
static struct {
	const struct bpf_map *tables;
	uint64_t values[LP_PATCH_COUNT];
} patch;

static void set_addresses(const size_t offsets[DP_MAP_COUNT])
{
#define PATCH_TABLE(name, type) patch.values[LP_TABLE_##name] = offsets[DP_MAP_##name];
	LP_TABLES(PATCH_TABLE)
#undef PATCH_TABLE
}

static void set_sizes(const struct dp_size *size, uint64_t cpus)
{
	uint64_t *values = patch.values;

	values[LP_SIZE_index] = size->index;
	values[LP_SIZE_places] = size->places;
	values[LP_SIZE_ranges] = size->ranges;
	values[LP_SIZE_pools] = size->pools;
	values[LP_SIZE_vips] = size->vips;
	values[LP_SIZE_backends] = size->backends;
	values[LP_SIZE_cpus] = cpus;
	values[LP_SIZE_all_index] = 2ull * size->index;
	values[LP_SIZE_all_places] = 2ull * size->places;
	values[LP_SIZE_all_fast] = 2ull * (size->places + LP_FAST_WINDOW);
	values[LP_SIZE_all_ranges] = 2ull * size->ranges;
	values[LP_SIZE_all_pools] = 2ull * size->pools;
	values[LP_SIZE_all_slots] = (uint64_t)size->tables * LP_SLOTS;
	values[LP_SIZE_all_vip_counts] = cpus * size->vips;
	values[LP_SIZE_all_backend_counts] = cpus * size->backends * LP_SENT_WAYS;
}

void dp_patch_begin(const struct bpf_map *tables, const struct dp_size *size, uint32_t cpus)
{
	size_t bytes[DP_MAP_COUNT], offsets[DP_MAP_COUNT];

	dp_bpf_lay_out(size, cpus, bytes, offsets);
	set_addresses(offsets);
	set_sizes(size, cpus);
	patch.tables = tables;
}

void dp_patch_end(void)
{
	patch.tables = NULL;
}

/* The 64 bits that a BPF_LD_IMM64 and its second half load. */
static uint64_t loaded(const struct bpf_insn *insn)
{
	return (uint32_t)insn[0].imm | (uint64_t)(uint32_t)insn[1].imm << 32;
}

static bool is_constant_load(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW);
}

static void write_value(struct bpf_insn *insn, uint64_t number)
{
	uint64_t value = patch.values[number];

	if (number < LP_TABLE_COUNT) {
		insn[0].src_reg = BPF_PSEUDO_MAP_VALUE;
		insn[0].imm = bpf_map__fd(patch.tables);
		insn[1].imm = (int32_t)value;
	} else {
		insn[0].imm = (int32_t)(uint32_t)value;
		insn[1].imm = (int32_t)(value >> 32);
	}
}

/* A number that stands in the instruction itself: LP_PATCH_SHORT + n. */
static bool is_short(const struct bpf_insn *insn)
{
	return (insn->code == (BPF_JMP | BPF_JGE | BPF_K) ||
		insn->code == (BPF_ALU64 | BPF_MUL | BPF_K)) &&
	       (uint32_t)insn->imm >> 16 == LP_PATCH_SHORT >> 16;
}

/* -ERANGE: it would be taken for a negative one. */
static int write_short(struct bpf_insn *insn)
{
	uint32_t number = (uint16_t)insn->imm;

	if (number < LP_TABLE_COUNT || number >= LP_PATCH_COUNT)
		return -EINVAL;
	if (patch.values[number] > INT32_MAX)
		return -ERANGE;
	insn->imm = (int32_t)patch.values[number];
	return 0;
}

static int write_values(struct bpf_insn *insns, size_t n)
{
	for (size_t i = 0; i + 1 < n; i++) {
		uint64_t value;
		int ret = is_short(&insns[i]) ? write_short(&insns[i]) : 0;

		if (ret)
			return ret;
		if (!is_constant_load(&insns[i]))
			continue;
		value = loaded(&insns[i]);
		if (!insns[i].src_reg && value >> 16 == LP_PATCH >> 16) {
			if ((value & 0xffff) >= LP_PATCH_COUNT)
				return -EINVAL;
			write_value(&insns[i], value & 0xffff);
		}
		i++; /* its second half is no instruction */
	}
	return 0;
}

static int prepare(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	size_t n = bpf_program__insn_cnt(prog);
	struct bpf_insn *insns;
	int ret;

	(void)cookie;
	if (!strcmp(bpf_program__section_name(prog), "xdp.frags"))
		opts->prog_flags |= BPF_F_XDP_HAS_FRAGS; /* libbpf's own handler is not asked */
	if (!patch.tables)
		return 0; /* a program without tables */
	insns = malloc(n * sizeof(*insns));
	if (!insns)
		return -ENOMEM;
	memcpy(insns, bpf_program__insns(prog), n * sizeof(*insns));
	ret = write_values(insns, n);
	if (!ret)
		ret = bpf_program__set_insns(prog, insns, n);
	free(insns);
	return ret;
}

int dp_patch_install(void)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = prepare);
	static bool installed;
	static const char *const sections[] = { "xdp", "xdp.frags" };

	for (size_t i = 0; i < 2 && !installed; i++) {
		int ret = libbpf_register_prog_handler(sections[i], BPF_PROG_TYPE_XDP, BPF_XDP,
						       &opts);

		if (ret < 0)
			return ret;
	}
	installed = true;
	return 0;
}
