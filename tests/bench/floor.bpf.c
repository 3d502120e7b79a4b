// SPDX-License-Identifier: GPL-2.0
/*
 * The floor: the least work that forwards a packet at all. It parses and
 * encapsulates with limpet's own headers, so what limpet costs above it is what
 * finding the backend costs: VIP, affinity, slot, backend, counters. It gets
 * nothing that a real program could not have, and does nothing that it could
 * leave out: the one backend is a global, no map is looked up, nothing counted.
 */
#include "forwarders.h"

FORWARDERS(floor, forwarders_parse)

char LICENSE[] SEC("license") = "GPL";
