// SPDX-License-Identifier: GPL-2.0
/* The interfaces where packets come in: XDP, what the driver does before it, filters. */
#include <string.h>

#include "core/doctor_internal.h"

/*
 * Without xdp.frags a frame has to fit into a page with XDP's headroom (256 bytes)
 * and struct skb_shared_info (320 bytes): 3,520 bytes of a page of 4,096, less the
 * Ethernet header. Drivers with a second VLAN tag's room to spare allow some less.
 */
#define XDP_MTU_MAX 3498

/* Smaller receive rings overflow within a millisecond of line rate at 1 Mpps. */
#define RX_RING_ENOUGH 1024

struct judged {
	const char *name;
	const struct config_interface *config;
	const struct doctor_interface *facts;
	bool running; /* limpetd was asked */
	bool returns; /* replies of backends come back through this host */
	bool several; /* the configuration has more interfaces than this one */
};

/* --- XDP ------------------------------------------------------------------------------ */

static void judge_absent(const struct judged *judged, struct doctor_report *report)
{
	struct doctor_finding *finding = doctor_find(report, DOCTOR_PROBLEM, "interface",
						     "%s: there is no such interface",
						     judged->name);

	doctor_why(finding, "no packet that should come in by it gets to a backend");
	doctor_fix(finding, "ip link show; then interfaces: of the configuration");
}

static void judge_up(const struct judged *judged, struct doctor_report *report)
{
	struct doctor_finding *finding;

	if (judged->facts->up) {
		doctor_find(report, DOCTOR_OK, "interface", "%s is up, MTU %u", judged->name,
			    judged->facts->mtu);
		return;
	}
	finding = doctor_find(report, DOCTOR_PROBLEM, "interface", "%s is down", judged->name);
	doctor_why(finding, "no packet comes in by it");
	doctor_fix(finding, "ip link set dev %s up; if it is up, its cable, or its other end",
		   judged->name);
}

static void judge_missing(const struct judged *judged, struct doctor_report *report)
{
	const struct doctor_interface *facts = judged->facts;
	struct doctor_finding *finding = doctor_find(
		report, DOCTOR_PROBLEM, "xdp", "%s: limpet's program is not on it", judged->name);

	if (facts->xdp_id)
		doctor_why(finding, "another program is (id %u): no packet for a VIP is forwarded",
			   facts->xdp_id);
	else
		doctor_why(finding, "packets for VIPs go to this host's own stack");
	doctor_fix(finding, "%s limpet reload",
		   facts->xdp_id ? "take that one off (bpftool net), then"
				 : "limpetd's log says why;");
}

static void judge_generic(const struct judged *judged, struct doctor_report *report)
{
	const struct doctor_interface *facts = judged->facts;
	bool wanted = judged->config->mode == CONFIG_XDP_GENERIC;
	struct doctor_finding *finding = doctor_find(report, wanted ? DOCTOR_NOTE : DOCTOR_WARNING,
						     "xdp", "%s: XDP is generic%s", judged->name,
						     wanted ? ", as configured" : ", not native");

	doctor_why(finding,
		   "the kernel makes a socket buffer of each packet first, and often copies "
		   "it: several times slower");
	if (facts->mtu > XDP_MTU_MAX)
		doctor_fix(finding,
			   "ip link set dev %s mtu %u: drivers that do not know frames of several "
			   "buffers refuse XDP above; then \"mode: native\" and limpet reload",
			   judged->name, XDP_MTU_MAX);
	else if (wanted)
		doctor_fix(finding, "\"mode: auto\" for %s, if its driver (%s) has native XDP",
			   judged->name, *facts->driver ? facts->driver : "not known");
	else
		doctor_fix(
			finding,
			"\"mode: native\" for %s and limpet reload: the error says why the driver "
			"(%s) refuses",
			judged->name, *facts->driver ? facts->driver : "not known");
}

static void judge_xdp_offline(const struct judged *judged, struct doctor_report *report)
{
	const struct doctor_interface *facts = judged->facts;

	if (facts->xdp_id)
		doctor_find(report, DOCTOR_NOTE, "xdp",
			    "%s has a program (id %u, %s); whose it is, limpetd would know",
			    judged->name, facts->xdp_id,
			    facts->xdp == DOCTOR_XDP_GENERIC ? "generic" : "native");
	else
		doctor_find(
			report, DOCTOR_NOTE, "xdp",
			"%s has no program yet; whether its driver (%s) has native XDP is known "
			"when limpetd attaches",
			judged->name, *facts->driver ? facts->driver : "not known");
}

static void judge_xdp(const struct judged *judged, struct doctor_report *report)
{
	if (!judged->running)
		judge_xdp_offline(judged, report);
	else if (judged->facts->attached == DOCTOR_NO || !judged->facts->xdp_id)
		judge_missing(judged, report);
	else if (judged->facts->xdp == DOCTOR_XDP_GENERIC)
		judge_generic(judged, report);
	else
		doctor_find(report, DOCTOR_OK, "xdp", "%s: XDP is native", judged->name);
}

/* --- what comes before XDP --------------------------------------------------------------- */

static void judge_lro(const struct judged *judged, struct doctor_report *report)
{
	struct doctor_finding *finding;

	if (judged->facts->lro == DOCTOR_UNKNOWN)
		return;
	if (judged->facts->lro == DOCTOR_NO) {
		doctor_find(report, DOCTOR_OK, "lro", "%s: large receive offload is off",
			    judged->name);
		return;
	}
	finding = doctor_find(report, DOCTOR_WARNING, "lro", "%s: large receive offload is on",
			      judged->name);
	doctor_why(finding,
		   "the card joins packets before XDP sees them: too big for the next hop, or "
		   "native XDP is refused");
	doctor_fix(finding, "ethtool -K %s lro off", judged->name);
}

static void judge_veth(const struct judged *judged, struct doctor_report *report)
{
	const struct doctor_interface *facts = judged->facts;
	const char *peer = *facts->peer ? facts->peer : "PEER";
	struct doctor_finding *finding;

	if (strcmp(facts->kind, "veth") != 0)
		return;
	if (facts->peer_csum == DOCTOR_NO) {
		doctor_find(report, DOCTOR_OK, "checksum", "%s: %s sends with checksums",
			    judged->name, facts->peer);
		return;
	}
	if (facts->peer_csum == DOCTOR_YES)
		finding = doctor_find(report, DOCTOR_WARNING, "checksum",
				      "%s: its other end, %s, leaves checksums to the card",
				      judged->name, peer);
	else
		finding = doctor_find(report, DOCTOR_NOTE, "checksum",
				      "%s is a veth whose other end cannot be seen from here",
				      judged->name);
	doctor_why(finding,
		   "a veth is no card: XDP gets the packets of that host without checksums, "
		   "and backends drop them");
	doctor_fix(finding, "there: ethtool -K %s tx off", peer);
}

/* --- how much comes in -------------------------------------------------------------------- */

/* Virtual devices are as fast as whoever is behind them: only a card is warned of. */
static void find_few_queues(const struct judged *judged, unsigned int cpus,
			    struct doctor_report *report)
{
	const struct doctor_interface *facts = judged->facts;
	int most = facts->rx_queues_max < (int)cpus ? facts->rx_queues_max : (int)cpus;
	bool more = most > facts->rx_queues;
	struct doctor_finding *finding = doctor_find(
		report, more && !*facts->kind ? DOCTOR_WARNING : DOCTOR_NOTE, "queues",
		"%s: %d receive queue%s for %u CPUs", judged->name, facts->rx_queues,
		facts->rx_queues == 1 ? "" : "s", cpus);

	doctor_why(finding,
		   "XDP runs on the CPUs that queues interrupt: the others do nothing for it");
	if (more)
		doctor_fix(finding, "ethtool -L %s %s %d", judged->name,
			   facts->combined ? "combined" : "rx", most);
	else
		doctor_fix(finding, "it has no more; a card with more queues, where one CPU is not "
				    "enough");
}

static void judge_queues(const struct judged *judged, unsigned int cpus,
			 struct doctor_report *report)
{
	int queues = judged->facts->rx_queues;

	if (queues <= 0 || !cpus)
		return;
	if (queues < (int)cpus)
		find_few_queues(judged, cpus, report);
	else
		doctor_find(report, DOCTOR_OK, "queues", "%s: %d receive queues for %u CPUs",
			    judged->name, queues, cpus);
}

static void judge_ring(const struct judged *judged, struct doctor_report *report)
{
	const struct doctor_interface *facts = judged->facts;
	int enough = facts->rx_ring_max < RX_RING_ENOUGH ? facts->rx_ring_max : RX_RING_ENOUGH;
	struct doctor_finding *finding;

	if (!facts->rx_ring)
		return;
	if (facts->rx_ring >= enough) {
		doctor_find(report, DOCTOR_OK, "ring", "%s: receive rings of %d", judged->name,
			    facts->rx_ring);
		return;
	}
	finding = doctor_find(report, DOCTOR_WARNING, "ring",
			      "%s: receive rings of %d packets, of %d that are possible",
			      judged->name, facts->rx_ring, facts->rx_ring_max);
	doctor_why(finding, "a burst overflows them, and the card drops packets that nobody counts "
			    "but the card");
	doctor_fix(finding, "ethtool -G %s rx %d", judged->name, enough);
}

/* --- filters -------------------------------------------------------------------------------- */

/*
 * Strict: 1. The kernel takes the larger of conf.all and the interface's own
 * (Documentation/networking/ip-sysctl.rst), so 2, loose, on the interface wins.
 */
static void judge_rp_filter(const struct judged *judged, struct doctor_report *report)
{
	bool asymmetric = judged->several || judged->returns;
	struct doctor_finding *finding;

	if (judged->facts->rp_filter < 0)
		return;
	if (judged->facts->rp_filter != 1) {
		doctor_find(report, DOCTOR_OK, "rp_filter",
			    "%s: reverse path filtering is not strict", judged->name);
		return;
	}
	finding = doctor_find(report, asymmetric ? DOCTOR_WARNING : DOCTOR_NOTE, "rp_filter",
			      "%s: reverse path filtering is strict", judged->name);
	doctor_why(finding,
		   "packets that limpet passes to the stack (ICMP errors, answers to checks, "
		   "the backends' own) are dropped without a word if the way back is another "
		   "interface");
	doctor_fix(finding, "sysctl -w net.ipv4.conf.%s.rp_filter=2", judged->name);
}

static void judge_interface(const struct judged *judged, const struct doctor_facts *facts,
			    struct doctor_report *report)
{
	if (!judged->facts->present) {
		judge_absent(judged, report);
		return;
	}
	judge_up(judged, report);
	judge_xdp(judged, report);
	judge_lro(judged, report);
	judge_veth(judged, report);
	judge_queues(judged, facts->host.cpus, report);
	judge_ring(judged, report);
	judge_rp_filter(judged, report);
}

void doctor_judge_interfaces(const struct doctor_facts *facts, struct doctor_report *report)
{
	const struct config *config = facts->config;

	for (size_t i = 0; i < config->n_interfaces; i++) {
		const struct judged judged = {
			.name = config->interfaces[i].name,
			.config = &config->interfaces[i],
			.facts = &facts->interfaces[i],
			.running = facts->running,
			.returns = doctor_uses(config, LP_FORWARD_NAT, NULL) ||
				   doctor_uses(config, LP_FORWARD_SNAT, NULL),
			.several = config->n_interfaces > 1,
		};

		judge_interface(&judged, facts, report);
	}
}
