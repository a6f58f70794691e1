# riffle: `make help` lists what there is to do.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# VERSION is the tag, or the commit; "dev" where there is no git.
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X riffle/cmd/internal.version=$(VERSION)
LINT    := bin/golangci-lint
# DEV holds the servers, logs and data of `make up` and `make run-…`.
DEV     := riffle-data/dev
# ARGS is handed to what is run: make run ARGS='--source stdin:'.
ARGS    ?=
FUZZTIME ?= 10s
# Captured streams, where there are any beside the project: some tests read them.
export SHARED_DATA ?= $(realpath ../shared/data)

.PHONY: help
help: ## print this help
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The page: what it is made of, and what Vite makes of it.
PAGE := $(shell find web -path web/node_modules -prune -o -path web/dist -prune -o -path web/e2e -prune -o -path web/shots -prune -o -type f ! -name '*.test.*' ! -name '*.go' ! -name '.*' -print)

# Without npm the binaries are built all the same, and say on / what they lack.
web/dist/index.html: $(PAGE)
	@if command -v npm >/dev/null; then scripts/npm-ci && npm --prefix web run --silent build -- --logLevel warn && touch $@; \
	else echo "make: npm is missing (Node.js 20.19 or newer): building without the page" >&2; fi

.PHONY: build
build: web/dist/index.html ## build the page and the four binaries into bin/
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/riffle ./cmd/riffle
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/riffle-ingest ./cmd/ingest
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/riffle-filter ./cmd/filter
	CGO_ENABLED=0 go build -trimpath -ldflags '$(LDFLAGS)' -o bin/riffle-api ./cmd/api

.PHONY: run
run: build ## run all of riffle in one process on a generated stream, matches on the terminal
	@exec bin/riffle up $(ARGS)

.PHONY: test
test: ## run all tests, with a real Redis, MariaDB and Chromium (installed where missing)
	scripts/setup
	scripts/with-servers go test ./...
	go test -C bench ./...
	go test -C scripts/apicheck ./...
	$(MAKE) --no-print-directory test-page

.PHONY: test-page
test-page: build ## run the page's tests, in a real browser on the real binaries (pictures in web/shots)
	scripts/setup page
	npm --prefix web run --silent check
	npm --prefix web run --silent test

.PHONY: test-race
test-race: ## run all tests under the race detector
	scripts/setup
	scripts/with-servers go test -race ./...

.PHONY: e2e
e2e: ## run the real binaries as a user would, over a real Redis and MariaDB
	scripts/setup
	scripts/with-servers go test -count=1 ./pkg/e2e

.PHONY: chaos
chaos: ## maltreat the real processes and count (ARGS='-seed 7 -seeds 3 -for 5m', or '-faults')
	scripts/setup
	TEST_SERVERS=required go test -count=1 -v -timeout 0 -run 'TestLong|TestFaults' ./pkg/chaos -args $(or $(ARGS),-for 3m)

.PHONY: fuzz
fuzz: ## run every fuzz test for FUZZTIME (default 10s)
	scripts/fuzz $(FUZZTIME)

.PHONY: bench
bench: ## measure against the numbers of the design (ARGS='-short', '-list', '-row NAME')
	scripts/setup
	go run -C bench . $(ARGS)

.PHONY: lint
lint: $(LINT) ## check the code's form, the direction of imports, and that the API broke nothing
	$(LINT) run --allow-parallel-runners
	cd bench && ../$(LINT) run --allow-parallel-runners
	go mod tidy -diff
	go -C bench mod tidy -diff
	go run -C scripts/apicheck . ../../pkg/api/testdata/openapi-released.json ../../pkg/api/openapi.json

$(LINT): scripts/tools/go.mod scripts/tools/go.sum
	go build -C scripts/tools -o ../../$(LINT) github.com/golangci/golangci-lint/v2/cmd/golangci-lint

.PHONY: fmt
fmt: $(LINT) ## format the code
	$(LINT) fmt

.PHONY: check
check: lint test ## what CI runs: lint and test

.PHONY: up
up: build ## start a Redis and a MariaDB for run-ingest, run-filter and run-api
	@scripts/setup
	@scripts/servers start $(DEV)
	@. $(DEV)/env && bin/riffle migrate --store "$$MYSQL_URL"
	@cat $(DEV)/env

.PHONY: down
down: ## stop the servers of `make up`; their data stay in riffle-data/dev
	scripts/servers stop $(DEV)

# dev runs a command with the servers of `make up`.
dev = . $(DEV)/env && export RIFFLE_BUFFER=$$REDIS_URL RIFFLE_STORE=$$MYSQL_URL && exec

.PHONY: run-ingest
run-ingest: up ## run riffle-ingest in front of them (ARGS='--source …', default sim:)
	@$(dev) bin/riffle-ingest --state $(DEV)/ingest $(or $(ARGS),--source sim:)

.PHONY: run-filter
run-filter: up ## run a riffle-filter between them
	@$(dev) bin/riffle-filter --state $(DEV)/filter $(ARGS)

.PHONY: run-api
run-api: up ## run riffle-api over the store
	@$(dev) bin/riffle-api --state $(DEV)/api --listen 127.0.0.1:8080 $(ARGS)
