# SPDX-License-Identifier: GPL-2.0
#
# make            build/limpetd and build/limpet
# make demo       everything on this machine, with real traffic (root)
# make check      all tests (root); ends with "N passed, N failed, N skipped"
# make bench      build/bench/report.json
# make asan       the same binaries under ASan and UBSan, in build/asan
# make fuzz       fuzzers, FUZZ_SECONDS each (default 60)
# make format lint install
#
# New .c files under user/, tests/unit/ and tests/fuzz/ are found by name.

.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
SHELL := /bin/bash

O       ?= build
V       ?= 0
PREFIX  ?= /usr
DESTDIR ?=

CC          ?= cc
ifeq ($(origin CC),default)
CC          := gcc
endif
# The newest clang makes the best BPF code; 14 is the oldest that works.
CLANG       ?= $(firstword $(foreach v,22 21 20 19 18 17 16 15 14,$(shell command -v clang-$(v))) $(shell command -v clang) clang)
BPFTOOL     ?= $(firstword $(shell command -v bpftool) /usr/sbin/bpftool)
CLANG_FORMAT ?= clang-format
CLANG_TIDY  ?= clang-tidy

PKGS     := libbpf libnl-3.0 libnl-route-3.0 libuv libcurl libmicrohttpd jansson libfyaml
VERSION  := $(shell cat VERSION)

WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wundef -Wvla -Wimplicit-fallthrough
CPPFLAGS += -D_GNU_SOURCE -DLIMPET_VERSION='"$(VERSION)"' -Iinclude -Iuser -I$(O)
CFLAGS   ?= -O2 -g
CFLAGS   += -std=gnu11 $(WARN)
LDLIBS   += -lm

ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' $(1) $(2)
else
say = @:
endif

# Flags of the libraries are asked for once they are wanted, so that `make
# deps` works before they are there.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)
UNIT_LIBS  = $(eval UNIT_LIBS := $$(shell pkg-config --libs cmocka))$(UNIT_LIBS)

BPF_SRCS   := $(wildcard bpf/*.bpf.c)
BPF_HDRS   := $(wildcard bpf/*.h) $(wildcard include/limpet/*.h)
BPF_OBJS   := $(BPF_SRCS:bpf/%.bpf.c=$(O)/bpf/%.bpf.o)
SKELS      := $(BPF_SRCS:bpf/%.bpf.c=$(O)/bpf/%.skel.h)
BENCH_BPF  := $(wildcard tests/bench/*.bpf.c)
BENCH_SKELS := $(BENCH_BPF:tests/bench/%.bpf.c=$(O)/bpf/%.skel.h)

LIB_SRCS   := $(wildcard user/lib/*.c user/core/*.c user/dp/*.c user/net/*.c user/health/*.c)
AGENT_SRCS := $(wildcard user/agent/*.c)
CLI_SRCS   := $(wildcard user/cli/*.c user/lab/*.c)
LIB_OBJS   := $(LIB_SRCS:%.c=$(O)/%.o)
AGENT_OBJS := $(AGENT_SRCS:%.c=$(O)/%.o)
CLI_OBJS   := $(CLI_SRCS:%.c=$(O)/%.o)
# Everything of the agent but its main(), for tests.
AGENT_TEST_OBJS := $(filter-out $(O)/user/agent/main.o,$(AGENT_OBJS))
CLI_TEST_OBJS   := $(filter-out $(O)/user/cli/main.o,$(CLI_OBJS))

UNIT_SRCS  := $(wildcard tests/unit/test_*.c)
UNIT_BINS  := $(UNIT_SRCS:tests/unit/%.c=$(O)/tests/unit/%)
TOOL_SRCS  := $(wildcard tests/prog/*.c tests/bench/*.c)
TOOL_OBJS  := $(TOOL_SRCS:%.c=$(O)/%.o)
FUZZ_SRCS  := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BINS  := $(FUZZ_SRCS:tests/fuzz/%.c=$(O)/tests/fuzz/%)

all: $(O)/limpetd $(O)/limpet

# --- BPF -------------------------------------------------------------------

BPF_TARGET_ARCH := $(shell uname -m | sed 's/x86_64/x86/;s/aarch64/arm64/;s/ppc64le/powerpc/;s/s390x/s390/')
# linux/types.h wants the architecture's asm/types.h, which Debian keeps apart.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -std=gnu11 -D__TARGET_ARCH_$(BPF_TARGET_ARCH) \
              -Wall -Wextra -Werror -Wno-unused-parameter -Iinclude -Ibpf \
              -idirafter /usr/include/$(shell $(CC) -print-multiarch 2>/dev/null || echo x86_64-linux-gnu)

$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(BPF_HDRS) Makefile
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(O)/bpf/%.bpf.o: tests/bench/%.bpf.c $(BPF_HDRS) $(wildcard tests/bench/*.h) Makefile
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(O)/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name $(subst .,_,$*)_bpf > $@

# --- user space ------------------------------------------------------------

$(O)/%.o: %.c Makefile VERSION | $(SKELS) $(BENCH_SKELS)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(PKG_CFLAGS) -MMD -MP -c $< -o $@

-include $(shell find $(O) -name '*.d' 2>/dev/null)

$(O)/user/dp/%.o: $(SKELS)
$(O)/tests/bench/%.o: $(BENCH_SKELS)

$(O)/limpetd: $(AGENT_OBJS) $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(O)/limpet: $(CLI_OBJS) $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(O)/tests/unit/test_%: $(O)/tests/unit/test_%.o $(LIB_OBJS) $(AGENT_TEST_OBJS) $(CLI_TEST_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(UNIT_LIBS) $(LDLIBS)

$(O)/tests/progrun: $(O)/tests/prog/progrun.o $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(O)/tests/bench/bench_%: $(O)/tests/bench/bench_%.o $(LIB_OBJS) $(AGENT_TEST_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

units: $(UNIT_BINS)

.SECONDARY:
.PHONY: all units clean
clean:
	rm -rf $(O)
