# SPDX-License-Identifier: MIT
# What there is to make: make help. All output is below build/.

PREFIX ?= /usr/local
KERNEL ?= 6.1
KDIR ?= /lib/modules/$(shell uname -r)/build
export PYQUEUE_CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pyqueue

kernels := 6.1 6.12
kselftest := $(PYQUEUE_CACHE)/linux-source-6.1/tools/testing/selftests
build := $(CURDIR)/build
vm := PATH='$(build)/bin':"$$PATH" tools/vm/vm --kernel $(KERNEL)

# V=1 shows the commands. Without it sub-makes with nothing to do say nothing.
Q := $(if $(V),,@)
quiet := --no-print-directory $(if $(V),,-s)

# For whoever has not said how many jobs: where much is built, as many as there are processors.
jobs = $(if $(filter -j%,$(MAKEFLAGS)),,-j$(shell nproc))

all: lib tools $(if $(wildcard $(KDIR)/Makefile),module,no-module)

define help_text
pyqueue: a queue between processes, in the kernel or in shared memory

  make demo              count words with several processes through /dev/pyqueue
      With PYQUEUE_BACKEND=shm on this machine itself, in plain shared memory.
  make check             all tests, on kernels $(kernels)
      Both first set up what they need: packages by apt when run as root, kernels
      into $(PYQUEUE_CACHE).
      They run in a virtual machine; this machine's own kernel is left alone.

  make                   the library, the command, and the module for this kernel
  make lib | tools | examples
                         one of them
  make module [KDIR=DIR] the module for other kernel headers
  make install [DESTDIR=] [PREFIX=$(PREFIX)]
                         the library, its headers, the command, manual pages;
                         make uninstall, with the same values, takes them away
                         (queues that exist stay: pyqueue ls, pyqueue rm)

  make vm [CMD='...'] [KERNEL=6.1|6.12]
                         run a command in the virtual machine, or a shell
  make bench [KERNEL=] [ARGS=]
                         measure: make bench-native, on this machine in shared memory;
                         make bench-guest, the module in the virtual machine.
                         Results, a table and pictures: build/bench/. Half an hour;
                         in a minute: ARGS='--workload 1p1c --size 48 --rounds 3'
  make stress [MINUTES=1] [RUNS=100] [KERNEL=6.1|6.12|native]
                         natively: processes that put, get and are killed, for so long,
                         and then so many short runs; and for so long the soak:
                         everything together. With KERNEL=6.1 or 6.12 the soak of the
                         module, in the virtual machine
  make check-debug [KERNEL=6.1|6.12]
                         the tests of the module again, in kernels that watch themselves
                         (KASAN, UBSAN, lockdep) and fail when asked to. Builds them
                         first, which takes 10 minutes each, once
  make fuzz [MINUTES=1] [KERNEL=6.1|6.12|native]
                         look for inputs that make the library do what it should not,
                         natively: so long for each program of selftests/fuzz; with
                         KERNEL=6.1 or 6.12 the module, in a kernel that watches itself
  make arm64             the library, the command and the module for arm64, on this
                         machine, in build/arm64; make check-arm64 runs what an
                         emulator of one processor's instructions can run
  make check-litmus      what memory models say of the ring's orderings (needs herd7)
  make coverage          which lines and branches of the library its native tests run:
                         a table, and build/coverage/not-run.txt
  make lint              style and static checks
  make clean             remove build/
  make help              this text

  V=1 shows the commands.
endef

help:
	$(info $(help_text))
	@:

# --- the parts

lib:
	$(Q)$(MAKE) $(quiet) -C lib

tools examples: lib
	$(Q)$(MAKE) $(quiet) -C $@

# Beside "tools", for it needs the libraries that it compares with.
bench-program: lib
	$(Q)$(MAKE) $(quiet) -C tools bench

selftests: lib
	@mkdir -p $(build)/selftests
	$(Q)$(MAKE) $(quiet) -C selftests KSFT='$(kselftest)' OUTPUT='$(build)/selftests'

# With the patience that a kernel needs which watches itself.
selftests-debug: lib
	@mkdir -p $(build)/selftests-debug
	$(Q)$(MAKE) $(quiet) -C selftests KSFT='$(kselftest)' OUTPUT='$(build)/selftests-debug' \
		USERCFLAGS=-DPYQUEUE_SLOW=8
	$(Q)$(MAKE) $(quiet) for-guest

# What the virtual machine runs beside them.
for-guest: lib
	$(Q)$(MAKE) $(quiet) -C selftests/shm for-guest KSFT='$(kselftest)' OUTPUT='$(build)/shm'
	$(Q)$(MAKE) $(quiet) -C selftests/fuzz kernel OUTPUT='$(build)/fuzz'
	$(Q)$(MAKE) $(quiet) -C selftests/soak

# --- the module: kmod/ is mirrored by links, once for each kernel, for kbuild
# puts its output where it finds the sources

kmod_sources := $(wildcard kmod/*) $(shell find include -name '*.h')
kmod_headers = $(if $(filter build/kmod,$(@D)),$(KDIR),$(@D:build/kmod-%=$(PYQUEUE_CACHE)/kernel-%/headers))
# In a debug kernel it says what of it has been run: gcov for us, KCOV for the fuzzer.
# Such a kernel has KUnit, too.
kmod_watched = $(if $(findstring kmod-debug,$(@D)),GCOV_PROFILE=y KCOV_INSTRUMENT=y \
	CONFIG_PYQUEUE_KUNIT_TEST=m)

# CONFIG_DEBUG_INFO_BTF_MODULES: type information wants a vmlinux, which header
# packages do not have.
build/kmod/pyqueue.ko $(patsubst %,build/kmod-%/pyqueue.ko,arm64 $(kernels) $(kernels:%=debug-%)): $(kmod_sources)
	@echo '  KMOD    $(@D:build/%=%)'
	@mkdir -p $(@D)
	$(Q)ln -sf $(addprefix ../../,$(filter-out kmod/Makefile,$(wildcard kmod/*))) $(@D)
	$(Q)find $(@D) -xtype l -delete
	$(Q)$(MAKE) $(quiet) -C '$(kmod_headers)' M='$(CURDIR)/$(@D)' PYQUEUE_INCLUDE='$(CURDIR)/include' \
		CONFIG_PYQUEUE=m CONFIG_DEBUG_INFO_BTF_MODULES= $(kmod_watched) $(kbuild) modules
	@touch $@

modules: $(kernels:%=build/kmod-%/pyqueue.ko)

# KDIR may be another one than last time: kbuild will know.
module: build/kmod/pyqueue.ko
build/kmod/pyqueue.ko: FORCE
FORCE:

no-module:
	@echo "No kernel headers in $(KDIR): the module is not built. Install"
	@echo "linux-headers-$$(uname -r), name others (make module KDIR=...), or try make demo."

# --- in the virtual machine

setup:
	$(Q)tools/setup/packages
	$(Q)tools/setup/kernels

setup-bench:
	$(Q)tools/setup/packages build bench

setup-vm:
	$(Q)tools/setup/packages build vm
	$(Q)tools/setup/kernels $(KERNEL)

# The set-up comes first, also under -j, and is for compilers too: hence sub-makes.

ifeq ($(PYQUEUE_BACKEND),shm)
demo:
	$(Q)tools/setup/packages library
	$(Q)$(MAKE) $(quiet) $(jobs) lib tools examples
	$(Q)examples/demo.sh
else
demo: setup-vm
	$(Q)$(MAKE) $(quiet) $(jobs) lib tools examples build/kmod-$(KERNEL)/pyqueue.ko
	$(Q)$(vm) -- examples/demo.sh </dev/null
endif

check: setup
	$(Q)$(MAKE) $(quiet) $(jobs) lib tools bench-program examples selftests modules for-guest
	$(Q)selftests/run-all </dev/null

MINUTES ?= 1
soak_seconds = $(shell echo $$(($(MINUTES) * 60)))

# Who does not name a kernel means this machine.
stress: $(if $(filter file,$(origin KERNEL))$(filter native,$(KERNEL)),stress-native,stress-guest)

stress-native:
	$(Q)tools/setup/packages build test
	$(Q)tools/setup/kernels source
	$(Q)$(MAKE) $(quiet) lib
	$(Q)$(MAKE) $(quiet) -C selftests/shm stress KSFT='$(kselftest)' OUTPUT='$(build)/shm'
	$(Q)[ '$(MINUTES)' = 0 ] || $(MAKE) $(quiet) -C selftests/soak check SOAK_SECONDS=$(soak_seconds)

stress-guest: setup-vm
	$(Q)$(MAKE) $(quiet) lib build/kmod-$(KERNEL)/pyqueue.ko
	$(Q)$(MAKE) $(quiet) -C selftests/soak
	$(Q)$(vm) --timeout 0 -- selftests/soak.sh -t $(soak_seconds) </dev/null

fuzz: $(if $(filter file,$(origin KERNEL))$(filter native,$(KERNEL)),fuzz-native,fuzz-guest)

fuzz-native:
	$(Q)tools/setup/packages build test
	$(Q)$(MAKE) $(quiet) -C selftests/fuzz fuzz OUTPUT='$(build)/fuzz'

# With a memory for what has been found: the inputs stay in build/fuzz/found/kernel.
fuzz-guest:
	$(Q)tools/setup/packages build vm test
	$(Q)tools/setup/kernels source debug-$(KERNEL)
	$(Q)$(MAKE) $(quiet) build/kmod-debug-$(KERNEL)/pyqueue.ko
	$(Q)$(MAKE) $(quiet) -C selftests/fuzz kernel OUTPUT='$(build)/fuzz'
	$(Q)PATH='$(build)/bin':"$$PATH" tools/vm/vm --kernel debug-$(KERNEL) --mem 2048 --timeout 0 -- \
		selftests/fuzz_kernel.sh $(or $(MINUTES),1) </dev/null

coverage:
	$(Q)tools/setup/packages library test coverage
	$(Q)tools/setup/kernels source
	$(Q)KSFT='$(kselftest)' tools/coverage/run

# Tables to the terminal; JSON, and of it a table and pictures, to build/bench. ARGS are
# options of pyqueue-bench. One half after the other, also under -j.
bench:
	$(Q)$(MAKE) $(quiet) bench-native
	$(Q)$(MAKE) $(quiet) bench-guest

bench-native: setup-bench
	$(Q)$(MAKE) $(quiet) bench-program
	$(Q)PYQUEUE_BACKEND=shm tools/bench/record build/bench/native.json build/bin/pyqueue-bench $(ARGS)

# Not those that take a daemon, threads or an interpreter: the emulator has two processors.
guest_peers := getppid,pyqueue,pyqueue no spin,pyqueue batch32,pyqueue sealed,pyqueue sealed batch32,pyqueue ioctl,pyqueue write+read,pyqueue aio,mutex ring,mutex ring tries,boost,mqueue,sysv,seqpacket,pipe,pyqueue aio64,pyqueue aio64 epoll,epoll+pipes
guest_workloads := one,1p1c,2p2c,4p4c,pingpong,burst,full,loop64,echo64

# The emulator's clock is this machine's, and so is who else is at work.
bench-guest: setup-vm setup-bench
	$(Q)$(MAKE) $(quiet) bench-program build/kmod-$(KERNEL)/pyqueue.ko
	$(Q)PATH='$(build)/bin':"$$PATH" \
		PYQUEUE_BENCH_HOST_LOAD="$$(cut -d ' ' -f 1-3 /proc/loadavg) $$(getconf _NPROCESSORS_ONLN)" \
		tools/bench/record build/bench/guest-$(KERNEL).json tools/vm/vm --kernel $(KERNEL) -- \
		build/bin/pyqueue-bench --workload $(guest_workloads) --size 48 \
		--peer '$(guest_peers)' $(ARGS) </dev/null

# As written on the command line: what is a variable there is the guest shell's.
export PYQUEUE_VM_COMMAND := $(value CMD)

vm: setup-vm
	$(Q)$(MAKE) $(quiet) lib tools build/kmod-$(KERNEL)/pyqueue.ko >&2
	$(Q)$(vm) $(if $(value CMD),-- sh -c "$$PYQUEUE_VM_COMMAND",--tty -- bash)

# --- arm64, on this machine

arm64 := $(build)/arm64
liburing_arm64 = $(PYQUEUE_CACHE)/arm64-liburing/usr
for_arm64 = CC=aarch64-linux-gnu-gcc AR=aarch64-linux-gnu-ar CPPFLAGS='-isystem $(liburing_arm64)/include' \
	LDFLAGS='-L$(liburing_arm64)/lib/aarch64-linux-gnu -Wl,-rpath-link,$(liburing_arm64)/lib/aarch64-linux-gnu'

setup-arm64:
	$(Q)tools/setup/packages build arm64
	$(Q)tools/setup/kernels source
	$(Q)tools/setup/arm64

arm64: setup-arm64
	$(Q)$(MAKE) $(quiet) -C lib O='$(arm64)/lib' $(for_arm64)
	$(Q)$(MAKE) $(quiet) -C tools O='$(arm64)/bin' LIB_O='$(arm64)/lib' $(for_arm64)
	$(Q)$(MAKE) $(quiet) build/kmod-arm64/pyqueue.ko

# What the kernel's symbols are is for its own build to know.
build/kmod-arm64/pyqueue.ko: kernel = $(PYQUEUE_CACHE)/kernel-6.1-arm64
build/kmod-arm64/pyqueue.ko: kmod_headers = $(kernel)
build/kmod-arm64/pyqueue.ko: kbuild = ARCH=arm64 CROSS_COMPILE=aarch64-linux-gnu- KBUILD_MODPOST_WARN=1

check-arm64: arm64
	$(Q)$(MAKE) $(quiet) -C selftests/arm64 check KSFT='$(kselftest)' OUTPUT='$(arm64)/check' \
		LIB_O='$(arm64)/lib' $(for_arm64)

check-litmus:
	$(Q)tools/setup/kernels source
	$(Q)KSFT='$(kselftest)' selftests/litmus/run '$(build)/litmus'

debug_kernels := $(if $(filter command line,$(origin KERNEL)),$(KERNEL),$(kernels))

check-debug:
	$(Q)tools/setup/packages build vm test coverage
	$(Q)tools/setup/kernels source $(debug_kernels:%=debug-%)
	$(Q)$(MAKE) $(quiet) $(jobs) lib tools examples selftests-debug $(debug_kernels:%=build/kmod-debug-%/pyqueue.ko)
	$(Q)selftests/run-all $(debug_kernels:%=debug-%) </dev/null
	$(Q)tools/coverage/kmod $(debug_kernels:%=debug-%)

lint: setup
	$(Q)tools/lint/run

# --- the rest

# Said once and before anything has been copied.
install: lib tools
	$(Q)at='$(DESTDIR)$(PREFIX)'; while [ ! -e "$$at" ]; do at=$$(dirname "$$at"); done; \
	if [ ! -w "$$at" ]; then \
		echo "make install: $$(id -un) may not write to $$at: be root, or choose" >&2; \
		echo "another place, such as make install PREFIX=\$$HOME/.local" >&2; exit 1; \
	fi
	$(Q)$(MAKE) $(quiet) -C lib install PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)'
	$(Q)$(MAKE) $(quiet) -C tools install PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)'

uninstall:
	$(Q)$(MAKE) $(quiet) -C lib uninstall PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)'
	$(Q)$(MAKE) $(quiet) -C tools uninstall PREFIX='$(PREFIX)' DESTDIR='$(DESTDIR)'

clean:
	rm -rf build

.PHONY: all help lib tools examples selftests selftests-debug for-guest modules module no-module \
	setup setup-bench setup-vm bench-program demo check stress bench bench-native \
	bench-guest vm check-debug lint install uninstall clean FORCE fuzz setup-arm64 arm64 \
	check-arm64 check-litmus coverage stress-native \
	stress-guest fuzz-native fuzz-guest
.DELETE_ON_ERROR:
