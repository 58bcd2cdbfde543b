# archbench: build, test and run. Needs Go, a C compiler (for SQLite) and make.

SHELL   := /bin/bash
PLUGINS := bk mistral mamba gpt2 echo
VERSION := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
# Plugins are identified by the sha256 of their files, so nothing but their code may change them.
GOFLAGS_BUILD := -trimpath -buildvcs=false
TOOL    := go tool -modfile=tools/go.mod
LINTER  := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Where make install puts things: $(DESTDIR)$(PREFIX) has the layout that internal/home describes.
BIN     := bin
PREFIX  ?= /usr/local
INSTALL ?= install
ROOT     = $(DESTDIR)$(PREFIX)
MODELS  := $(notdir $(wildcard models/*-3m))
DIST    := archbench-$(VERSION)-$(shell go env GOOS)-$(shell go env GOARCH)

.PHONY: build install uninstall dist quickstart test race check check-long lint lint-all vet-other generate check-generated bench-kernels bench-peers fuzz clean help

help: ## list the targets (the default)
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

build: ## bin/archbench and bin/archbench-plugin-*
	@mkdir -p bin
	CGO_ENABLED=1 go build $(GOFLAGS_BUILD) -ldflags "-X main.revision=$(VERSION)" -o bin/archbench ./harness/cmd/archbench
	@for p in $(PLUGINS); do echo "go build plugins/$$p"; \
	  CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o bin/archbench-plugin-$$p ./plugins/$$p || exit 1; done

install: build ## into PREFIX (default /usr/local), below DESTDIR if set
	$(INSTALL) -d "$(ROOT)/bin" "$(ROOT)/libexec/archbench" "$(ROOT)/share/archbench/models" "$(ROOT)/share/doc/archbench"
	$(INSTALL) -m 755 "$(BIN)/archbench" "$(ROOT)/bin"
	@for p in $(PLUGINS); do $(INSTALL) -m 755 "$(BIN)/archbench-plugin-$$p" "$(ROOT)/libexec/archbench" || exit 1; done
	$(INSTALL) -m 644 README.md LICENSE NOTICE "$(ROOT)/share/doc/archbench"
	@for m in $(MODELS); do $(INSTALL) -d "$(ROOT)/share/archbench/models/$$m" && \
	  $(INSTALL) -m 644 models/$$m/* "$(ROOT)/share/archbench/models/$$m" || exit 1; done

uninstall: ## remove what make install has put into PREFIX
	rm -f "$(ROOT)/bin/archbench"
	rm -rf "$(ROOT)/libexec/archbench" "$(ROOT)/share/archbench" "$(ROOT)/share/doc/archbench"

dist: ## dist/archbench-VERSION-OS-ARCH.tar.gz, an installation that runs wherever it is unpacked
	rm -rf dist/$(DIST)
	$(MAKE) install DESTDIR= PREFIX="$(CURDIR)/dist/$(DIST)"
	mv dist/$(DIST)/share/doc/archbench/* dist/$(DIST) && rm -r dist/$(DIST)/share/doc
	tar -C dist --owner=0 --group=0 -czf dist/$(DIST).tar.gz $(DIST)
	rm -rf dist/$(DIST)
	@echo dist/$(DIST).tar.gz

quickstart: build ## run all suites over all plugins on the shipped models, and leave a report
	bin/archbench run quickstart --db results/quickstart.db --reports reports/quickstart

test: ## all tests, within 5 minutes; the summary says which were skipped and why
	$(TOOL) gotestsum --format pkgname --format-icons text --format-hide-empty-pkg -- ./...

race: ## the concurrent packages under the race detector
	go test -race ./lm/... ./internal/... ./plugins/... ./harness/internal/run/... ./harness/internal/result/... ./harness/internal/store/...

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

fuzz: ## every parser and every family of kernels, some thousand inputs each
	@set -e; for target in FuzzOpen:./internal/safetensors FuzzStandard:./internal/strictjson \
	  FuzzDescribe:./internal/signature FuzzNamed:./internal/nn FuzzIndex:./internal/checkpoint FuzzParse:./internal/config \
	  FuzzParse:./internal/tokenizer FuzzRegex:./internal/tokenizer FuzzRoundTrip:./internal/tokenizer FuzzFolder:./internal/tokenizer \
	  FuzzSentencePiece:./internal/tokenizer FuzzParse:./harness/internal/suite FuzzRead:./harness/internal/exchange \
	  FuzzParseModel:./harness/internal/run FuzzParseGate:./harness/internal/result \
	  FuzzParseBudget:./harness/internal/train FuzzParse:./harness/internal/claim FuzzParse:./harness/internal/experiment FuzzParse:./harness/internal/task FuzzLines:./harness/internal/corpus \
	  FuzzRead:./harness/internal/bundle FuzzVerify:./harness/internal/bundle FuzzUnpack:./harness/internal/store \
	  FuzzConfig:./plugins/bk FuzzConfig:./plugins/mistral FuzzConfig:./plugins/gpt2 FuzzConfig:./plugins/mamba \
	  FuzzConfig2:./plugins/mamba FuzzAMX:./internal/kernel \
	  FuzzProduct:./internal/kernel FuzzMulAdd:./internal/kernel FuzzRows:./internal/kernel \
	  FuzzScan:./internal/kernel FuzzChains:./internal/kernel; do \
	  go test -run '^$$' -fuzz "^$${target%%:*}\$$" -fuzztime 3000x -fuzzminimizetime 10x "$${target#*:}"; done

clean: ## remove binaries and tarballs
	rm -rf bin dist
