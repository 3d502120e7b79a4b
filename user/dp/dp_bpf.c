// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's datapath: opening, adopting, growing, publishing.
 *
 * Whatever is found pinned, a fresh copy of the program is loaded: over the
 * pinned maps if they are large enough, otherwise over new ones. An upgrade of
 * limpetd, a change of `seed` and growth are thus the same thing: a program
 * that takes the place of another through its links (dp_xdp.c).
 */
#include "dp/dp_bpf_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limpet/hash.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bpf/limpet.skel.h"
#include "dp/dp_patch.h"
#include "dp/preflight.h"
#include "lib/log.h"

enum where { TABLES, OWN };

/* `name` is the BPF map's: the arrays inside `tables` have only one between them. */
static const struct {
	const char *name;
	size_t element;
	enum where where;
} map_info[DP_MAP_COUNT] = {
#define DP_MAP_INFO(name, type, count, where) [DP_MAP_##name] = { #name, sizeof(type), where },
	DP_MAPS(DP_MAP_INFO)
#undef DP_MAP_INFO
};

/* The maps that are no arrays. */
enum trie { PROXIES, POLICY, TRIES };
static const char *const trie_names[TRIES] = { "proxies", "policy" };

static void map_counts(const struct dp_size *s, size_t c, size_t counts[DP_MAP_COUNT])
{
#define DP_MAP_SIZE(name, type, count, where) counts[DP_MAP_##name] = (size_t)(count);
	DP_MAPS(DP_MAP_SIZE)
#undef DP_MAP_SIZE
}

/* Is there a BPF map for this array? `control` stands for `tables`, being first in it. */
static bool has_map(int number)
{
	return map_info[number].where == OWN || number == DP_MAP_control;
}

static const char *map_name(int number)
{
	return number == DP_MAP_control ? "tables" : map_info[number].name;
}

static size_t whole_pages(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (bytes + page - 1) & ~(page - 1);
}

size_t dp_bpf_lay_out(const struct dp_size *size, uint32_t cpus, size_t bytes[DP_MAP_COUNT],
		      size_t offsets[DP_MAP_COUNT])
{
	size_t counts[DP_MAP_COUNT], total = 0;

	map_counts(size, cpus, counts);
	for (int i = 0; i < DP_MAP_COUNT; i++) {
		bytes[i] = whole_pages(counts[i] * map_info[i].element);
		offsets[i] = total;
		if (map_info[i].where == TABLES)
			total += bytes[i];
	}
	return total;
}

/* value_size and max_entries of the BPF map of array `number`. */
static void map_shape(const struct dp_size *size, uint32_t cpus, int number, size_t *value,
		      size_t *entries)
{
	size_t bytes[DP_MAP_COUNT], offsets[DP_MAP_COUNT], counts[DP_MAP_COUNT];
	size_t total = dp_bpf_lay_out(size, cpus, bytes, offsets);

	map_counts(size, cpus, counts);
	*value = number == DP_MAP_control ? total : map_info[number].element;
	*entries = counts[number];
}

/* What libbpf has to say, the verifier's log included, a line each. */
static int print_libbpf(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text = NULL, *rest, *line;

	if (level == LIBBPF_DEBUG || vasprintf(&text, fmt, ap) < 0)
		return 0;
	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		lp_debug("libbpf: %s", line);
	free(text);
	return 0;
}

int dp_bpf_explain(struct lp_err *err, int ret, const char *what)
{
	const char *hint = "";

	if (ret == -EPERM)
		hint = " (capabilities, or locked memory: see `ulimit -l` and kernel lockdown)";
	else if (ret == -ENOMEM || ret == -E2BIG)
		hint = " (memory for the maps; see the cgroup's limit)";
	else if (ret == -EINVAL || ret == -EACCES)
		hint = " (run limpetd with --log-level debug for the verifier's words)";
	return lp_err(err, ret, "%s: %s%s", what, strerror(-ret), hint);
}

/* --- maps ------------------------------------------------------------------ */

static int mmap_bytes(int fd, size_t bytes, void **at)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*at = memory;
	return 0;
}

/* The arrays' pointers, in the order of DP_MAPS. */
static void list_pointers(struct dp_maps *maps, void **pointers[DP_MAP_COUNT])
{
#define DP_MAP_LIST(name, type, count, where) pointers[DP_MAP_##name] = (void **)&maps->name;
	DP_MAPS(DP_MAP_LIST)
#undef DP_MAP_LIST
}

static void maps_unmap(struct dp_bpf *bpf)
{
	void **pointers[DP_MAP_COUNT];

	list_pointers(&bpf->dp.maps, pointers);
	for (int i = 0; i < DP_MAP_COUNT; i++) {
		if (*pointers[i] && has_map(i))
			munmap(*pointers[i], bpf->map_bytes[i]);
		*pointers[i] = NULL;
	}
}

/* Maps all of them into memory; fds[] in the order of DP_MAPS, where there is a map. */
static int maps_mmap(struct dp_bpf *bpf, const int fds[DP_MAP_COUNT])
{
	size_t offsets[DP_MAP_COUNT];
	void **pointers[DP_MAP_COUNT];
	size_t total = dp_bpf_lay_out(&bpf->dp.size, bpf->dp.cpus, bpf->map_bytes, offsets);
	int ret = 0;

	bpf->map_bytes[DP_MAP_control] = total;
	list_pointers(&bpf->dp.maps, pointers);
	for (int i = 0; i < DP_MAP_COUNT && !ret; i++) {
		if (has_map(i))
			ret = mmap_bytes(fds[i], bpf->map_bytes[i], pointers[i]);
		else
			*pointers[i] = (char *)bpf->dp.maps.control + offsets[i];
	}
	return ret;
}

/* --- what is pinned ----------------------------------------------------------- */

struct pinned {
	int fds[DP_MAP_COUNT];
	int tries[TRIES];
	struct dp_size size;
	uint32_t cpus;
	uint64_t key_id;
};

static void pinned_close(struct pinned *pinned)
{
	for (int i = 0; i < DP_MAP_COUNT; i++)
		if (pinned->fds[i] >= 0)
			close(pinned->fds[i]);
	for (int i = 0; i < TRIES; i++)
		if (pinned->tries[i] >= 0)
			close(pinned->tries[i]);
}

static int pinned_open_map(const char *dir, const char *name, int *fd, struct lp_err *err)
{
	char path[PINS_PATH];

	if (pins_path(path, dir, "maps", name))
		return lp_err(err, -ENAMETOOLONG, "\"%s\": path too long", dir);
	*fd = bpf_obj_get(path);
	if (*fd >= 0)
		return 0;
	return lp_err(err, -EPROTO,
		      "%s: %s: the pins are incomplete; stop limpetd, remove %s and start it again "
		      "(traffic stops in between)",
		      path, strerror(-*fd), dir);
}

static int pinned_open_maps(const char *dir, struct pinned *pinned, struct lp_err *err)
{
	int ret = 0;

	for (int i = 0; i < TRIES; i++)
		pinned->tries[i] = -1;
	for (int i = 0; i < DP_MAP_COUNT; i++)
		pinned->fds[i] = -1;
	for (int i = 0; i < TRIES && !ret; i++)
		ret = pinned_open_map(dir, trie_names[i], &pinned->tries[i], err);
	for (int i = 0; i < DP_MAP_COUNT && !ret; i++)
		if (has_map(i))
			ret = pinned_open_map(dir, map_name(i), &pinned->fds[i], err);
	return ret;
}

/* The control block is the beginning of `tables`. */
static int read_control(int fd, struct lp_control *control)
{
	size_t bytes = whole_pages(sizeof(*control));
	void *memory = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*control = *(const struct lp_control *)memory;
	munmap(memory, bytes);
	return 0;
}

static bool has_shape(const struct pinned *pinned, int number)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	size_t value, entries;

	map_shape(&pinned->size, pinned->cpus, number, &value, &entries);
	return !bpf_obj_get_info_by_fd(pinned->fds[number], &info, &len) &&
	       info.value_size == value && info.max_entries == entries;
}

/* The sizes are in the control block; they must be what the maps really have. */
static int pinned_read_size(const char *dir, struct pinned *pinned, struct lp_err *err)
{
	struct lp_control control = { 0 };
	int ret = read_control(pinned->fds[DP_MAP_control], &control);

	if (ret)
		return dp_bpf_explain(err, ret, "reading the pinned control block");
	pinned->size = (struct dp_size) {
		.vips = control.vips_max,
		.pools = control.pools_max,
		.backends = control.backends_max,
		.tables = control.tables_max,
		.index = control.index_max,
		.places = control.places_max,
		.ranges = control.ranges_max,
		.buckets = control.buckets_max,
		.entries = control.entries_max,
	};
	pinned->cpus = control.cpus;
	pinned->key_id = control.key_id;
	for (int i = 0; i < DP_MAP_COUNT; i++)
		if (has_map(i) && !has_shape(pinned, i))
			return lp_err(err, -EPROTO,
				      "%s/maps/%s does not have the size that its control block "
				      "names; stop limpetd, remove %s and start it again",
				      dir, map_name(i), dir);
	return 0;
}

/* 1: found; 0: nothing pinned; -errno with words. */
static int pinned_open(const char *dir, struct pinned *pinned, struct lp_err *err)
{
	uint32_t abi = 0;
	int ret = pins_abi(dir, &abi, err);

	if (ret <= 0)
		return ret;
	if (abi != LP_ABI_VERSION)
		return lp_err(err, -EPROTO,
			      "the pins in %s are of ABI version %u, this limpetd (%s) speaks %u. "
			      "Nothing was changed, and packets go on. Either start the limpetd "
			      "that made them again; or send traffic to other balancers, then "
			      "\"rm -r %s\" and start this one (traffic stops in between, and "
			      "what is remembered of clients, connections, drains and weights is "
			      "lost)",
			      dir, abi, LIMPET_VERSION, LP_ABI_VERSION, dir);
	ret = pinned_open_maps(dir, pinned, err);
	if (!ret)
		ret = pinned_read_size(dir, pinned, err);
	if (ret) {
		pinned_close(pinned);
		return ret;
	}
	return 1;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static void size_cover(struct dp_size *size, const struct dp_size *other)
{
	size->vips = larger(size->vips, other->vips);
	size->pools = larger(size->pools, other->pools);
	size->backends = larger(size->backends, other->backends);
	size->tables = larger(size->tables, other->tables);
	size->index = larger(size->index, other->index);
	size->places = larger(size->places, other->places);
	size->ranges = larger(size->ranges, other->ranges);
	size->buckets = larger(size->buckets, other->buckets);
	size->entries = larger(size->entries, other->entries);
}

/* Tells keys apart without telling them. */
static uint64_t key_digest(const struct lp_hash_key *key)
{
	return lp_siphash(key->word[0], key->word[1], key, sizeof(*key));
}

/* --- loading ------------------------------------------------------------------ */

static void set_rodata(struct limpet_bpf *skel, const struct dp_size *size,
		       const struct lp_hash_key *key)
{
	memcpy((void *)(uintptr_t)&skel->rodata->lp_key, key, sizeof(*key));
	skel->rodata->lp_buckets_max = size->buckets;
	skel->rodata->lp_entries_max = size->entries;
}

/* What a new program takes over: descriptors of maps, -1 for a new map. */
struct reuse {
	int fds[DP_MAP_COUNT];
	int tries[TRIES];
};

static int set_map(struct limpet_bpf *skel, const char *name, int reuse, size_t value,
		   size_t entries)
{
	struct bpf_map *map = bpf_object__find_map_by_name(skel->obj, name);
	int ret;

	if (!map)
		return -ENOENT;
	if (reuse >= 0)
		return bpf_map__reuse_fd(map, reuse);
	if (!entries)
		return 0; /* as the program declares it */
	ret = bpf_map__set_value_size(map, (__u32)value);
	return ret ? ret : bpf_map__set_max_entries(map, (__u32)entries);
}

static int set_maps(struct dp_bpf *bpf, const struct reuse *reuse)
{
	int ret = 0;

	for (int i = 0; i < TRIES && !ret; i++)
		ret = set_map(bpf->skel, trie_names[i], reuse->tries[i], 0, 0);
	for (int i = 0; i < DP_MAP_COUNT && !ret; i++) {
		size_t value, entries;

		if (!has_map(i))
			continue;
		map_shape(&bpf->dp.size, bpf->dp.cpus, i, &value, &entries);
		ret = set_map(bpf->skel, map_name(i), reuse->fds[i], value, entries);
	}
	return ret;
}

/*
 * All of the pinned maps if they fit. If only the tables are too small, the
 * record table goes on: what is remembered survives growth (P1, P2). Records of
 * another key would never be found again.
 */
static void choose_reuse(struct reuse *reuse, const struct pinned *pinned, bool fits, bool same_key,
			 const struct dp_size *size)
{
	bool records = same_key && pinned->size.buckets == size->buckets;

	for (int i = 0; i < DP_MAP_COUNT; i++)
		reuse->fds[i] = fits ? pinned->fds[i] : -1;
	memcpy(reuse->tries, pinned->tries, sizeof(reuse->tries));
	if (records) {
		reuse->fds[DP_MAP_records] = pinned->fds[DP_MAP_records];
		reuse->fds[DP_MAP_record_info] = pinned->fds[DP_MAP_record_info];
		reuse->fds[DP_MAP_audit] = pinned->fds[DP_MAP_audit];
		reuse->fds[DP_MAP_audit_info] = pinned->fds[DP_MAP_audit_info];
	}
	if (same_key) {
		reuse->fds[DP_MAP_fragments] = pinned->fds[DP_MAP_fragments];
		reuse->fds[DP_MAP_fragment_info] = pinned->fds[DP_MAP_fragment_info];
	}
	if (same_key && pinned->size.entries == size->entries) {
		reuse->fds[DP_MAP_entries] = pinned->fds[DP_MAP_entries];
		reuse->fds[DP_MAP_returns] = pinned->fds[DP_MAP_returns];
	}
}

static int check_size(const struct dp_size *size, uint32_t cpus, struct lp_err *err)
{
	size_t bytes[DP_MAP_COUNT], offsets[DP_MAP_COUNT];
	size_t total = dp_bpf_lay_out(size, cpus, bytes, offsets);

	if (total <= LP_TABLES_BYTES_MAX)
		return 0;
	return lp_err(
		err, -ENOSPC,
		"tables for %u pools and %u backends would take %zu MiB; no more than %llu MiB "
		"are possible: use fewer pools",
		size->pools, size->backends, total >> 20, LP_TABLES_BYTES_MAX >> 20);
}

/* Loads the program over new maps, or over those in `reuse`. */
static int load(struct dp_bpf *bpf, const struct lp_hash_key *key, const struct reuse *reuse,
		struct lp_err *err)
{
	int fds[DP_MAP_COUNT], ret = check_size(&bpf->dp.size, bpf->dp.cpus, err);

	if (ret)
		return ret;
	libbpf_set_print(print_libbpf);
	ret = dp_patch_install();
	if (ret)
		return dp_bpf_explain(err, ret, "preparing to load the BPF program");
	bpf->skel = limpet_bpf__open();
	if (!bpf->skel)
		return dp_bpf_explain(err, -errno, "opening the BPF object");
	set_rodata(bpf->skel, &bpf->dp.size, key);
	ret = set_maps(bpf, reuse);
	dp_patch_begin(bpf->skel->maps.tables, &bpf->dp.size, bpf->dp.cpus);
	if (!ret)
		ret = limpet_bpf__load(bpf->skel);
	dp_patch_end();
	if (ret)
		return dp_bpf_explain(err, ret, "loading the BPF program");
	for (int i = 0; i < DP_MAP_COUNT; i++)
		fds[i] = has_map(i) ? bpf_map__fd(bpf_object__find_map_by_name(bpf->skel->obj,
									       map_name(i)))
				    : -1;
	ret = maps_mmap(bpf, fds);
	if (ret)
		return dp_bpf_explain(err, ret, "mapping the BPF maps into memory");
	ret = dp_bpf_held_open(bpf);
	return ret ? dp_bpf_explain(err, ret, "opening the ring of held fragments") : 0;
}

/* --- growing -------------------------------------------------------------------- */

/* A place in a bucket of the new tables, which no packet sees yet; LP_WAYS: it is full. */
static unsigned int free_way(const struct lp_bucket *bucket)
{
	unsigned int i = 0;

	while (i < LP_WAYS && bucket->way[i].fingerprint != LP_FINGERPRINT_EMPTY)
		i++;
	return i;
}

static void copy_entries_of(struct dp *to, const struct dp *from, uint32_t bucket, unsigned int way)
{
	uint32_t mask = to->size.entries - 1;
	struct lp_record record;
	struct lp_entry_port port;
	struct lp_return of;
	struct lp_addr addr;
	unsigned int at;

	if (dp_entry(from, bucket, way, &record, &port, &addr)) {
		struct lp_entries *entries = &to->maps.entries[record.fingerprint & mask];

		at = free_way(&entries->index);
		if (at == LP_WAYS) { /* the second of its two (bpf/snat.h) */
			entries = &to->maps.entries[record.fingerprint >> 32 & mask];
			at = free_way(&entries->index);
		}
		if (at < LP_WAYS) {
			entries->to[at] = port;
			entries->addr[at] = addr;
			entries->index.way[at] = record;
		}
	}
	if (dp_return(from, bucket, way, &record, &of)) {
		struct lp_returns *returns = &to->maps.returns[record.fingerprint & mask];

		at = free_way(&returns->index);
		if (at < LP_WAYS) {
			returns->of[at] = of;
			returns->index.way[at] = record;
		}
	}
}

/*
 * Entries into larger tables. Connections that open between this and the links have none in
 * the new ones: they get one with their next packet, and mostly the same (N3 in bpf/snat.h).
 */
static void copy_entries(struct dp *to, const struct dp *from)
{
	if (from->size.entries <= 1 || to->size.entries == from->size.entries ||
	    to->maps.control->key_id != from->maps.control->key_id)
		return;
	for (uint32_t i = 0; i < from->size.entries; i++)
		for (unsigned int way = 0; way < LP_WAYS; way++)
			copy_entries_of(to, from, i, way);
}

/* Copies what numbers mean, and what they point to. Counters come at dp_publish(). */
static void copy_contents(struct dp *to, const struct dp *from)
{
	const struct dp_size *s = &from->size;

	memcpy(to->maps.backends, from->maps.backends, s->backends * sizeof(struct lp_backend));
	memcpy(to->maps.backend_meta, from->maps.backend_meta,
	       s->backends * sizeof(struct lp_backend_meta));
	memcpy(to->maps.vip_meta, from->maps.vip_meta, s->vips * sizeof(struct lp_vip_meta));
	memcpy(to->maps.pool_meta, from->maps.pool_meta, s->pools * sizeof(struct lp_pool_meta));
	memcpy(to->maps.group_meta, from->maps.group_meta, s->vips * sizeof(struct lp_group_meta));
	memcpy(to->maps.slots, from->maps.slots,
	       (size_t)s->tables * LP_TABLE_LINES * sizeof(struct lp_slot_line));
	memcpy(to->maps.settled, from->maps.settled, (size_t)s->tables * LP_SLOTS * sizeof(__u16));
	memcpy(to->maps.slot_times, from->maps.slot_times,
	       (size_t)s->tables * LP_TABLE_LINES * sizeof(struct lp_slot_times));
	for (unsigned int half = 0; half < 2; half++)
		memcpy(to->maps.pools + (size_t)half * to->size.pools,
		       from->maps.pools + (size_t)half * s->pools,
		       s->pools * sizeof(struct lp_pool));
	*to->maps.snat_guard = *from->maps.snat_guard;
	copy_entries(to, from);
	to->maps.control->active = from->maps.control->active;
	to->maps.control->generation = from->maps.control->generation;
	to->maps.control->phase = from->maps.control->phase;
}

static void add_counter(struct lp_counter *to, const struct lp_counter *from)
{
	__atomic_fetch_add(&to->packets, from->packets, __ATOMIC_RELAXED);
	__atomic_fetch_add(&to->bytes, from->bytes, __ATOMIC_RELAXED);
}

static void add_audit(struct lp_audit_counter *to, const struct dp *from, uint32_t pool)
{
	struct lp_audit_counter sum;

	dp_audit_counter(from, pool, &sum);
	__atomic_fetch_add(&to->broken, sum.broken, __ATOMIC_RELAXED);
	__atomic_fetch_add(&to->lost, sum.lost, __ATOMIC_RELAXED);
	__atomic_fetch_add(&to->moved, sum.moved, __ATOMIC_RELAXED);
	__atomic_fetch_add(&to->opened, sum.opened, __ATOMIC_RELAXED);
}

/* Counters only rise: what the old datapath counted is added to the new one's. */
static void add_counters(struct dp *to, const struct dp *from)
{
	uint64_t reasons[LP_REASON_COUNT];
	struct lp_counter *vips = to->maps.vip_totals + (size_t)to->cpus * to->size.vips;
	struct lp_counter *backends = to->maps.backend_totals +
				      (size_t)to->cpus * to->size.backends * LP_SENT_WAYS;

	for (uint32_t i = 0; i < from->size.vips; i++) {
		struct lp_counter sum;

		dp_vip_counter(from, i, &sum);
		add_counter(&vips[i], &sum);
	}
	for (uint32_t i = 0; i < from->size.backends; i++)
		for (enum lp_sent way = 0; way < LP_SENT_WAYS; way++) {
			struct lp_counter sum = { 0 };

			dp_add_sent(from, i, way, &sum);
			add_counter(&backends[i * LP_SENT_WAYS + way], &sum);
		}
	for (uint32_t i = 0; i < from->size.pools; i++)
		add_audit(&to->maps.audit_counters[i], from, i);
	dp_reasons(from, reasons);
	reasons[LP_FORWARD_TX] = 0; /* comes with the backends */
	for (int i = 0; i < LP_REASON_COUNT; i++)
		__atomic_fetch_add(&to->maps.reason_counters[0].packets[i], reasons[i],
				   __ATOMIC_RELAXED);
}

/* --- ops ------------------------------------------------------------------------ */

/*
 * XDP programs run inside an RCU read-side section, and MEMBARRIER_CMD_GLOBAL is
 * synchronize_rcu() (kernel/sched/membarrier.c). It is refused with nohz_full
 * CPUs; a packet's run takes microseconds, so 100 ms are plenty then.
 */
static void bpf_sync(struct dp *dp)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	(void)dp;
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&pause, NULL);
}

static int pin_map(struct dp_bpf *bpf, const char *name)
{
	struct bpf_map *map = bpf_object__find_map_by_name(bpf->skel->obj, name);
	char path[PINS_PATH];
	int ret = pins_path(path, bpf->pin_dir, "maps-new", name);

	return ret ? ret : bpf_obj_pin(bpf_map__fd(map), path);
}

static int pin_maps(struct dp_bpf *bpf, struct lp_err *err)
{
	char path[PINS_PATH];
	int ret = pins_remove(bpf->pin_dir, "maps-new");

	if (!ret)
		ret = pins_path(path, bpf->pin_dir, "maps-new", NULL);
	if (!ret && mkdir(path, 0700))
		ret = -errno;
	for (int i = 0; i < TRIES && !ret; i++)
		ret = pin_map(bpf, trie_names[i]);
	for (int i = 0; i < DP_MAP_COUNT && !ret; i++)
		if (has_map(i))
			ret = pin_map(bpf, map_name(i));
	if (ret)
		return lp_err(err, ret, "pinning the maps in \"%s\": %s", bpf->pin_dir,
			      strerror(-ret));
	return pins_swap(bpf->pin_dir, err);
}

static int trie_fd(const struct dp *dp, enum trie trie)
{
	const struct limpet_bpf *skel = ((const struct dp_bpf *)dp)->skel;

	return bpf_map__fd(trie == PROXIES ? skel->maps.proxies : skel->maps.policy);
}

static int bpf_proxy_add(struct dp *dp, const struct lp_proxy_key *key)
{
	const __u32 one = 1;

	return bpf_map_update_elem(trie_fd(dp, PROXIES), key, &one, BPF_ANY);
}

/* Keys of both tries: the second word's lowest bit is the half. */
union trie_key {
	struct lp_proxy_key proxy;
	struct lp_policy_key policy;
	__u32 word[8];
};

/* The next key is asked for before this one is deleted: after a key that is gone, the walk
 * would begin anew. */
static int trie_clear(int fd, unsigned int half)
{
	union trie_key key, next;
	bool more = !bpf_map_get_next_key(fd, NULL, &key);
	int ret = 0;

	while (more && !ret) {
		more = !bpf_map_get_next_key(fd, &key, &next);
		if ((key.word[1] & 1) == half)
			ret = bpf_map_delete_elem(fd, &key);
		key = next;
	}
	return ret;
}

static int bpf_proxies_clear(struct dp *dp, unsigned int half)
{
	return trie_clear(trie_fd(dp, PROXIES), half);
}

static int bpf_policy_add(struct dp *dp, const struct lp_policy_key *key, enum lp_policy answer)
{
	const __u32 value = answer;

	return bpf_map_update_elem(trie_fd(dp, POLICY), key, &value, BPF_ANY);
}

static int bpf_policy_clear(struct dp *dp, unsigned int half)
{
	return trie_clear(trie_fd(dp, POLICY), half);
}

static int bpf_publish(struct dp *dp, struct lp_err *err)
{
	struct dp_bpf *bpf = (struct dp_bpf *)dp;
	struct dp *old = bpf->old ? &bpf->old->dp : NULL;
	int ret;

	if (bpf->published)
		return 0;
	ret = pin_maps(bpf, err);
	if (ret)
		return ret;
	bpf->published = true;
	if (old) {
		bpf_sync(dp); /* the old program's last packets are counted */
		add_counters(dp, old);
		bpf->old = NULL;
		dp_close(&old);
	}
	return 0;
}

static void bpf_close(struct dp *dp)
{
	struct dp_bpf *bpf = (struct dp_bpf *)dp;
	struct dp *old = bpf->old ? &bpf->old->dp : NULL;

	dp_close(&old);
	dp_bpf_held_close(bpf);
	maps_unmap(bpf);
	limpet_bpf__destroy(bpf->skel);
	if (bpf->pin_fd >= 0)
		pins_close(bpf->pin_fd);
	free(bpf);
}

static const struct dp_ops bpf_ops = {
	.sync = bpf_sync,
	.attach = dp_xdp_attach,
	.detach = dp_xdp_detach,
	.interfaces = dp_xdp_interfaces,
	.proxy_add = bpf_proxy_add,
	.proxies_clear = bpf_proxies_clear,
	.policy_add = bpf_policy_add,
	.policy_clear = bpf_policy_clear,
	.held_fd = dp_bpf_held_fd,
	.held_take = dp_bpf_held_take,
	.held_send = dp_bpf_held_send,
	.publish = bpf_publish,
	.close = bpf_close,
};

/* --- opening -------------------------------------------------------------------- */

static struct dp_bpf *dp_bpf_new(const char *pin_dir, const struct dp_size *size, uint32_t cpus)
{
	struct dp_bpf *bpf = calloc(1, sizeof(*bpf));

	if (!bpf)
		return NULL;
	bpf->pin_fd = -1;
	strncpy(bpf->pin_dir, pin_dir, sizeof(bpf->pin_dir) - 1);
	if (dp_init(&bpf->dp, &bpf_ops, size, cpus)) {
		free(bpf);
		return NULL;
	}
	return bpf;
}

/* The pinned maps as a datapath without a program: the source of a copy. */
static int open_old(const char *pin_dir, const struct pinned *pinned, struct dp_bpf **out,
		    struct lp_err *err)
{
	struct dp_bpf *old = dp_bpf_new(pin_dir, &pinned->size, pinned->cpus);
	struct dp *dp;
	int ret;

	if (!old)
		return lp_err(err, -ENOMEM, "out of memory");
	ret = maps_mmap(old, pinned->fds);
	if (ret) {
		dp = &old->dp;
		dp_close(&dp);
		return dp_bpf_explain(err, ret, "mapping the pinned maps into memory");
	}
	*out = old;
	return 0;
}

/* Loads over the pinned maps, or over larger ones with their contents. */
static int adopt(const struct dp_bpf_options *options, const struct pinned *pinned,
		 struct dp_bpf **out, struct lp_err *err)
{
	uint32_t cpus = (uint32_t)libbpf_num_possible_cpus();
	struct dp_size size = pinned->size;
	/* Tables of another key mean nothing to the new program: they are built
	 * aside, like larger ones. */
	bool same_key = pinned->key_id == key_digest(&options->key);
	bool fits = dp_size_fits(&size, &options->need) && cpus <= pinned->cpus && same_key;
	struct reuse reuse;
	struct dp_bpf *bpf;
	struct dp *dp;
	int ret;

	if (!fits)
		size_cover(&size, &options->size);
	choose_reuse(&reuse, pinned, fits, same_key, &size);
	bpf = dp_bpf_new(options->pin_dir, &size, fits ? pinned->cpus : cpus);
	if (!bpf)
		return lp_err(err, -ENOMEM, "out of memory");
	ret = load(bpf, &options->key, &reuse, err);
	if (!ret && !fits)
		ret = open_old(options->pin_dir, pinned, &bpf->old, err);
	if (ret) {
		dp = &bpf->dp;
		dp_close(&dp);
		return ret;
	}
	bpf->published = fits;
	if (!fits) {
		dp_control_init(&bpf->dp);
		bpf->dp.maps.control->key_id = key_digest(&options->key);
		copy_contents(&bpf->dp, &bpf->old->dp);
	}
	*out = bpf;
	return 0;
}

static int start_afresh(const struct dp_bpf_options *options, struct dp_bpf **out,
			struct lp_err *err)
{
	uint32_t cpus = (uint32_t)libbpf_num_possible_cpus();
	struct dp_bpf *bpf = dp_bpf_new(options->pin_dir, &options->size, cpus);
	struct reuse nothing;
	struct dp *dp;
	int ret;

	if (!bpf)
		return lp_err(err, -ENOMEM, "out of memory");
	for (int i = 0; i < TRIES; i++)
		nothing.tries[i] = -1;
	for (int i = 0; i < DP_MAP_COUNT; i++)
		nothing.fds[i] = -1;
	ret = load(bpf, &options->key, &nothing, err);
	if (ret) {
		dp = &bpf->dp;
		dp_close(&dp);
		return ret;
	}
	dp_control_init(&bpf->dp);
	bpf->dp.maps.control->key_id = key_digest(&options->key);
	*out = bpf;
	return 0;
}

static int preflight(struct lp_err *err)
{
	struct preflight facts;
	int ret = preflight_read(&facts);

	if (ret)
		return lp_err(err, ret, "cannot tell kernel and capabilities: %s", strerror(-ret));
	return preflight_check(&facts, err);
}

int dp_bpf_open(const struct dp_bpf_options *options, struct dp **out, bool *adopted,
		struct lp_err *err)
{
	struct pinned pinned;
	struct dp_bpf *bpf = NULL;
	int pin_fd, found, ret;

	if (strlen(options->pin_dir) >= PINS_PATH - 128)
		return lp_err(err, -ENAMETOOLONG, "pin directory \"%s\": path too long",
			      options->pin_dir);
	ret = preflight(err);
	if (ret)
		return ret;
	pin_fd = pins_open(options->pin_dir, err);
	if (pin_fd < 0)
		return pin_fd;
	found = pinned_open(options->pin_dir, &pinned, err);
	if (found < 0) {
		ret = found;
	} else if (found) {
		ret = adopt(options, &pinned, &bpf, err);
		pinned_close(&pinned);
	} else {
		ret = start_afresh(options, &bpf, err);
	}
	if (ret) {
		pins_close(pin_fd);
		return ret;
	}
	bpf->pin_fd = pin_fd;
	*adopted = found;
	*out = &bpf->dp;
	return 0;
}

int dp_bpf_prog_fd(const struct dp *dp)
{
	return bpf_program__fd(((const struct dp_bpf *)dp)->skel->progs.limpet);
}

int dp_bpf_destroy(const char *pin_dir, struct lp_err *err)
{
	static const char *const subs[] = { "links", "maps", "maps-new" };
	int ret = 0;

	for (size_t i = 0; i < sizeof(subs) / sizeof(subs[0]) && !ret; i++)
		ret = pins_remove(pin_dir, subs[i]);
	if (!ret && rmdir(pin_dir) && errno != ENOENT)
		ret = -errno;
	return ret ? lp_err(err, ret, "removing the pins in \"%s\": %s", pin_dir, strerror(-ret))
		   : 0;
}
