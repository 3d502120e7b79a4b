/* SPDX-License-Identifier: GPL-2.0 */
/* Ports that the host gives its own connections. */
#ifndef LIMPET_NET_PORTS_H
#define LIMPET_NET_PORTS_H

#include <stdint.h>

/*
 * net.ipv4.ip_local_port_range of the process's network namespace, which is that of IPv6 too:
 * host byte order, inclusive. If it cannot be read, the kernel's default.
 */
void net_own_ports(uint16_t *first, uint16_t *last);

/* The same of `text`, as the kernel writes it: two numbers. -EINVAL, and nothing is changed. */
int net_own_ports_parse(const char *text, uint16_t *first, uint16_t *last);

#endif
