# archbench: build, test and run. Needs Go, a C compiler (for SQLite) and make.

SHELL   := /bin/bash
PLUGINS := bk mistral mamba gpt2 echo
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
# Plugins are identified by the sha256 of their files, so nothing but their code may change them.
GOFLAGS_BUILD := -trimpath -buildvcs=false
TOOL    := go tool -modfile=tools/go.mod
LINTER  := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

.PHONY: build quickstart test race check check-long lint lint-all vet-other generate check-generated bench-kernels bench-peers fuzz clean help

help: ## list the targets (the default)
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

build: ## bin/archbench and bin/archbench-plugin-*
	@mkdir -p bin
	CGO_ENABLED=1 go build $(GOFLAGS_BUILD) -ldflags "-X main.revision=$(VERSION)" -o bin/archbench ./harness
	@for p in $(PLUGINS); do echo "go build plugins/$$p"; \
	  CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o bin/archbench-plugin-$$p ./plugins/$$p || exit 1; done

quickstart: build ## run all suites over all plugins on the shipped models, and leave a report
	bin/archbench run quickstart --db results/quickstart.db --reports reports/quickstart

test: ## all tests, within 5 minutes; the summary says which were skipped and why
	$(TOOL) gotestsum --format pkgname --format-icons text --format-hide-empty-pkg -- ./...

race: ## the concurrent packages under the race detector
	go test -race ./lm/... ./internal/... ./plugins/... ./harness/internal/run/... ./harness/internal/store/...

check: test race lint vet-other check-generated ## what continuous integration runs

check-long: build ## what does not fit elsewhere: full reference evaluations, 1 M tokens, the kill tests
	ARCHBENCH_LONG=1 go test -count=1 -timeout 90m -p 1 ./...

lint: ## formatting and vet; the import rules are tests of internal/lint
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...

lint-all: ## golangci-lint over both modules; the first time builds it, for two minutes
	$(LINTER) run ./...
	cd internal/kernel/gen && $(LINTER) run --config ../../../.golangci.yml ./...

vet-other: ## the platforms without fast kernels build and vet
	GOOS=linux GOARCH=arm64 CGO_ENABLED=0 go vet ./lm/... ./internal/... ./plugins/...
	GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go build ./lm/... ./internal/... ./plugins/...

generate: ## regenerate what is checked in: the wire contract and the assembly
	$(TOOL) buf generate
	go generate ./internal/kernel

check-generated: generate ## what is checked in is what the generators write
	@git diff --exit-code -- lm/lmpb 'internal/kernel/*_amd64.s' 'internal/kernel/*_stubs_amd64.go' || \
	  { echo "generated files differ: run make generate and commit"; exit 1; }
	$(TOOL) buf lint

bench-kernels: ## every operation of every tier, with the share of the CPU's ceiling
	go test -run '^$$' -bench Ladder -benchtime 200ms ./internal/kernel

bench-peers: build ## archbench beside OpenBLAS, PyTorch and llama.cpp in one run (see bench/README.md)
	go run ./bench/peers

fuzz: ## every parser and every family of kernels, a few seconds each
	@set -e; for target in FuzzOpen:./internal/safetensors FuzzIndex:./internal/checkpoint FuzzParse:./internal/config \
	  FuzzParse:./internal/tokenizer FuzzRoundTrip:./internal/tokenizer FuzzParse:./harness/internal/suite \
	  FuzzConfig:./plugins/bk FuzzConfig:./plugins/mistral FuzzAMX:./internal/kernel \
	  FuzzProduct:./internal/kernel FuzzMulAdd:./internal/kernel FuzzRows:./internal/kernel \
	  FuzzScan:./internal/kernel FuzzChains:./internal/kernel; do \
	  go test -run '^$$' -fuzz "^$${target%%:*}\$$" -fuzztime 5s "$${target#*:}"; done

clean: ## remove binaries
	rm -rf bin
