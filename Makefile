# SPDX-License-Identifier: GPL-2.0
#
# make            build/limpetd and build/limpet
# make demo       everything on this machine, with real traffic (root)
# make check      all tests (root); ends with "N passed, N failed, N skipped"
# make bench      build/bench/report.json
# make soak       a simulated day, and thousands of random histories through the model (root)
# make stress     threads and floods, STRESS_SECONDS each (default 120, root)
# make vm         loads and forwards on other kernels, in virtual machines
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

PKGS     := libbpf libnl-3.0 libnl-route-3.0 libuv libcurl libssl libcrypto libmicrohttpd jansson libfyaml libseccomp
VERSION  := $(shell cat VERSION)

WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wwrite-strings -Wundef -Wvla -Wimplicit-fallthrough
CPPFLAGS += -D_GNU_SOURCE -DLIMPET_VERSION='"$(VERSION)"' -Iinclude -Iuser -Itests -I$(O)
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


$(O)/limpetd: $(AGENT_OBJS) $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(O)/limpet: $(CLI_OBJS) $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(O)/tests/unit/test_%: $(O)/tests/unit/test_%.o $(LIB_OBJS) $(AGENT_TEST_OBJS) $(CLI_TEST_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(UNIT_LIBS) $(LDLIBS)

PROG_OBJS := $(patsubst %.c,$(O)/%.o,$(wildcard tests/prog/*.c))

$(O)/tests/progrun: $(PROG_OBJS) $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

BENCH_LIB_OBJS := $(patsubst %.c,$(O)/%.o,$(filter-out tests/bench/bench_%.c %.bpf.c,$(wildcard tests/bench/*.c)))

$(O)/tests/bench/bench_%: $(O)/tests/bench/bench_%.o $(BENCH_LIB_OBJS) $(LIB_OBJS) $(filter-out $(O)/user/agent/options.o,$(AGENT_TEST_OBJS))
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

units: $(UNIT_BINS)

# --- tests -----------------------------------------------------------------

ASAN_CFLAGS := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

# The same tree under ASan and UBSan, in a directory of its own.
asan:
	+$(Q)$(MAKE) --no-print-directory O=$(O)/asan CFLAGS="$(ASAN_CFLAGS)" all units

$(O)/tests/e2e/pass.bpf.o: tests/e2e/pass.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

# The kernel matrix: scripts/vm boots other kernels, tests/vm is what runs there.
$(O)/tests/vm/replay: $(O)/tests/vm/replay.o $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

# KERNELS, "6.1 6.12" or names of Debian's packages; the default is in scripts/vm.
vm: deps-vm
	+$(Q)$(MAKE) --no-print-directory -j$(shell nproc) tools
	$(Q)LIMPET_BUILD=$(O) scripts/vm $(KERNELS)

tools: all $(O)/tests/progrun $(O)/tests/vm/replay $(O)/tests/e2e/pass.bpf.o $(O)/tests/life/limpetd

# limpetd with faults: what fault.c wraps is told by its own list of __wrap_ names.
FAULT_OBJ   := $(O)/tests/life/fault.o
FAULT_WRAPS = $(shell nm $(FAULT_OBJ) | sed -n 's/.* T __wrap_/-Wl,--wrap=/p')

$(O)/tests/life/limpetd: $(FAULT_OBJ) $(AGENT_OBJS) $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) $(FAULT_WRAPS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

# --- stress tests (tests/stress) ---

STRESS_BPF   := $(wildcard tests/stress/*.bpf.c)
STRESS_SKELS := $(STRESS_BPF:tests/stress/%.bpf.c=$(O)/bpf/%.skel.h)
STRESS_SRCS  := $(filter-out %.bpf.c,$(wildcard tests/stress/*.c))
STRESS_OBJS  := $(STRESS_SRCS:%.c=$(O)/%.o)
STRESS_BINS  := $(patsubst tests/stress/%.c,$(O)/tests/stress/%,$(wildcard tests/stress/stress_*.c))
STRESS_LIB   := $(filter-out $(O)/tests/stress/stress_%.o,$(STRESS_OBJS))

$(O)/bpf/%.bpf.o: tests/stress/%.bpf.c $(BPF_HDRS) $(wildcard tests/stress/*.h) Makefile
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

$(STRESS_OBJS): | $(STRESS_SKELS)

$(O)/tests/stress/stress_%: $(O)/tests/stress/stress_%.o $(STRESS_LIB) $(LIB_OBJS) $(AGENT_TEST_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

# Built by check, too; here each of them runs for longer.
STRESS_SECONDS ?= 120
stressers: $(STRESS_BINS)
stress: stressers
	$(Q)scripts/check --build $(O) --only stress --stress-seconds $(STRESS_SECONDS)
.PHONY: stress stressers

# --- fuzzers ---

# libFuzzer comes with clang; its objects are in a directory of their own.
FUZZ_SECONDS ?= 60
FUZZ_FLAGS   := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_LIB     := $(wildcard user/lib/*.c user/core/*.c user/dp/*.c)
FUZZ_OBJS    := $(FUZZ_LIB:%.c=$(O)/fuzz/%.o)

$(O)/fuzz/%.o: %.c Makefile VERSION | $(SKELS)
	$(call say,FUZZ-CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(CPPFLAGS) -std=gnu11 $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link $(PKG_CFLAGS) -MMD -MP -c $< -o $@

$(O)/tests/fuzz/fuzz_%: $(O)/fuzz/tests/fuzz/fuzz_%.o $(FUZZ_OBJS)
	$(call say,LINK,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^ $(PKG_LIBS) $(LDLIBS)

fuzzers: $(FUZZ_BINS)

fuzz: deps-test
	+$(Q)$(MAKE) --no-print-directory fuzzers
	$(Q)scripts/check --build $(O) --only fuzz --fuzz-seconds $(FUZZ_SECONDS)

deps:
	$(Q)scripts/deps
deps-test:
	$(Q)scripts/deps --test
deps-vm:
	$(Q)scripts/deps --vm

# What is installed by deps has to be there before make looks for it, hence the
# second make.
check: deps-test
	-$(Q)scripts/deps --vm
	+$(Q)$(MAKE) --no-print-directory -j$(shell nproc) tools asan fuzzers stressers model
	$(Q)scripts/check --build $(O)

demo: deps-test
	+$(Q)$(MAKE) --no-print-directory -j$(shell nproc) tools
	$(Q)LIMPET_BUILD=$(O) scripts/demo

# Packets of bench_records have the model's clock.
$(O)/tests/bench/clocked.o: | $(O)/bpf/model.skel.h

BENCHES := $(patsubst tests/bench/%.c,$(O)/tests/bench/%,$(wildcard tests/bench/bench_*.c))
# control.py drives limpetd between network namespaces, as the end-to-end tests do.
benches: all $(BENCHES) $(O)/tests/e2e/pass.bpf.o
bench: deps-test
	+$(Q)$(MAKE) --no-print-directory -j$(shell nproc) benches
	$(Q)LIMPET_BUILD=$(O) scripts/bench

# --- the model of the affinity engine ---------------------------------------
# make soak   a simulated day of the agent's core, and SOAK_HISTORIES random histories
#             (root), from SOAK_SEED on

$(O)/bpf/model.bpf.o: tests/model/model.bpf.c $(BPF_HDRS) Makefile
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@

MODEL_OBJS := $(patsubst %.c,$(O)/%.o,$(filter-out %.bpf.c,$(wildcard tests/model/*.c)))
$(MODEL_OBJS): | $(O)/bpf/model.skel.h

$(O)/tests/model/model: $(MODEL_OBJS) $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS)

$(O)/tests/soak/soak_%: $(O)/tests/soak/soak_%.o $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(UNIT_LIBS) $(LDLIBS)

SOAK_HISTORIES ?= 5000
SOAK_SEED      ?= 1000000
model: $(O)/tests/model/model
soak: model $(O)/tests/soak/soak_day
	$(Q)$(O)/tests/soak/soak_day $(SOAK_SEED)
	$(Q)$(O)/tests/model/model --histories $(SOAK_HISTORIES) --seed $(SOAK_SEED)

.PHONY: model soak

# --- the source ------------------------------------------------------------

C_FILES := $(wildcard bpf/*.[ch] include/limpet/*.h user/*/*.[ch] tests/*/*.[ch])

format:
	$(Q)$(CLANG_FORMAT) -i $(C_FILES)

TIDY := $(CLANG_TIDY) --quiet --warnings-as-errors='*'
# Of cppcheck's own mistakes: it trips over compound literals in ?:, takes an
# output parameter for an input, and recommends readdir_r(), which glibc forbids.
CPPCHECK := cppcheck --quiet -j$(shell nproc) --error-exitcode=1 --inline-suppr --std=c11 --library=posix \
            --enable=warning,performance,portability --suppress=missingIncludeSystem \
            --suppress=internalAstError --suppress=ctuuninitvar --suppress=readdirCalled \
            --include=.cppcheck.h

# Says what would be changed and warned about; changes nothing.
lint: deps-test
	+$(Q)$(MAKE) --no-print-directory $(SKELS)
	$(Q)$(CLANG_FORMAT) --dry-run -Werror $(C_FILES)
	$(Q)$(CPPCHECK) $(CPPFLAGS) user
	$(Q)tidy() { $(TIDY) "$$@" -- $(CPPFLAGS) -std=gnu11 $(PKG_CFLAGS) 2> >(grep -v 'warnings\? generated' >&2); }; \
		export -f tidy; printf '%s\n' $(wildcard user/*/*.c) | xargs -P$(shell nproc) -n4 bash -c 'tidy "$$@"' tidy
	$(Q)$(TIDY) $(BPF_SRCS) -- $(BPF_CFLAGS) 2> >(grep -v 'warnings\? generated' >&2)

install: all
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(PREFIX)/bin $(DESTDIR)/etc/limpet
	install -d $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8
	install -d $(DESTDIR)$(PREFIX)/share/doc/limpet $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m755 $(O)/limpetd $(DESTDIR)$(PREFIX)/sbin/limpetd
	install -m755 $(O)/limpet $(DESTDIR)$(PREFIX)/bin/limpet
	install -m644 docs/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m644 docs/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m644 docs/*.md docs/examples/*.yaml $(DESTDIR)$(PREFIX)/share/doc/limpet/
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/sysusers.d
	sed 's|/usr/|$(PREFIX)/|g' scripts/systemd/limpetd.service >$(DESTDIR)$(PREFIX)/lib/systemd/system/limpetd.service
	chmod 644 $(DESTDIR)$(PREFIX)/lib/systemd/system/limpetd.service
	install -m644 scripts/systemd/limpet.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/limpet.conf
	install -m644 scripts/limpet.bash-completion $(DESTDIR)$(PREFIX)/share/bash-completion/completions/limpet

.SECONDARY:
.PHONY: all units asan tools fuzzers fuzz deps deps-test deps-vm check demo vm benches bench format lint install clean
clean:
	rm -rf $(O)
