# Everything a person does with this repository. `make help` lists it.

SHELL   := /bin/sh
GO      ?= go
NPM     ?= npm
FUZZTIME ?= 20s
FUZZJOBS ?= $(shell getconf _NPROCESSORS_ONLN)
AUDIT_DIR ?= .demo/audit
# How many packages are tested at once. The slow ones wait for processes, not for a processor.
TESTP   ?= 4
TESTFLAGS ?=
CHAOS_ARGS ?= --report docs/CHAOS.md
DRILL_ARGS ?= --report docs/DRILL.md
export GOWORK = off

# One set of build flags for everything that is run, so that nothing is compiled twice.
BUILD   := CGO_ENABLED=0 $(GO) build -trimpath
TOOLS   := deploy/local/tools
PROGRAMS := ./cmd/core ./cmd/edge
LOCAL   := ./cmd/dev ./deploy/local/payments ./deploy/local/mailbox ./deploy/local/clickhouse

.DEFAULT_GOAL := help
.PHONY: help demo test sim build dev lint bench bench-oversell bench-core bench-failover bench-overload bench-checkout bench-edge bench-flash bench-purge bench-analytics bench-growth load traffic seed fuzz openapi generate test-deps ui-deps ui-test ui-audit terraform-test clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The recipe becomes the tool (exec), so that a signal to make reaches it and nothing is left running.
demo: ## three regions on this machine; DEMO_ARGS="--port-base 9000 --rtt 80ms …"; Ctrl-C stops all (cold 3-5 min, warm 15 s)
	@mkdir -p bin && $(BUILD) -o bin/dev ./cmd/dev && exec bin/dev up $(DEMO_ARGS)

build: ## bin/core and bin/edge (static, no cgo), and the development tool (1-2 min cold)
	@mkdir -p bin
	$(BUILD) -o bin/ $(PROGRAMS) $(LOCAL)

dev:
	@mkdir -p bin && $(BUILD) -o bin/dev ./cmd/dev

test: test-deps ui-deps build ## the CI suite: vet, unit, race, real processes, a purchase in a browser (at most 15 min cold on 2 cores)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt: run gofmt -w on:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	$(GO) test -race -count=1 -timeout 12m -p $(TESTP) $(TESTFLAGS) ./...

lint: ## gofmt, vet, staticcheck (2 min)
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); exit 1; }
	$(GO) vet ./...
	@mkdir -p bin && $(GO) build -C $(TOOLS) -trimpath -o ../../../bin/staticcheck honnef.co/go/tools/cmd/staticcheck
	bin/staticcheck ./...

SIM_HOURS ?= 1000
sim: ## SIM_HOURS=1000 simulated hours of three and of five cores under faults (about 45 minutes of processor time)
	SIM_HOURS=$(SIM_HOURS) GOGC=400 $(GO) test -count=1 -timeout 0 -v -run '^TestLong$$' ./test/sim
bench-analytics: build ## events into an edge, into ClickHouse and into a report; ANALYTICS_ARGS="--rounds 1", or --help (2 min)
	@$(BUILD) -o bin/bench-analytics ./test/bench/analytics && exec bin/bench-analytics $(ANALYTICS_ARGS)

bench-growth: build ## a core with 1 M SKUs, 1 M customers, 10 M orders: memory, start, cost an order, snapshots; GROWTH_ARGS="--orders 100000" (an hour and a half, 65 GB of disk)
	@$(BUILD) -o bin/growth ./test/bench/growth && exec bin/growth $(GROWTH_ARGS)

bench-oversell: dev ## 400 buyers, 100 units; plain and with the leader killed, near and at 80 ms (about 5 min)
	@exec bin/dev oversell --own

bench-core: bench-peers ## the core against PostgreSQL and Redis on a quiet machine; BENCH_ARGS="--rounds 1 --only hot", or --help (10 min)
	@mkdir -p bin && $(BUILD) -o bin/ ./cmd/core ./deploy/local/payments && $(BUILD) -o bin/bench-core ./test/bench/core && exec bin/bench-core $(BENCH_ARGS)

bench-failover: ## kill -9 of the leader, 50 times, to the next commit; BENCH_ARGS="--kills 10" (5 min)
	@mkdir -p bin && $(BUILD) -o bin/ ./cmd/core ./deploy/local/payments && $(BUILD) -o bin/bench-core ./test/bench/core && exec bin/bench-core --only failover $(BENCH_ARGS)

bench-overload: ## ten times the capacity, open loop: how much of it is still answered in time; BENCH_ARGS="--rounds 2" (2 min)
	@mkdir -p bin && $(BUILD) -o bin/ ./cmd/core ./deploy/local/payments && $(BUILD) -o bin/bench-core ./test/bench/core && exec bin/bench-core --only overload $(BENCH_ARGS)

bench-edge: build bench-peers ## a cached page of the edge against bare fasthttp, nginx and Varnish on a quiet machine; EDGE_ARGS="--rounds 1", or --help (5 min)
	@$(BUILD) -o bin/bench-edge ./test/bench/edge && exec bin/bench-edge $(EDGE_ARGS)

# The peers come from the system's packages; RUNLEVEL=1 keeps the packages from starting servers of their own.
# What stays missing is named by the benchmark that wants it.
bench-peers:
	@for need in /usr/lib/postgresql/15/bin/postgres:postgresql-15 redis-server:redis-server wrk:wrk nginx:nginx varnishd:varnish; do \
	  PATH="$$PATH:/usr/sbin" command -v "$${need%%:*}" >/dev/null 2>&1 || missing="$$missing $${need##*:}"; \
	done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "installing$$missing to compare with (once)"; \
	  export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1; \
	  apt-get install -y -q --no-install-recommends $$missing >/dev/null 2>&1 || \
	    { apt-get update -q >/dev/null && apt-get install -y -q --no-install-recommends $$missing >/dev/null; }; \
	fi

.PHONY: chaos faults chaos-deps
chaos: faults sim ## every fault: make faults, then make sim (70 min; root)

faults: dev chaos-deps ## 200 rounds of faults on real processes, 1,000 awaking leaders, written to docs/CHAOS.md (about 25 min; root); CHAOS_ARGS="--rounds 20" plays fewer and writes nothing
	@mkdir -p bin && $(BUILD) -o bin/ $(PROGRAMS) $(LOCAL) && exec bin/dev chaos $(CHAOS_ARGS)

.PHONY: drill
drill: dev ## lose a shop 24 times under load and restore it from its backup, written to docs/DRILL.md (about 7 min); DRILL_ARGS="--rounds 4" plays one shop and writes nothing
	@mkdir -p bin && $(BUILD) -o bin/ $(PROGRAMS) $(LOCAL) && exec bin/dev drill $(DRILL_ARGS)

load: build ## mixed journeys at three edges in steps up to the knee, written to docs/CAPACITY.md; LOAD_ARGS="--first 100", or --help (4 min)
	@$(BUILD) -o bin/load ./test/bench/load && exec bin/load $(LOAD_ARGS)

traffic: dev ## light traffic on a running demo; TRAFFIC_ARGS="--rate 20"; Ctrl-C ends it
	@exec bin/dev load $(TRAFFIC_ARGS)

seed: dev ## put the demo's catalogue, account and orders into a running demo (10 s)
	@exec bin/dev seed $(DEMO_ARGS)

# --baseline=DIR takes turns with another build; --peer=none leaves Vendure out (it wants node, npm and PostgreSQL 15).
bench-checkout: build bench-peers ## whole purchases at 32 shoppers, taking turns with Vendure; CHECKOUT_ARGS="--peer=none" (10 min)
	@$(BUILD) -o bin/bench-checkout ./test/bench/checkout && exec bin/bench-checkout $(CHECKOUT_ARGS)

bench-flash: build ## 1,000 units for ten times as many as may buy at once, with a waiting room and without; FLASH_ARGS="--rounds 1", or --help (10 min)
	@$(BUILD) -o bin/bench-flash ./test/bench/flash && exec bin/bench-flash $(FLASH_ARGS)

bench-purge: build ## from a write to the page on every edge, near and at 80 ms, and how many tags are purged a second; PURGE_ARGS="--rounds 1", or --help (2 min)
	@$(BUILD) -o bin/bench-purge ./test/bench/purge && exec bin/bench-purge $(PURGE_ARGS)

bench: bench-core bench-checkout bench-edge ## all comparisons, one after the other (25 min)

openapi: dev ## write docs/openapi.json (5 s)
	bin/dev openapi

generate: ## templ's Go files out of web/*.templ (10 s)
	@mkdir -p bin && $(GO) build -C $(TOOLS) -trimpath -o ../../../bin/templ github.com/a-h/templ/cmd/templ
	bin/templ generate -path web

# Each target has one worker, and as many targets run as there are processors.
fuzz: ## every fuzz target for FUZZTIME=20s each (about 8 min on 2 processors); FUZZ="meridian/edge meridian/web": some packages
	@for pkg in $(or $(FUZZ),$$($(GO) list ./...)); do \
	  for target in $$($(GO) test -list '^Fuzz' $$pkg 2>/dev/null | grep '^Fuzz' || true); do echo $$pkg $$target; done; \
	done | xargs -P $(FUZZJOBS) -L 1 sh -c 'out=$$($(GO) test -run "^$$" -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -parallel 1 $$0 2>&1) && \
	  echo "$$0 $$1: $$(echo "$$out" | grep -E "execs:" | tail -1)" || { echo "$$0 $$1"; echo "$$out"; exit 255; }'

# What the tests need and a fresh machine lacks: a C compiler for the race detector, and Chromium,
# both from the system's packages; playwright-core from npm; the S3 server and the ClickHouse engine.
test-deps: dev chaos-deps
	@if ! command -v "$$($(GO) env CC)" >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "installing a C compiler for the race detector (once)"; \
	    { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends gcc libc6-dev >/dev/null 2>&1 || \
	      { apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends gcc libc6-dev >/dev/null; }; }; \
	  else \
	    echo "a C compiler is missing, go test -race needs one: install gcc, or set CC" >&2; exit 1; \
	  fi; \
	fi
	@bin/dev fetch

# What breaking real cores needs: without it, or without root, the faults that need it are left out.
chaos-deps:
	@for need in ip:iproute2 iptables:iptables strace:strace mkfs.ext4:e2fsprogs; do \
	  command -v "$${need%%:*}" >/dev/null 2>&1 || missing="$$missing $${need##*:}"; \
	done; \
	if [ -n "$$missing" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "installing$$missing (once)"; \
	  { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing >/dev/null 2>&1 || \
	    { apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $$missing >/dev/null; }; } || \
	    echo "not installed:$$missing; the faults that need them are left out" >&2; \
	fi

ui-deps:
	@if [ -z "$$CHROMIUM" ] && ! command -v chromium >/dev/null 2>&1 && ! command -v chromium-browser >/dev/null 2>&1 && ! command -v google-chrome >/dev/null 2>&1; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	    echo "installing chromium (once)"; \
	    { DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium >/dev/null 2>&1 || \
	      { apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends chromium >/dev/null; }; }; \
	  else \
	    echo "chromium is missing and this is not root on Debian: install it, or set CHROMIUM to its path" >&2; exit 1; \
	  fi; \
	fi
	@if [ -f test/ui/package.json ] && [ ! -d test/ui/node_modules/playwright-core ]; then \
	  command -v $(NPM) >/dev/null 2>&1 || { echo "npm is missing: install Node.js, the browser tests need it" >&2; exit 1; }; \
	  echo "installing playwright-core (once)"; \
	  cd test/ui && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 $(NPM) ci --silent --no-audit --no-fund; \
	fi

ui-test: test-deps ui-deps build ## only the browser tests (2 min)
	$(GO) test -count=1 -timeout 5m -v ./test/ui/...

ui-audit: ui-deps dev ## accessibility, overflow and a picture of every kind of page of a running demo, into AUDIT_DIR=.demo/audit (2 min)
	@cd test/ui && SHOP_URL="$${SHOP_URL:-http://127.0.0.1:8080}" CREDENTIALS="$${CREDENTIALS:-$(CURDIR)/.demo/credentials.json}" \
	  CHROMIUM="$${CHROMIUM:-$$(command -v chromium || command -v chromium-browser || command -v google-chrome)}" \
	  node audit.mjs "$(CURDIR)/$(AUDIT_DIR)"

terraform-test: ## validate the modules and run their mock tests with the pinned provider (2 min)
	@sh deploy/terraform/test.sh

clean: ## delete what was built and the demo's state
	rm -rf bin .demo test/ui/node_modules
	$(GO) clean -testcache
