/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every verdict that a packet can get (P9). Enum, counter, name and
 * documentation come from this one list.
 *
 *   X(symbol, name, class, text)
 *
 * class: FORWARD (sent to a backend, or a reply to its client), PASS (to the stack), DROP,
 * ANSWER (what has come is gone, and limpet itself has answered its sender).
 * The order is part of the ABI: append within reserve, never reorder.
 */
#ifndef LIMPET_REASONS_H
#define LIMPET_REASONS_H

#define LP_REASONS(X)                                                                              \
	X(FORWARD_TX, "forward_tx", FORWARD, "sent to a backend by the interface it came in by")   \
	X(FORWARD_REDIRECT, "forward_redirect", FORWARD, "sent to a backend by another interface") \
	X(PASS_NOT_IP, "pass_not_ip", PASS, "neither IPv4 nor IPv6: ARP, LLDP, unknown tags")      \
	X(PASS_NOT_TCP_UDP, "pass_not_tcp_udp", PASS, "IP, but neither TCP nor UDP: ICMP, ESP")    \
	X(PASS_NOT_VIP, "pass_not_vip", PASS, "no VIP has this address, protocol and port")        \
	X(PASS_TRUNCATED, "pass_truncated", PASS, "frame ends before its addresses can be read")   \
	X(DROP_TRUNCATED, "drop_truncated", DROP,                                                  \
	  "for a VIP, but the transport header is cut off")                                        \
	X(DROP_BAD_HEADER, "drop_bad_header", DROP,                                                \
	  "for a VIP, but header and frame lengths disagree")                                      \
	X(DROP_FRAGMENT, "drop_fragment", DROP,                                                    \
	  "a later fragment for a VIP, whose first one is not known, or was dropped")              \
	X(DROP_EXTENSION, "drop_extension", DROP,                                                  \
	  "for a VIP, with more IPv6 extension headers than are followed")                         \
	X(DROP_NO_BACKEND, "drop_no_backend", DROP, "the VIP's pool has no backend to answer")     \
	X(DROP_NO_NEXT_HOP, "drop_no_next_hop", DROP,                                              \
	  "route or neighbour of the backend is not known")                                        \
	X(DROP_TOO_BIG, "drop_too_big", DROP, "larger than the MTU towards the backend")           \
	X(DROP_NO_ROOM, "drop_no_room", DROP, "the driver left no room in front of the packet")    \
	X(DROP_VIP_SOURCE, "drop_vip_source", DROP, "for a VIP, and claims to come from a VIP")    \
	X(DROP_SPOOFED, "drop_spoofed", DROP,                                                      \
	  "for a VIP, from a source that its interface rejects (reject_sources)")                  \
	X(DROP_DENIED, "drop_denied", DROP, "the VIP's allow and deny do not admit its source")    \
	X(DROP_INTERFACE, "drop_interface", DROP,                                                  \
	  "for a VIP that does not answer on the interface it came in by")                         \
	X(FORWARD_REPLY, "forward_reply", FORWARD,                                                 \
	  "a reply from a backend, translated and sent to its client")                             \
	X(PASS_REPLY, "pass_reply", PASS,                                                          \
	  "a reply from a backend, translated; the stack finds the way to its client")             \
	X(DROP_TTL, "drop_ttl", DROP, "to be routed, but its TTL or hop limit ends here")          \
	X(RESET_SENT, "reset_sent", ANSWER,                                                        \
	  "of a connection whose backend is dead: its client is told by a TCP RST")                \
	X(RESET_WITHHELD, "reset_withheld", DROP,                                                  \
	  "the same, but no RST: too many at once, a fragment, or an address is nobody's own")     \
	X(ANSWER_PING, "answer_ping", ANSWER, "a ping of a VIP")                                   \
	X(PASS_PING, "pass_ping", PASS,                                                            \
	  "a ping of a VIP that leaves it to the stack (ping: pass)")                              \
	X(DROP_PING, "drop_ping", DROP, "a ping of a VIP that does not answer (ping: drop)")       \
	X(FORWARD_ICMP, "forward_icmp", FORWARD,                                                   \
	  "an ICMP error, sent to the backend of the connection that it quotes")                   \
	X(DROP_ICMP, "drop_icmp", DROP,                                                            \
	  "an ICMP error or ping for a VIP that is malformed, or not one to be believed")          \
	X(ANSWER_TOO_BIG, "answer_too_big", ANSWER,                                                \
	  "larger than the MTU towards the backend; its sender was told which")                    \
	X(ANSWER_TTL, "answer_ttl", ANSWER,                                                        \
	  "to be routed, but its TTL or hop limit ended here; its sender was told")                \
	X(ANSWER_TUNNEL, "answer_tunnel", ANSWER,                                                  \
	  "a tunnel packet was too large for a router; the sender of what was inside was told")    \
	X(PASS_TUNNEL, "pass_tunnel", PASS, "the same, but the stack finds the way to the sender") \
	X(DROP_ICMP_RATE, "drop_icmp_rate", DROP,                                                  \
	  "to be answered by ICMP, which is limited to so many a second")                          \
	X(PASS_ROUTER, "pass_router", PASS,                                                        \
	  "a reply whose TTL ends here, or too large to go on: the stack tells the backend")       \
	X(DROP_FRAGMENT_TINY, "drop_fragment_tiny", DROP,                                          \
	  "for a VIP, a first fragment without its transport header, or one that overlaps it")     \
	X(DROP_FRAGMENT_EARLY, "drop_fragment_early", DROP,                                        \
	  "a fragment before its first one: limpetd has a copy, and sends it in later")            \
	X(DROP_SNAT_ADDRESS, "drop_snat_address", DROP,                                            \
	  "its source is to be translated, and there is no address for it")                        \
	X(DROP_SNAT_PORTS, "drop_snat_ports", DROP,                                                \
	  "its source is to be translated, and no port towards its backend is free")               \
	X(DROP_SNAT_ENTRIES, "drop_snat_entries", DROP,                                            \
	  "its source is to be translated, and there is no room for an entry")                     \
	X(DROP_SNAT_STRAY, "drop_snat_stray", DROP, "the end of a connection that has no entry")

#define LP_REASON_ENUM(symbol, name, class, text) LP_##symbol,
enum lp_reason { LP_REASONS(LP_REASON_ENUM) LP_REASON_COUNT };
#undef LP_REASON_ENUM

#endif
