# Ringpost: `make help` names the targets. V=1 shows the commands, WERROR=1 makes warnings errors,
# SAN=address,undefined or SAN=thread and COV=1 build variants, each in a folder of its own.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.DEFAULT_GOAL := all
ifeq ($(origin CC),default)
CC := gcc
endif
comma := ,
PREFIX ?= /usr/local
SYSTEMD_UNIT_DIR ?= $(PREFIX)/lib/systemd/system
VERSION := 0.1

is_clang := $(findstring clang,$(notdir $(firstword $(CC))))
BUILD := build$(if $(is_clang),-clang)$(if $(SAN),-$(subst $(comma),-,$(SAN)))$(if $(COV),-cov)

# ---- what it is made of: new files are found by themselves
PROTO   := $(wildcard proto/*.c)
STORAGE := $(wildcard storage/*.c)
CORE    := $(filter-out core/main.c,$(wildcard core/*.c))
TOOLS   := $(wildcard tools/*.c)
SUPPORT := $(wildcard tests/support/*.c)
UNIT    := $(wildcard tests/unit/*.c)
# The storage's disk is chosen when a program is linked: tests of the kernel's disk stand apart.
UNIT_KERNEL := $(if $(UNIT),$(shell grep -lE '"core/(disk_posix|store)\.h"' $(UNIT)))
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
MICRO   := $(patsubst bench/%.c,%,$(wildcard bench/micro_*.c))
MICRO_KERNEL := $(patsubst bench/%.c,%,$(if $(MICRO),$(shell grep -lE '"core/(disk_posix|store)\.h"' $(MICRO:%=bench/%.c))))
BENCH   := $(filter-out bench/ringbench.c $(MICRO:%=bench/%.c),$(wildcard bench/*.c))
MANUALS := $(wildcard docs/*.[158])

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
PROGRAMS := $(BUILD)/ringpostd $(BUILD)/ringpost $(BUILD)/ringbench

# ---- flags
LIBRARIES := liburing libconfuse libargon2 libxcrypt jemalloc
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	$(if $(WERROR),-Werror)
ALL_CFLAGS := -std=gnu17 -O2 -g $(WARNINGS) -fPIE -I. -DRINGPOST_VERSION='"$(VERSION)"' -MMD -MP
ifneq ($(SAN),)
# What gcc guesses about variables at -O1 is often wrong; the plain build is asked instead.
ALL_CFLAGS += $(if $(is_clang),,-Wno-maybe-uninitialized) -O1 -fno-omit-frame-pointer -fsanitize=$(SAN) \
	$(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined)
ALL_LDFLAGS := -fsanitize=$(subst fuzzer-no-link$(comma),,$(SAN))
LIBRARIES := $(filter-out jemalloc,$(LIBRARIES))
else
ALL_CFLAGS += -fstack-protector-strong -U_FORTIFY_SOURCE $(if $(COV),-O0,-D_FORTIFY_SOURCE=2)
ALL_LDFLAGS := -Wl,-z,relro,-z,now
endif
ALL_CFLAGS += $(if $(COV),--coverage) $(CFLAGS)
ALL_LDFLAGS += -pie $(if $(COV),--coverage) $(LDFLAGS)
LDLIBS = $(WOLFSSL_LIBS) $(shell pkg-config --libs $(LIBRARIES)) -lpthread -ldl
with_system := -D_GNU_SOURCE
$(call objects,$(PROTO) $(STORAGE)): with_system :=

# ---- quiet unless asked
ifneq ($(V),1)
Q := @
say = @printf '  %-7s %s\n' $(1) $(2)
endif

# ---- what has to be there before anything is compiled
goals := $(or $(MAKECMDGOALS),all)
ifneq ($(filter-out help deps demo bench check house fuzz format clean uninstall,$(goals)),)
WOLFSSL_LIBS := $(shell tools/wolfssl --libs 2>/dev/null)
ALL_CFLAGS += $(shell tools/wolfssl --cflags 2>/dev/null)
# Of libcurl only the headers: `ringpost` loads it when it is needed (docs/decisions/0012).
ALL_CFLAGS += $(shell pkg-config --cflags libcurl 2>/dev/null)
ifeq ($(and $(WOLFSSL_LIBS),$(shell pkg-config --exists 'liburing >= 2.3' libcurl $(LIBRARIES) 2>/dev/null && echo yes)),)
$(error Libraries that Ringpost needs are missing: run "make deps")
endif
# Other flags than last time, or another compiler: everything is compiled again.
flags := $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS)
ifneq ($(file <$(BUILD)/flags),$(flags))
$(shell mkdir -p $(BUILD))
$(file >$(BUILD)/flags,$(flags))
endif
# A file came or went: the archives are made again, so that none keeps what is no longer there.
files := $(PROTO) $(STORAGE) $(CORE) $(BENCH) $(SUPPORT)
ifneq ($(file <$(BUILD)/files),$(files))
$(file >$(BUILD)/files,$(files))
endif
endif

# ---- programs
all: $(PROGRAMS) ## build the server, the administrator's command and ringbench (also the default)

$(BUILD)/ringpostd: $(BUILD)/core/main.o $(BUILD)/core.a $(BUILD)/storage.a $(BUILD)/proto.a
$(BUILD)/ringpost: $(call objects,$(TOOLS)) $(BUILD)/core.a $(BUILD)/storage.a $(BUILD)/proto.a
$(BUILD)/ringbench: $(BUILD)/bench/ringbench.o $(BUILD)/bench.a $(BUILD)/core.a $(BUILD)/storage.a $(BUILD)/proto.a
$(BUILD)/ringbench: LDLIBS += -lm
$(BUILD)/bench/report.o: bench/report.html
$(BUILD)/proto.a: $(call objects,$(PROTO))
$(BUILD)/storage.a: $(call objects,$(STORAGE))
$(BUILD)/core.a: $(call objects,$(CORE))
$(BUILD)/bench.a: $(call objects,$(BENCH))
$(BUILD)/support.a: $(call objects,$(SUPPORT))

# Which of two disks is taken is the order of the archives.
KERNEL_DISK := $(addprefix $(BUILD)/,bench.a core.a support.a storage.a proto.a)
FAKE_DISK   := $(addprefix $(BUILD)/,support.a bench.a core.a storage.a proto.a)
$(BUILD)/unit: $(call objects,$(filter-out $(UNIT_KERNEL),$(UNIT))) $(FAKE_DISK)
$(BUILD)/unit_kernel: $(call objects,$(UNIT_KERNEL)) $(KERNEL_DISK)
$(BUILD)/unit $(BUILD)/unit_kernel: LDLIBS += -lcriterion -lm
UNIT_PROGRAMS := $(BUILD)/unit $(if $(UNIT_KERNEL),$(BUILD)/unit_kernel)

REPLAYS := $(FUZZERS:%=$(BUILD)/fuzz/replay_%)
$(REPLAYS): $(BUILD)/fuzz/replay_%: $(BUILD)/tests/fuzz/fuzz_%.o $(BUILD)/tests/fuzz/replay_main.o $(FAKE_DISK)
FUZZ_PROGRAMS := $(FUZZERS:%=$(BUILD)/fuzz/fuzz_%)
$(FUZZ_PROGRAMS): $(BUILD)/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FAKE_DISK)
$(FUZZ_PROGRAMS): ALL_LDFLAGS += -fsanitize=fuzzer
MICRO_PROGRAMS := $(MICRO:%=$(BUILD)/bench/%)
$(filter-out $(MICRO_KERNEL:%=$(BUILD)/bench/%),$(MICRO_PROGRAMS)): $(BUILD)/bench/%: $(BUILD)/bench/%.o $(FAKE_DISK)
$(MICRO_KERNEL:%=$(BUILD)/bench/%): $(BUILD)/bench/%: $(BUILD)/bench/%.o $(KERNEL_DISK)

$(PROGRAMS) $(UNIT_PROGRAMS) $(REPLAYS) $(FUZZ_PROGRAMS) $(MICRO_PROGRAMS):
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) \
		-Wl,--start-group $(filter %.a,$^) -Wl,--end-group $(LDLIBS)

$(BUILD)/%.a: $(BUILD)/files
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) $(with_system) -c -o $@ $<

$(BUILD)/flags $(BUILD)/files: ;
.SECONDARY:
.DELETE_ON_ERROR:
-include $(patsubst %.o,%.d,$(call objects,$(PROTO) $(STORAGE) $(CORE) core/main.c $(BENCH) bench/ringbench.c $(TOOLS) $(SUPPORT) \
	$(UNIT) $(MICRO:%=bench/%.c) $(FUZZERS:%=tests/fuzz/fuzz_%.c) tests/fuzz/replay_main.c))

# ---- tests
unit-programs: $(UNIT_PROGRAMS)
replay-programs: $(REPLAYS)

test-unit: $(UNIT_PROGRAMS) ## unit tests of every room
	$(Q)for program in $^; do $$program || exit 1; done

test-system: $(PROGRAMS) ## the real server with real mail programs; ONLY=test_clients for one file
	$(Q)RINGPOST_BUILD=$(BUILD) tools/run_system_tests $(ONLY)

fuzz-replay: $(REPLAYS) ## every fuzzer over its saved inputs (SAN=address,undefined is wise)
	$(Q)for name in $(FUZZERS); do $(BUILD)/fuzz/replay_$$name tests/fuzz/corpus/$$name || exit 1; done

FUZZ ?= line
SECONDS ?= 60
fuzz: ## search with libFuzzer: FUZZ=line SECONDS=60
	$(Q)$(MAKE) CC=clang SAN=fuzzer-no-link,address,undefined COV= fuzz-one FUZZ=$(FUZZ)
	$(Q)mkdir -p build-fuzz/$(FUZZ)
	$(Q)build-clang-fuzzer-no-link-address-undefined/fuzz/fuzz_$(FUZZ) -max_total_time=$(SECONDS) \
		-artifact_prefix=build-fuzz/ build-fuzz/$(FUZZ) tests/fuzz/corpus/$(FUZZ)
fuzz-one: $(BUILD)/fuzz/fuzz_$(FUZZ)

bench: ## measure against the floor and Dovecot, hold it against bench/budgets; OPTIONS="--quick --only poll"
	@tools/deps build bench
	@$(MAKE) -s CC=gcc SAN= COV= all
	$(Q)tools/bench $(OPTIONS)

bench-micro: $(MICRO_PROGRAMS) ## measure rooms by themselves: coding, checksums, lines, plans, opening, delivery
	$(Q)for program in $^; do $$program || exit 1; done

check: ## install what is missing, build, and run every test
	@tools/deps build check browser
	@WERROR=$(WERROR) tools/check

house: ## the rules of the house: layers, sizes, comments, formatting
	@$(MAKE) -s CC=gcc SAN= COV= archives
	$(Q)tools/check_house
archives: $(BUILD)/proto.a $(BUILD)/storage.a

format: ## format every C file with clang-format
	$(Q)tools/check_house --format

# ---- for people
demo: ## install what is missing, build, and serve two users' mail on 127.0.0.1, ports 1110 and 1995 (TLS)
	@tools/deps build
	@$(MAKE) -s SAN= COV= all
	$(Q)tools/demo

deps: ## install the libraries and programs that are missing (apt-get)
	@tools/deps build check browser

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(firstword $(MAKEFILE_LIST)) | \
		awk -F'|' '{ printf "  %-12s %s\n", $$1, $$2 }'

install: all ## install below DESTDIR and PREFIX (/usr/local)
	$(Q)install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(SYSTEMD_UNIT_DIR) \
		$(DESTDIR)$(PREFIX)/share/doc/ringpost
	$(Q)install -m 755 $(BUILD)/ringpostd $(DESTDIR)$(PREFIX)/sbin/ringpostd
	$(Q)install -m 755 $(BUILD)/ringpost $(BUILD)/ringbench $(DESTDIR)$(PREFIX)/bin
	$(Q)install -m 644 README.md LICENSE $(wildcard docs/*.example) $(DESTDIR)$(PREFIX)/share/doc/ringpost
	$(Q)sed 's,@PREFIX@,$(PREFIX),' tools/ringpostd.service >$(DESTDIR)$(SYSTEMD_UNIT_DIR)/ringpostd.service
	$(Q)for page in $(MANUALS); do \
		install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done

uninstall: ## remove what install put there; configuration and mail stay
	$(Q)rm -f $(DESTDIR)$(PREFIX)/sbin/ringpostd $(DESTDIR)$(PREFIX)/bin/ringpost \
		$(DESTDIR)$(PREFIX)/bin/ringbench $(DESTDIR)$(SYSTEMD_UNIT_DIR)/ringpostd.service
	$(Q)rm -rf $(DESTDIR)$(PREFIX)/share/doc/ringpost
	$(Q)for page in $(MANUALS); do \
		rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; done

clean: ## remove everything that was built
	$(Q)rm -rf build build-*

.PHONY: all unit-programs replay-programs test-unit test-system fuzz-replay fuzz fuzz-one bench bench-micro \
	check house archives format demo deps help install uninstall clean
