# vstream: `make run` and `make check` are the two commands to know.
# `make help` lists the others.

VERSION := 0.2.0

SANITIZE ?=
B        ?= build$(if $(SANITIZE),/asan,)
PORT     ?= 8080
RUN_DIR  ?= build/run
KAFKA    ?= on

CC       ?= cc
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Werror
comma    := ,
SANFLAGS := $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer,)
OPT      := $(if $(SANITIZE),-O1,-O2)
CFLAGS   ?= -g $(OPT)
CPPFLAGS += -D_GNU_SOURCE -DVSTREAM_VERSION='"$(VERSION)"' \
            -Ingx_vstream_module/core -Iworkers/common -Iworkers/ingest \
            -Iworkers/ingest/camera

PKGS     := libavformat libavcodec libavutil libswscale libturbojpeg libcurl \
            hiredis jansson libmicrohttpd libcyaml yaml-0.1 rdkafka openssl
LIBS      = $(shell pkg-config --libs $(PKGS)) -lev -lm -lpthread -ldl
PKGFLAGS  = $(shell pkg-config --cflags $(PKGS))

CORE_FLAGS   := -std=c11 -pedantic -Ingx_vstream_module/core
WORKER_FLAGS  = -std=gnu11 $(CPPFLAGS) $(PKGFLAGS)

CORE_SRC   := $(sort $(wildcard ngx_vstream_module/core/*.c))
COMMON_SRC := $(sort $(wildcard workers/common/*.c))
INGEST_SRC := $(sort $(wildcard workers/ingest/*.c workers/ingest/camera/*.c))
MODULE_SRC := $(sort $(wildcard ngx_vstream_module/*.c ngx_vstream_module/*.h \
                ngx_vstream_module/core/*.c ngx_vstream_module/core/*.h)) config

CORE_OBJ   := $(CORE_SRC:%.c=$(B)/o/%.o)
INGEST_OBJ := $(COMMON_SRC:%.c=$(B)/o/%.o) $(INGEST_SRC:%.c=$(B)/o/%.o)

MODULE := $(B)/ngx_vstream_module.so
INGEST := $(B)/vstream-ingest


all: $(MODULE) $(INGEST)

# Core is C11 and nothing else: no POSIX, no warnings.
$(B)/o/ngx_vstream_module/core/%.o: ngx_vstream_module/core/%.c
	@mkdir -p $(@D)
	$(CC) $(CORE_FLAGS) $(WARN) -Wconversion $(SANFLAGS) $(CFLAGS) -fPIC \
	    -MMD -MP -c $< -o $@

$(B)/o/workers/%.o: workers/%.c
	@mkdir -p $(@D)
	$(CC) $(WORKER_FLAGS) $(WARN) $(SANFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(INGEST): $(INGEST_OBJ) $(CORE_OBJ)
	$(CC) $(SANFLAGS) $(LDFLAGS) -rdynamic -o $@ $^ $(LIBS)

-include $(CORE_OBJ:.o=.d) $(INGEST_OBJ:.o=.d)

# The module, against the headers and flags of Debian's own nginx.
NGINX_SRC := /usr/share/nginx/src

MODULE_FLAGS := -Ingx_vstream_module -Ingx_vstream_module/core \
                -isystem $(B)/nginx $(addprefix -isystem $(NGINX_SRC)/src/, \
                    core event event/modules os/unix http http/modules http/v2)

$(MODULE): $(MODULE_SRC)
	@mkdir -p $(B)/nginx
	cd $(NGINX_SRC) && . ./conf_flags && ./configure "$${NGX_CONF_FLAGS[@]}" \
	    --builddir=$(abspath $(B)/nginx) --add-dynamic-module=$(CURDIR) \
	    --with-cc-opt="-g $(OPT) $(SANFLAGS) -DVSTREAM_VERSION='\"$(VERSION)\"'" \
	    --with-ld-opt="$(SANFLAGS)" > $(abspath $(B)/nginx/configure.log)
	$(MAKE) -C $(NGINX_SRC) -f $(abspath $(B)/nginx)/Makefile modules
	cp $(B)/nginx/ngx_vstream_module.so $@.new && mv $@.new $@  # one may run

# Cameras for the demo and the tests; never sanitized, they are not ours to test.
CAMERAS    := $(B)/rtsp_camera $(B)/http_camera $(B)/fake_v4l2.so
CAMERA_CC   = $(CC) -std=gnu11 $(WARN) -g -O2 -D_GNU_SOURCE -o $@ $<

cameras: $(CAMERAS)

$(B)/rtsp_camera: t/cameras/rtsp_camera.c
	@mkdir -p $(@D)
	$(CAMERA_CC) $(shell pkg-config --cflags --libs gstreamer-rtsp-server-1.0 \
	    gstreamer-app-1.0 libavformat libavcodec libavutil)

$(B)/http_camera: t/cameras/http_camera.c
	@mkdir -p $(@D)
	$(CAMERA_CC) -lmicrohttpd

$(B)/fake_v4l2.so: t/cameras/fake_v4l2.c
	@mkdir -p $(@D)
	$(CAMERA_CC) -shared -fPIC

.PHONY: cameras

# Load for t/http; never sanitized either.
CLIENTS := $(B)/t/clients/viewers $(B)/t/clients/fake_clock.so

clients: $(CLIENTS)

$(B)/t/clients/%.so: t/clients/%.c
	@mkdir -p $(@D)
	$(CAMERA_CC) -shared -fPIC

$(B)/t/clients/%: t/clients/%.c
	@mkdir -p $(@D)
	$(CAMERA_CC) -lssl -lcrypto

.PHONY: clients

# What counts and refuses memory to nginx (t/faults/memory.c), and the module
# whose calls to nginx's pools are refused, too.
WRAPPED     := ngx_palloc ngx_pcalloc ngx_pnalloc ngx_pstrdup ngx_list_push \
               ngx_pool_cleanup_add ngx_http_cleanup_add
MODULE_OBJ  := $(patsubst ngx_vstream_module/%.c,%.o,$(filter %.c,$(MODULE_SRC)))
MODULE_OBJ  := $(patsubst %,$(B)/nginx/addon/%,$(filter core/%,$(MODULE_OBJ)) \
                   $(addprefix ngx_vstream_module/,$(filter-out core/%, \
                   $(MODULE_OBJ)))) $(B)/nginx/ngx_vstream_module_modules.o
MEMORY      := $(B)/t/faults/memory.so $(B)/t/faults/ngx_vstream_module.so

memory: $(MEMORY)

$(B)/t/faults/memory.so: t/faults/memory.c
	@mkdir -p $(@D)
	$(CAMERA_CC) -fno-builtin -shared -fPIC -ldl

$(B)/t/faults/ngx_vstream_module.so: $(MODULE)
	@mkdir -p $(@D)
	$(CC) -shared $(SANFLAGS) -o $@ $(MODULE_OBJ) \
	    $(addprefix -Wl$(comma)--wrap=,$(WRAPPED)) -lhiredis \
	    -Wl,--version-script=ngx_vstream_module/ngx_vstream.map

.PHONY: memory

# Programs of `make bench`; some are rooms of our own, alone.
BENCH := $(patsubst %.c,$(B)/%,$(sort $(wildcard t/bench/*.c)))
BENCH := $(BENCH:$(B)/t/bench/preload_%=$(B)/t/bench/preload_%.so)

$(B)/t/bench/kafka_frames $(B)/t/bench/publish_frames: $(B)/t/bench/%: \
        t/bench/%.c t/bench/load.h $(CORE_OBJ) \
        $(filter-out %/ingest/main.o,$(INGEST_OBJ))
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(WARN) $(CFLAGS) $(CPPFLAGS) $(PKGFLAGS) -o $@ \
	    $(filter %.c %.o,$^) -rdynamic $(LIBS)

$(B)/t/bench/%: t/bench/%.c t/bench/load.h
	@mkdir -p $(@D)
	$(CAMERA_CC) $(PKGFLAGS) $(LIBS)

$(B)/t/bench/preload_%.so: t/bench/preload_%.c
	@mkdir -p $(@D)
	$(CAMERA_CC) -shared -fPIC -fno-builtin

$(B)/t/bench/mjpeg_%: t/bench/mjpeg_%.c t/bench/ages.h
	@mkdir -p $(@D)
	$(CAMERA_CC)

# Unit tests, lint, fuzzing.  `make unit B=build/asan SANITIZE=1` is the same
# under AddressSanitizer and UndefinedBehaviorSanitizer.
UNIT_BIN := $(patsubst %.c,$(B)/%,$(sort $(wildcard t/unit/*.c)))

TEST_CC   = $(CC) -fuse-ld=gold -std=gnu11 $(WARN) $(SANFLAGS) $(CFLAGS) $(LDFLAGS) \
            -Ingx_vstream_module/core -o $@

$(B)/t/unit/%: t/unit/%.c t/unit/unit.h $(CORE_OBJ)
	@mkdir -p $(@D)
	$(TEST_CC) $< $(CORE_OBJ) -lcmocka

# What the camera process is made of, for tests of it alone.
CAMERA_OBJ := $(filter $(B)/o/workers/ingest/camera/% %/vsw_backoff.o \
                  %/vsw_link.o %/vsw_spawner.o,$(INGEST_OBJ))
CAMERA_PKGS = $(shell pkg-config --libs libavformat libavcodec libavutil \
                  libswscale libturbojpeg libcurl jansson)

$(B)/t/unit/vsw_%: t/unit/vsw_%.c t/unit/unit.h $(CAMERA_OBJ) $(CORE_OBJ)
	@mkdir -p $(@D)
	$(TEST_CC) $(CPPFLAGS) $< $(CAMERA_OBJ) $(CORE_OBJ) -rdynamic \
	    $(CAMERA_PKGS) -lcmocka -lpthread -lm

# The supervisor and its rooms, for tests of them alone.
SUPERVISOR_OBJ := $(filter-out %/ingest/main.o,$(INGEST_OBJ))

$(B)/t/unit/ingest_%: t/unit/ingest_%.c t/unit/unit.h $(SUPERVISOR_OBJ) \
                      $(CORE_OBJ)
	@mkdir -p $(@D)
	$(TEST_CC) $(CPPFLAGS) $(PKGFLAGS) $< $(SUPERVISOR_OBJ) $(CORE_OBJ) \
	    -rdynamic $(LIBS) -lcmocka

$(B)/t/workers/camera_driver: t/workers/camera_driver.c $(CAMERA_OBJ) \
                              $(CORE_OBJ)
	@mkdir -p $(@D)
	$(TEST_CC) $(CPPFLAGS) $< $(CAMERA_OBJ) $(CORE_OBJ) -rdynamic \
	    $(CAMERA_PKGS) -lpthread -lm

# Fuzz targets.  A name says what is under test: vsw_* is of the camera process,
# ingest_* of the supervisor, module_* of the module, without nginx (see
# t/fuzz/fuzz_nginx.h); the others are of core.  They are linked with archives, so
# that a target may include a .c file whose functions it calls by name.
FUZZ_NAMES := $(patsubst t/fuzz/%.c,%,$(filter-out %/replay.c, \
                  $(sort $(wildcard t/fuzz/*.c))))
REPLAY_BIN := $(FUZZ_NAMES:%=$(B)/t/fuzz/%)
FUZZ_BIN   := $(FUZZ_NAMES:%=build/fuzz/%)
FUZZ_H     := $(wildcard t/fuzz/*.h)

FUZZ_CC    := clang -std=gnu11 $(WARN) -Wno-unknown-attributes -g -O1 \
              -fno-sanitize-recover=all
FUZZ_LINK   = $(FUZZ_CC) -fsanitize=fuzzer,address,undefined \
              -Ingx_vstream_module/core -o $@

FUZZ_WORKERS = $(CPPFLAGS) -Iworkers/ingest $(PKGFLAGS)
# Of what an included file wants of nginx, that which no target reaches is not
# there.
FUZZ_MODULE  = $(MODULE_FLAGS) -Wno-write-strings -fno-pie -no-pie \
               -Wl,--unresolved-symbols=ignore-all
FUZZ_LIBS    = -Wl,--as-needed -ljansson

CORE_AR    := $(CORE_OBJ)
WORKERS_AR := $(filter-out %/ingest/main.o,$(INGEST_OBJ))

$(B)/t/fuzz/core.a: $(CORE_AR)
$(B)/t/fuzz/workers.a: $(WORKERS_AR)
build/fuzz/core.a: $(CORE_AR:$(B)/%=build/fuzz/%)
build/fuzz/workers.a: $(WORKERS_AR:$(B)/%=build/fuzz/%)

%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar rcs $@ $^

build/fuzz/o/%.o: %.c
	@mkdir -p $(@D)
	$(FUZZ_CC) -fsanitize=fuzzer-no-link,address,undefined $(CPPFLAGS) \
	    $(PKGFLAGS) -MMD -MP -c $< -o $@

-include $(patsubst $(B)/%.o,build/fuzz/%.d,$(CORE_AR) $(WORKERS_AR))

$(B)/t/fuzz/%: t/fuzz/%.c t/fuzz/replay.c $(FUZZ_H) $(B)/t/fuzz/core.a
	@mkdir -p $(@D)
	$(TEST_CC) $(filter %.c %.a,$^) $(FUZZ_LIBS)

build/fuzz/%: t/fuzz/%.c $(FUZZ_H) build/fuzz/core.a
	@mkdir -p $(@D)
	$(FUZZ_LINK) $(filter %.c %.a,$^) $(FUZZ_LIBS)

# A rule for each room, and for each of the two ways to build it.
define fuzz_room
$(B)/t/fuzz/$(1)_%: t/fuzz/$(1)_%.c t/fuzz/replay.c $(FUZZ_H) $(3:%=$(B)/t/fuzz/%) | $(4)
	@mkdir -p $$(@D)
	$$(TEST_CC) $$($(2)) $$(filter %.c %.a,$$^) $$(FUZZ_LIBS) $(5)

build/fuzz/$(1)_%: t/fuzz/$(1)_%.c $(FUZZ_H) $(3:%=build/fuzz/%) | $(4)
	@mkdir -p $$(@D)
	$$(FUZZ_LINK) $$($(2)) $$(filter %.c %.a,$$^) $$(FUZZ_LIBS) $(5)
endef

$(eval $(call fuzz_room,vsw,FUZZ_WORKERS,workers.a core.a,,$$(LIBS)))
$(eval $(call fuzz_room,ingest,FUZZ_WORKERS,workers.a core.a,,$$(LIBS)))
$(eval $(call fuzz_room,module,FUZZ_MODULE,core.a,$(MODULE),-lhiredis -lssl -lcrypto))

unit: $(UNIT_BIN) $(REPLAY_BIN)
	B=$(B) prove $(filter-out %/print_script,$(UNIT_BIN)) t/unit/*.t

lint: $(INGEST)
	B=$(B) prove t/lint/*.t

# What clang's analyzer, clang-tidy (.clang-tidy) and cppcheck have to say, of
# each file with the flags that it is built with, and again only where it or a
# header of ours says something else than before.
ANALYZED   := $(sort $(shell find ngx_vstream_module workers t -name '*.c'))
ANALYSES   := $(ANALYZED:%=$(B)/lint/%.ok)
GST_FLAGS   = $(shell pkg-config --cflags gstreamer-rtsp-server-1.0)
TEST_FLAGS := -It/unit -It/fuzz -It/bench

ANALYSIS_FLAGS = $(WORKER_FLAGS) $(TEST_FLAGS)
$(B)/lint/ngx_vstream_module/%: ANALYSIS_FLAGS = $(MODULE_FLAGS)
$(B)/lint/ngx_vstream_module/core/%: ANALYSIS_FLAGS = $(CORE_FLAGS)
$(B)/lint/t/cameras/%: ANALYSIS_FLAGS = $(WORKER_FLAGS) $(GST_FLAGS)
$(B)/lint/t/fuzz/module_%: ANALYSIS_FLAGS = $(MODULE_FLAGS) $(CPPFLAGS) \
                                            $(TEST_FLAGS)

# The analyzer gives a function up where it has seen this many states of it;
# DEPTH= has its own bound, takes four times as long, and has found no more.
DEPTH    ?= -Xclang -analyzer-config -Xclang max-nodes=50000
CPPCHECK := cppcheck --quiet --std=c11 --inline-suppr --error-exitcode=1 \
            --enable=warning,performance,portability -D__GNUC__ \
            '-Dvsw_log(...)=(void)0'

analysis: $(ANALYSES)

$(B)/lint/%.ok: % .clang-tidy | $(MODULE)
	@mkdir -p $(@D)
	@$(eval FLAGS := $(ANALYSIS_FLAGS))
	@clang -E -C -MMD -MP -MT $@ -MF $(@:.ok=.d) $(FLAGS) $< | \
	    cat - .clang-tidy | md5sum > $(@:.ok=.new)
	@cmp -s $(@:.ok=.new) $(@:.ok=.sum) || { \
	    { clang-tidy-14 --quiet $< -- $(FLAGS) $(DEPTH) > $(@:.ok=.log) 2>&1 \
	      || { cat $(@:.ok=.log); false; }; } && \
	    $(CPPCHECK) $(filter -I%,$(filter-out -I/%,$(FLAGS))) $< && \
	    mv $(@:.ok=.new) $(@:.ok=.sum); }
	@touch $@

-include $(wildcard $(ANALYSES:.ok=.d))

.PHONY: analysis

format:
	clang-format -i $(shell find ngx_vstream_module workers t -name '*.[ch]')

# What is found stays in build/fuzz; put it into t/fuzz/corpus with its cure.
MINUTES ?= 10
fuzz: packages
	@$(MAKE) --no-print-directory -j $$(nproc) $(FUZZ_BIN)
	@t/fuzz/run --minutes $(MINUTES) --jobs $(JOBS) $(TARGETS)

.PHONY: unit lint format fuzz

# Lines that tests reach: unit tests, the corpora of the fuzz targets, and some
# of what runs nginx and vstream-ingest.
COVERAGE := B=build/coverage OPT=-O0 SANFLAGS=--coverage \
            LDFLAGS="-Wl,--wrap=_exit build/coverage/exit.o"
COVERAGE_TESTS ?= $(addprefix t/http/,access.t conf.t filters.t health.t \
                      metrics.t mjpeg.t renditions.t snapshot.t status.t wall.t) \
                  $(addprefix t/workers/,camera_changes.t camera_containers.t \
                      camera_file.t camera_http.t \
                      camera_pattern.t camera_poll.t camera_rtsp.t \
                      camera_substream.t leases.t process.t redis.t secrets.t)
coverage: packages
	@mkdir -p build/coverage
	@$(CC) -c t/coverage/exit.c -o build/coverage/exit.o
	@$(MAKE) --no-print-directory -j $$(nproc) $(COVERAGE) test-programs media
	@find build/coverage -name '*.gcda' -delete
	@B=build/coverage prove --timer -j $(JOBS) t/unit/*.t \
	    $(filter-out %/print_script,$(UNIT_BIN:$(B)/%=build/coverage/%)) \
	    $(wildcard $(COVERAGE_TESTS)) || \
	    echo 'Some failed in this slow build; make check is their judge.'
	@t/coverage/report

.PHONY: coverage

# The local stack and the whole suite; conf/local/run says what it does.
LOCAL := PORT="$(PORT)" RUN_DIR="$(RUN_DIR)" KAFKA="$(KAFKA)" B="$(B)" \
         SANITIZE="$(SANITIZE)" conf/local/run
TESTS  = $(filter-out %/print_script,$(UNIT_BIN)) $(sort $(wildcard \
             t/unit/*.t t/unit/*.t.mjs t/lint/*.t t/http/*.t t/workers/*.t \
             t/e2e/*.t t/e2e/*.t.mjs))

run stop status media kafka redis6:
	@$(LOCAL) $(patsubst run,start,$@)

# All that `make run` and `make check` need of Debian.
packages:
	@$(LOCAL) packages gateway cameras kafka checks

# Most tests wait more than they work, so some run side by side.  Files that
# fail are run once more, alone: a machine that others use too may stand still
# for a second.  The last lines are the verdict.
JOBS ?= $(shell nproc)
PROVE = B=$(B) SANITIZE=$(SANITIZE) prove --timer --statefile=$(B)/prove.state
check: packages
	@$(MAKE) --no-print-directory -j $$(nproc) test-programs media kafka redis6
	@rm -f $(B)/prove.state
	@$(PROVE) -j $(JOBS) --state=save $(TESTS) || { \
	    echo "Once more, what failed:"; $(PROVE) --state=failed; }

test-programs: all cameras clients memory $(UNIT_BIN) $(REPLAY_BIN) \
               $(B)/t/workers/camera_driver

# Debian's nginx loads a sanitized module only after the sanitizer itself.
check-asan: packages
	@$(MAKE) --no-print-directory check SANITIZE=1 \
	    VSTREAM_PRELOAD="$$($(CC) -print-file-name=libasan.so)"

# The long forms of what check tries briefly, the figures, and HOURS of faults
# one after the other; HOURS=0 leaves these out.  All of it is done, whatever
# fails before.
HOURS ?= 2
soak: packages
	@$(MAKE) --no-print-directory -j $$(nproc) test-programs media kafka redis6
	@failed=0; export B=$(B) SANITIZE=$(SANITIZE); \
	VSTREAM_SOAK=1 prove t/http/*.t t/workers/*.t || failed=1; \
	t/workers/gaps || failed=1; \
	t/faults/soak --hours $(HOURS) || failed=1; \
	t/faults/table || failed=1; exit $$failed

# What it costs, as ratios to programs that run in the same minute; what comes
# of it is in build/bench.
bench bench-quick: packages
	@$(LOCAL) packages bench
	@$(MAKE) --no-print-directory -j $$(nproc) all cameras clients kafka $(BENCH)
	@B=$(B) t/bench/run $(if $(filter bench-quick,$@),--quick)

# A machine as a stranger has it, in a folder; as root.
check-bare:
	@t/bare/machine create build/bare
	@t/bare/machine run build/bare make check

install: all
	install -D -m 644 $(MODULE) \
	    $(DESTDIR)/usr/lib/nginx/modules/ngx_vstream_module.so
	install -d $(DESTDIR)/usr/share/nginx/modules-available
	echo 'load_module modules/ngx_vstream_module.so;' \
	    > $(DESTDIR)/usr/share/nginx/modules-available/mod-http-vstream.conf
	install -D -m 755 $(INGEST) $(DESTDIR)/usr/bin/vstream-ingest
	install -D -m 644 conf/ingest.example.yaml \
	    $(DESTDIR)/etc/vstream/ingest.yaml.example
	install -D -m 644 -t $(DESTDIR)/usr/share/vstream/conf conf/vstream.conf \
	    conf/nginx-tls.conf
	install -D -m 644 -t $(DESTDIR)/usr/share/vstream/conf/redis \
	    conf/redis/redis.conf conf/redis/users.acl
	install -D -m 644 -t $(DESTDIR)/lib/systemd/system conf/systemd/*.service
	mkdir -p $(DESTDIR)/usr/share/vstream
	cp -r --no-preserve=ownership html README.md LICENSE \
	    $(DESTDIR)/usr/share/vstream
	cp -r --no-preserve=ownership conf/schemas \
	    $(DESTDIR)/usr/share/vstream/conf

help:
	@echo 'make run         installs, builds and runs the demo: http://127.0.0.1:$(PORT)/'
	@echo '                 PORT=8080 and RUN_DIR=build/run tell two runs apart;'
	@echo '                 KAFKA=off starts none, KAFKA=host:port uses that one'
	@echo 'make stop        ends it'
	@echo 'make status      what runs, and how the cameras are'
	@echo 'make check       the whole test suite, with all that it needs'
	@echo 'make check-asan  the same under AddressSanitizer and UBSan'
	@echo 'make check-bare  the same on a fresh Debian in build/bare (root)'
	@echo 'make soak        the long forms of its tests, the figures, and faults one'
	@echo '                 after the other for HOURS=2'
	@echo 'make bench       what it costs, compared; in build/bench'
	@echo 'make bench-quick the same in three minutes, with more noise'
	@echo 'make unit        unit tests alone'
	@echo 'make lint        style, layers, documentation and static analysis'
	@echo 'make format      writes the typography of .clang-format'
	@echo 'make fuzz        fuzzes readers and writers, MINUTES=10 each, JOBS= at a'
	@echo '                 time; TARGETS= names some'
	@echo 'make coverage    lines that tests reach, core 90 % at least; in'
	@echo '                 build/coverage/html'
	@echo 'make packages    installs what the above need of Debian'
	@echo 'make kafka       fetches Apache Kafka, for the demo and the tests'
	@echo 'make redis6      fetches a Redis that is too old, for the tests'
	@echo 'make install     module, vstream-ingest, page, examples; DESTDIR='
	@echo 'make clean       removes build/'

clean:
	rm -rf build

.PHONY: run stop status media kafka redis6 packages check test-programs \
        check-asan check-bare soak bench bench-quick install help clean

SHELL := /bin/bash

.PHONY: all
