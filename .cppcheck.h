/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For `make lint` alone: cppcheck does not read the system's headers, so what
 * their macros expand to, as far as it matters to a checker, is said here.
 */
#define json_array_foreach(array, index, value)                                                    \
	for (index = 0, value = json_array_get(array, index); index < 1; index++)
#define json_object_foreach(object, key, value)                                                    \
	for (key = "", value = json_object_get(object, key); key; key = 0)
#define LIBBPF_OPTS(type, name, ...) struct type name = { __VA_ARGS__ }
