# Nobody is forced to use this: every target is one ordinary command.
.DEFAULT_GOAL := help
.PHONY: help lab test race fuzz bench lint build suite peers

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

lab: ## run the built-in example
	go run ./cmd/thaw lab

build: ## build bin/thaw
	go build -trimpath -o bin/thaw ./cmd/thaw

test: ## the tests that need nothing but Go
	go test ./...

race: ## all tests with the race detector, real servers required
	THAW_REQUIRE_REAL=1 go test -race ./...

fuzz: ## each fuzz target for 20 seconds
	@grep -rlE 'func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r d; do \
	  grep -hoE 'func Fuzz[A-Za-z0-9_]+' "$$d"/*_test.go | sed 's/func //' | while read -r f; do \
	    echo "$$d $$f"; go test "$$d" -run '^$$' -fuzz "^$$f$$" -fuzztime 20s || exit 1; done; done

bench: ## the figures of docs/lab.md, on this machine
	go test ./lab/... ./fleet ./workload ./metrics -run '^$$' -bench . -benchmem

suite: ## the server's own test suite through the proxy: Redis and Valkey, RESP3, TLS
	go run ./proxy/suite --md docs/proxy-compatibility.md

peers: ## thaw proxy measured beside twemproxy, Envoy and the server itself
	cd bench && go run ./proxy

lint: ## golangci-lint with .golangci.yml
	golangci-lint run
