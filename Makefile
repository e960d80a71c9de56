# A thin front for meson and for the scripts in tools/. `make help` lists what there is.
#
#   CONFIGURE   further options of `meson setup`, for example CONFIGURE=-Dtests=false
#   PREFIX      where `make install` puts things (default /usr/local)
#   DESTDIR     a directory before PREFIX, for packagers
#   BENCH       options of `make bench` and its parts, for example BENCH=--quick or BENCH='--only growth'
#   ASK=no      do not look for missing packages (tools/setup)

CONFIGURE ?=
PREFIX ?=
ASK ?= yes
BENCH ?=

# ninja configures again by itself when a meson.build changes; packages that came since it cannot see.
configure = if ! test -f $(1)/build.ninja; then $(2) meson setup $(1) $(CONFIGURE) $(3); \
    elif test /var/lib/dpkg/status -nt $(1)/build.ninja; then meson setup --reconfigure $(1); fi
setup = test '$(ASK)' = no || tools/setup $(1)
# gcc 12's thread sanitizer stops where the kernel spreads addresses more widely than it expects.
fixed_addresses = $$(setarch -R true 2>/dev/null && echo setarch -R)
testlog = meson-logs/testlog.json
# The report decides on success: it also counts what meson does not.
run_tests = rm -f $(1)/$(testlog); $(3) meson test -C $(1) --no-rebuild $(2) || true

.PHONY: all run test test-sanitized build-clang test-clang soak bench bench-calls bench-more bench-http figures format lint deb install clean help

all: ## build the library and the command into build/
	@$(call setup,build)
	@$(call configure,build)
	@ninja -C build

run: ## install what is missing (it asks), build, and record that very build while a page shows it
	@$(call setup,run)
	@tools/first-run

test: ## build and run all tests; the last line counts them
	@$(call setup,test)
	@$(call configure,build)
	@ninja -C build
	@$(call run_tests,build,--no-suite soak)
	@tools/test-report build/$(testlog)

test-sanitized: ## the tests under the address, undefined-behaviour and thread sanitizers
	@$(call setup,test)
	@$(call configure,build/asan,CC=gcc CXX=g++,-Db_sanitize=address$(comma)undefined -Db_lundef=false -Dc_args=-fno-sanitize-recover=all)
	@$(call configure,build/tsan,CC=gcc CXX=g++,-Db_sanitize=thread -Db_lundef=false)
	@ninja -C build/asan
	@ninja -C build/tsan
	@$(call run_tests,build/asan,--no-suite soak --timeout-multiplier 4)
	@$(call run_tests,build/tsan,--suite store --suite engine --no-suite soak --timeout-multiplier 8,$(fixed_addresses))
	@tools/test-report build/asan/$(testlog) build/tsan/$(testlog)

build-clang:
	@$(call setup,test)
	@$(call configure,build/clang,CC=clang CXX=clang++)
	@ninja -C build/clang

test-clang: build-clang ## build with clang, warnings being errors, and run the quick tests
	@$(call run_tests,build/clang,--suite quick)
	@tools/test-report build/clang/$(testlog)

soak: ## the tests that take hours
	@$(call setup,test)
	@$(call configure,build)
	@ninja -C build
	@$(call run_tests,build,--suite soak --timeout-multiplier 0)
	@tools/test-report build/$(testlog)

bench: ## make every measurement there is (BENCH=--quick for less, BENCH=--list); build/bench/figures.json
	@$(call setup,run)
	@$(call configure,build)
	@bench/all build $(BENCH)

figures: ## put what `make bench` measured into docs/figures/ and README.md
	@bench/page build/bench/figures.json

bench-calls: ## measure daybook beside a bare SQLite program (BENCH=--quick for less); build/bench/bench.json
	@$(call setup,run)
	@$(call configure,build)
	@ninja -C build bench/bench
	@build/bench/bench $(BENCH)

bench-more: ## measure lineages, whole builds, operation keys and large values (BENCH=--quick for less)
	@$(call setup,run)
	@$(call configure,build)
	@ninja -C build bench/bench-more
	@build/bench/bench-more --folder build/bench/data $(BENCH)

bench-http: ## measure daybook serve; it takes wrk (BENCH=--quick for less); build/bench/http.json
	@$(call setup,run)
	@$(call configure,build)
	@ninja -C build daybook bench/http-bare bench/http-page
	@bench/http build $(BENCH)

format: ## rewrite the C files as .clang-format says
	@$(call setup,test)
	@tools/check-format --fix

lint: ## check the format, the layers, the words, the scripts and the exported names
	@$(call setup,test)
	@tools/check-format
	@tools/check-layers
	@tools/check-words
	@if command -v shellcheck >/dev/null; then shellcheck tools/setup tools/make-deb tools/first-run tools/check-format tools/check-words .ci/run; fi
	@if test -e build/src/libdaybook.so; then tools/check-symbols build/src/libdaybook.so include/daybook.h; fi

deb: ## build the Debian packages into build/deb, and look at them with lintian
	@$(call setup,deb)
	@mkdir -p build
	@tools/make-deb build/deb

install: all ## install below PREFIX
	@test -z '$(PREFIX)' || meson configure build --prefix '$(PREFIX)'
	@meson install -C build --quiet
	@test -n '$(DESTDIR)' || test "$$(id -u)" != 0 || /sbin/ldconfig

clean: ## remove build/; records stay
	@rm -rf build

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name text; do printf '  make %-15s %s\n' "$$name" "$$text"; done

comma := ,
