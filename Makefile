# What a newcomer needs: `make demo` and `make test`. `make help` lists the rest.

CARGO ?= cargo
DEMO_JOBS ?= 200

.PHONY: help demo test test-browser test-oldest check fmt lint install deps bench fuzz soak noisy measure-api walk measure-register chaos chaos-tokens failover upgrade waiters

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: deps ## build, then run everything on this machine: Redis, a simulated Zoom, the daemon, 200 jobs
	$(CARGO) build --locked --profile demo --bin zoomd
	./target/demo/zoomd dev --jobs $(DEMO_JOBS)
	@echo "to look around: ./target/demo/zoomd dev --port 4400, and http://127.0.0.1:4400/ in a browser"

test: deps ## every test
	$(CARGO) test --locked --workspace
	@if server=$$(./scripts/redis-6.2.sh); then $(MAKE) --no-print-directory test-oldest ZOOMD_REDIS_SERVER=$$server; fi

test-browser: deps ## the console in a real Chromium, which must be there; takes the picture of the README
	./scripts/ensure-browser.sh
	ZOOMD_BROWSER=required ZOOMD_PICTURES=$(CURDIR)/docs/images $(CARGO) test --locked --workspace --test it console::

export ZOOMD_REDIS_SERVER
# Before 7.0 a script cannot ask for rights, and a server counts its commands otherwise.
test-oldest: ## the queue's tests on the redis-server that ZOOMD_REDIS_SERVER names
	$(CARGO) test --locked -p zoomd-store --test queue -- --skip without_a_right_of --skip commands_of_a_job

check: fmt lint test ## what CI checks

fmt: ## formatting
	$(CARGO) fmt --all --check

lint: ## clippy, warnings as errors
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

install: ## put zoomd into cargo's bin folder
	$(CARGO) install --locked --path .

deps: ## install redis-server if there is none
	@./scripts/ensure-redis.sh

bench: deps ## the same work through zoomd and other queues (half an hour)
	python3 bench/run.py

noisy: deps ## whether an account with 100,000 waiting jobs delays 1,000 quiet ones (two minutes)
	python3 bench/noisy.py

MEASURE_JOBS ?= 1000000
MEASURE_ROUNDS ?= 5
measure-api: deps ## the API and console with a million waiting jobs, and the cost of 100 followers (ten minutes)
	$(CARGO) build --locked --profile demo --bin zoomd
	ZOOMD_BIN=$(CURDIR)/target/demo/zoomd ZOOMD_MEASURE_JOBS=$(MEASURE_JOBS) ZOOMD_MEASURE_ROUNDS=$(MEASURE_ROUNDS) \
		$(CARGO) test --locked --workspace --test it measure:: -- --nocapture --test-threads 1

walk: deps ## the pure models beside the real scripts, 100,000 random steps each (two minutes)
	ZOOMD_MODEL_STEPS=50000 $(CARGO) test --locked -p zoomd-store --test queue alike

FUZZ_SECONDS ?= 240
fuzz: ## mutate jobs and answers of Zoom's for four minutes each
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) test --locked -p zoomd-wire --test wire fuzz -- --nocapture
	FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) test --locked -p zoom-api --test it fuzz -- --nocapture

SOAK_JOBS ?= 1000000
soak: deps ## a million jobs; ends with what the daemon and Redis have grown by
	$(CARGO) build --locked --profile demo --bin zoomd
	SOAK_JOBS=$(SOAK_JOBS) SOAK_DAEMON=$(CURDIR)/target/demo/zoomd $(CARGO) test --locked --test soak -- --nocapture --test-threads 1

REGISTER_MEETINGS ?= 1000000
measure-register: deps ## bytes of Redis for each of a million meetings, with and without a topic (ten minutes)
	ZOOMD_REGISTER_MEETINGS=$(REGISTER_MEETINGS) $(CARGO) test --locked -p zoomd-store --test queue a_meeting_takes_at_most_400_bytes -- --nocapture

CHAOS_SECONDS ?= 600
CHAOS_WORLDS ?= 8
chaos: deps ## everything dies for ten minutes while meetings are made, changed and deleted; ends with a table
	CHAOS_SECONDS=$(CHAOS_SECONDS) CHAOS_WORLDS=$(CHAOS_WORLDS) $(CARGO) test --locked --test chaos -- --nocapture

chaos-tokens: deps ## everything goes wrong for ten minutes while tokens rotate; ends with a table
	ZOOMD_CHAOS_SECONDS=$(CHAOS_SECONDS) $(CARGO) test --locked -p zoomd --test it chaos::whatever -- --nocapture

FAILOVER_ROUNDS ?= 3
failover: deps ## masters of Sentinel and Cluster are moved, killed and woken under three daemons; ends with a table
	ZOOMD_FAILOVER_ROUNDS=$(FAILOVER_ROUNDS) $(CARGO) test --locked -p zoomd --test it failover:: -- --nocapture

upgrade: deps ## FROM=<older-zoomd>: its daemons are replaced by this build's under load, and no job, meeting or token is lost
	ZOOMD_FROM=$(abspath $(FROM)) $(CARGO) test --locked -p zoomd --test it upgrade:: -- --nocapture

waiters: deps ## how soon a thousand waiting jobs start after a rotation
	ZOOMD_WAITER_RUNS=9 $(CARGO) test --locked --profile demo -p zoomd --test it waiters:: -- --nocapture
