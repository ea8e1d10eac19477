# dsn-broker. `make demo` and `make test` install what is missing first; see README.md.

SHELL := /bin/bash
.DEFAULT_GOAL := help
DEMO ?= stay
WITH ?=
BENCH ?=
BUILD := $(or $(CARGO_TARGET_DIR),target)
# The command `dsn` goes into images that have nothing else.
STATIC := $(shell uname -m)-unknown-linux-musl
# A debug build of the broker can be told to die at a named step.
TRIALS := exec setpriv --pdeathsig TERM $(BUILD)/debug/trials

.PHONY: help demo test fuzz chaos soak bench lint generate deps drivers helm image kubernetes fmt

help: ## Show this help
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: deps ## Start everything on loopback and play the story once (DEMO=once ends after it; WITH=planetscale,neon,db9,rds,mysql)
	@cargo build --locked -p dsn-broker -p devstack
	@DEMO=$(DEMO) WITH="$(WITH)" exec setpriv --pdeathsig TERM broker/devstack/demo.sh

test: deps ## Run all tests, on real servers that they start themselves
	@.ci/test

fuzz: deps ## Search the parsers, led by coverage: FOR=10m for each target, or for TARGET=tokens
	@FOR=$(or $(FOR),1m) TARGET="$(TARGET)" .ci/fuzz

bench: ## Measure each path beside its bare limit, for about a quarter of an hour (BENCH="--only fetch")
	@.ci/deps wrk musl-tools:musl-gcc
	@cargo build --locked --release -p dsn-broker -p trials
	@rustup --quiet target add $(STATIC)
	@CC_$(subst -,_,$(STATIC))=musl-gcc cargo build --locked --profile small -p dsn --target $(STATIC)
	@exec $(BUILD)/release/trials bench --dsn $(BUILD)/$(STATIC)/small/dsn $(BENCH)

chaos: deps ## Kill, cut off and stop the broker under load, then look for what was lost (FOR=60s SEED=7)
	@cargo build --locked --quiet -p dsn-broker -p trials
	@$(TRIALS) chaos --binary $(BUILD)/debug/dsn-broker --for $(or $(FOR),60s) $(if $(SEED),--seed $(SEED))

soak: deps ## Call the broker for long while its configuration changes, then look for what has grown (FOR=10m SEED=7)
	@cargo build --locked --quiet -p dsn-broker -p trials
	@$(TRIALS) soak --binary $(BUILD)/debug/dsn-broker --for $(or $(FOR),10m) $(if $(SEED),--seed $(SEED))

lint: deps ## Formatting, lints, documentation, generated files, dependencies; silent when all is well
	@cargo fmt --all --check
	@cargo clippy --locked --quiet --workspace --all-targets -- -D warnings
	@# In the workspace all of its features are on: each has to do without the others, too.
	@for feature in "" tokio-postgres deadpool-postgres sqlx-postgres sqlx-mysql; do \
	  cargo clippy --locked --quiet -p dsn-broker-sdk --features "$$feature" -- -D warnings || exit 1; done
	@# Nobody reads this but those who work on it: private items are shown, so that links to them lead somewhere.
	@RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --locked --quiet --workspace --no-deps --document-private-items
	@cargo run --locked --quiet -p dsn-broker -- openapi | diff -u openapi/openapi.json - \
	  || { echo "openapi/openapi.json is stale: run 'make generate'"; exit 1; }
	@cargo run --locked --quiet -p dsn-broker -- formats | diff -u broker/connect.md - \
	  || { echo "broker/connect.md is stale: run 'make generate'"; exit 1; }
	@! command -v cargo-deny >/dev/null || cargo deny --locked --log-level error check bans licenses sources >/dev/null

drivers: ## Install the drivers of all languages that the tests connect with, where they can be had
	@.ci/drivers

helm: ## Build Helm and what inspects the chart, for the tests of it, where Go is there
	@.ci/helm

kubernetes: ## Build the API server that the tests on Kubernetes start, where it can be had
	@.ci/kubernetes

image: ## Build what the images of helm/Dockerfile hold, and try it without an engine of containers
	@.ci/image

generate: helm ## Write the generated files anew
	cargo run --locked --quiet -p dsn-broker -- openapi > openapi/openapi.json.new
	mv openapi/openapi.json.new openapi/openapi.json
	cargo run --locked --quiet -p dsn-broker -- formats > broker/connect.md.new
	mv broker/connect.md.new broker/connect.md
	WRITE_GOLDEN=1 cargo test --locked --quiet -p dsn-broker --test it -- --exact dsn::golden::what_each_format_says_is_as_it_was_reviewed
	WRITE_GOLDEN=1 cargo test --locked --quiet -p dsn --test it -- --exact injector::golden::what_each_pod_becomes_is_as_it_was_reviewed
	# The chart's golden files are rendered by its schema.
	WRITE_GOLDEN=1 cargo test --locked --quiet -p dsn-broker --test it -- chart::schema::it_is chart::values::the_page
	WRITE_GOLDEN=1 cargo test --locked --quiet -p dsn-broker --test it -- chart::render::what_each

fmt: ## Format the code
	cargo fmt --all

deps: ## Install the servers and tools that are missing (Debian)
	@.ci/deps
