# What one does here. `make help` lists it.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help
MODULES := proto services operator hack
PROGRAMS := slack-ingest twitter-ingest sentiment-scorer notifier feedbackctl simulator
TOOL := hack/tools/tool
STAMP = -ldflags "-X github.com/feedback-pipelines/feedback-pipelines/proto/version.version=$(shell hack/tools/version) -X github.com/feedback-pipelines/feedback-pipelines/proto/version.revision=$(shell hack/tools/version revision)"
BROKER := bin/kafka

# What `make demo` takes; see `make help`.
export DURATION PIPELINE CORPUS RATE SIMULATOR KAFKA DATA SEED SEEDS BROKERS ONLY TOGETHER LANES TESTS

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-16s %s\n", $$1, $$2}'
	@echo
	@echo "  make demo DURATION=30s      end by itself, with the auditor's ledger as the last line"
	@echo "  make demo PIPELINE=my.yaml CORPUS=file RATE=200 DATA=folder SEED=7"
	@echo "  make demo SIMULATOR=off     the real Slack and X, with the tokens that the manifest's Secrets file holds"
	@echo "  make demo KAFKA=host:port   a real broker instead of the embedded one"

.PHONY: build
build: ## Build the services and the demo into bin/
	@mkdir -p bin
	@echo "building (the first time takes a minute or two)"
	cd services && go build $(STAMP) -o ../bin/ $(addprefix ./,$(PROGRAMS))
	cd hack && go build -o ../bin/ ./demo ./kafka

.PHONY: demo
demo: build ## Run the whole pipeline here: embedded Kafka, simulated Slack and X, live view
	@exec bin/demo

.PHONY: test
test: $(BROKER) ## Run all tests with the race detector, on the embedded broker, a real Kafka and a real API server
	@if reason=$$($(BROKER) available 2>&1); then \
	  $(BROKER) exec -tls -sasl -acls -- $(MAKE) --no-print-directory test-go; \
	else \
	  echo "SKIPPED: the tests that need a real Kafka: $$reason"; $(MAKE) --no-print-directory test-go; \
	fi

.PHONY: test-go
test-go: # the tests themselves, with whatever KAFKA_TEST_* says
	@echo "Kafka for the tests: embedded, and real: $${KAFKA_TEST_BOOTSTRAP:-none}"
	@hack/tools/kubeassets >/dev/null || echo "SKIPPED: the tests that need a Kubernetes API server, for the reason above"
	go test -race -timeout 15m $(TESTFLAGS) $(addprefix ./,$(addsuffix /...,$(MODULES))) | grep --line-buffered -v 'no test files'

.PHONY: test-fast
test-fast: ## Run the tests without the race detector and without a real Kafka
	go test $(TESTFLAGS) $(addprefix ./,$(addsuffix /...,$(MODULES)))

.PHONY: e2e
e2e: build ## Kill every service in mid-traffic on a real Kafka and let the auditor judge; the same on a cluster
	@if reason=$$($(BROKER) available 2>&1); then \
	  (cd hack && go test -tags e2e -count=1 -timeout 20m -v ./e2e) && $(MAKE) --no-print-directory e2e-failpoints e2e-cluster; \
	else \
	  echo "cannot run here: $$reason"; exit 1; \
	fi

.PHONY: e2e-failpoints
e2e-failpoints: ## Kill or stop a process at each named line on a real Kafka, see docs/reliability.md
	@mkdir -p bin/failpoint
	cd services && go build -tags failpoint -o ../bin/failpoint/ $(addprefix ./,$(PROGRAMS))
	cd services && go test -tags failpoint ./internal/failpoint
	cd hack && go test -tags e2e -count=1 -parallel 5 -timeout 15m -v ./e2e/failpoint

.PHONY: e2e-acls
e2e-acls: build ## Prove docs/acls.md, row by row, on a real Kafka that allows nothing else
	cd hack && go test -tags e2e -count=1 -timeout 20m -v ./e2e/acl

.PHONY: e2e-readiness
e2e-readiness: build ## Break each component in turn: health says so within 45 s, with the remedy. LANES=x,kafka for some
	cd hack && go test -tags e2e -count=1 -timeout 30m -parallel 12 -v ./e2e/readiness

.PHONY: images
images: ## Build all images with ko: KO_DOCKER_REPO=registry to push, or LOAD="kind load image-archive"; TAG=dev
	@hack/cluster/images

.PHONY: images-check
images-check: ## Build all images twice into a registry here: the same digests, both platforms, an SBOM each, static, stamped, not root
	cd hack && go test -tags e2e -count=1 -timeout 40m -v ./cluster/image

.PHONY: e2e-cluster
e2e-cluster: ## Break all around a pipeline on the cluster of KUBECONFIG, or on a node that hack/cluster/node brings up: TESTS=TestChart for some
	@if [ -n "$$KUBECONFIG" ]; then cd hack && go test -tags e2e -count=1 -timeout 25m -v $(if $(TESTS),-run '$(TESTS)') ./cluster/e2e; \
	else hack/cluster/node $(MAKE) --no-print-directory e2e-cluster; fi

.PHONY: e2e-keda
e2e-keda: ## Let a real KEDA scale the scorer 1 -> 3 -> 1 over SCRAM and TLS, on the cluster of KUBECONFIG or on a node of hack/cluster/node
	@if [ -n "$$KUBECONFIG" ]; then cd hack && go test -tags e2e -count=1 -timeout 30m -v -run 'TestScaler$$' ./cluster/keda; \
	else ALSO=hack/cluster/keda/images hack/cluster/node $(MAKE) --no-print-directory e2e-keda; fi

.PHONY: e2e-keda-processes
e2e-keda-processes: build ## The same without a node, as processes: E2E_KUBE=folder of etcd, kube-apiserver and kube-controller-manager
	cd operator && go build -o ../bin/ ./cmd/operator
	keda=$$(hack/cluster/keda/programs) && cd hack && E2E_BIN=$(CURDIR)/bin E2E_KEDA_BIN=$$keda \
	  go test -tags e2e -count=1 -timeout 20m -v -run TestScalerProcesses ./cluster/keda

.PHONY: e2e-upgrade
e2e-upgrade: ## Upgrade the packaged older chart with its images to the present ones while feedback flows, roll back, uninstall: KUBECONFIG's cluster or hack/cluster/node's
	@if [ -n "$$KUBECONFIG" ]; then cd hack && go test -tags e2e -count=1 -timeout 40m -v ./cluster/upgrade; \
	else ALSO=hack/cluster/upgrade/images hack/cluster/node $(MAKE) --no-print-directory e2e-upgrade; fi

$(BROKER): $(wildcard hack/kafka/*.go hack/kafka/broker/*.go)
	@mkdir -p bin
	cd hack && go build -o ../bin/ ./kafka

.PHONY: chaos
chaos: build ## Break one part after another at random while people talk: SEED=n DURATION=5m RATE=200; SEEDS=all: what failed once
	cd hack && go build -o ../bin/ ./chaos
	@exec bin/chaos

.PHONY: fuzz
fuzz: ## Fuzz every parser for FUZZTIME (10s) each
	@hack/tools/fuzz

.PHONY: vulncheck
vulncheck: ## Look for known vulnerabilities in what is used
	@hack/tools/vulncheck

.PHONY: bench
bench: build ## Measure the scorer beside a bare copy, Kafka Streams and Spark, and scoring and language beside libraries: ROWS=names DATA=folder OUT=docs EVENTS=500000 WARM=3000000
	@mkdir -p bin/bench
	$(if $(ROWS),,go test -run '^$$' -bench . -benchmem ./services/... | tee bin/bench/benchmarks.txt)
	cd hack && go build -o ../bin/bench/ ./bench
	bin/bench/bench -rows "$(ROWS)" -events $(or $(EVENTS),500000) -warm $(or $(WARM),3000000) -duration $(or $(DURATION),30s) -starts $(or $(STARTS),5) \
	  -data "$(DATA)" -note "$(NOTE)" -benchmarks "$(if $(ROWS),,bin/bench/benchmarks.txt)" -out "$(if $(ROWS),$(OUT),docs)"

.PHONY: evaluate
evaluate: ## Print what the built-in models and VADER reach on the texts put aside of DATA=folder, see docs/scoring.md
	@hack/train --evaluate --data "$(or $(DATA),$(error DATA is empty: name the folder of label<TAB>text files, DATA=folder))"

.PHONY: memory
memory: build ## Measure the most memory that scorer and notifier take, on a real Kafka
	cd hack && go build -o ../bin/memory ./memory
	@exec bin/memory

.PHONY: lint
lint: lint-deps ## Lint everything, and check that services and proto know nothing of Kubernetes
	cd proto && $(abspath $(shell $(TOOL) buf)) lint
	@for m in $(MODULES); do echo "golangci-lint $$m"; (cd $$m && ../$(TOOL) golangci-lint >/dev/null && $$(../$(TOOL) golangci-lint) run --build-tags e2e,bench ./...) || exit 1; done

.PHONY: lint-deps
lint-deps: # services and proto are built without Kubernetes, and kafka-go has one importer
	@for m in proto services; do \
	  bad=$$(cd $$m && go list -deps -test ./... | grep -E '(^|/)(k8s\.io|sigs\.k8s\.io)/' | head -3); \
	  if [ -n "$$bad" ]; then echo "$$m depends on Kubernetes:"; echo "$$bad"; exit 1; fi; \
	done
	@bad=$$(grep -rln '"github.com/segmentio/kafka-go' services --include='*.go' | grep -v '^services/internal/kafka/' | grep -v '^services/deps.go'); \
	  if [ -n "$$bad" ]; then echo "only services/internal/kafka may import kafka-go:"; echo "$$bad"; exit 1; fi
	@bad=$$(grep -rlE 'feedback-pipelines/(services|hack)' operator --include='*.go'; grep -rlE 'feedback-pipelines/(operator|hack)' services --include='*.go'); \
	  if [ -n "$$bad" ]; then echo "no import crosses between operator, services and hack:"; echo "$$bad"; exit 1; fi

.PHONY: breaking
breaking: ## Check that the contract on the wire still reads what the last release wrote
	cd proto && $(abspath $(shell $(TOOL) buf)) breaking --against feedback/v1/release.binpb

.PHONY: generate
generate: ## Write the generated code anew: Protobuf, deepcopy, the resource's schema and its page, and what the chart takes over
	cd proto && PATH="$$(dirname $$(../$(TOOL) protoc-gen-go)):$$(dirname $$(../$(TOOL) protoc-gen-go-grpc)):$$PATH" $$(../$(TOOL) buf) generate
	cd proto && $$(../$(TOOL) buf) build -o feedback/v1/descriptor.binpb
	cd operator && $$(../$(TOOL) controller-gen) object paths=./api/... crd:maxDescLen=1000,allowDangerousTypes=true paths=./api/... output:crd:dir=config/crd
	cd operator && go run ./internal/spec/generate
	cp operator/config/crd/feedbackpipeline.dev_feedbackpipelines.yaml charts/feedback-pipeline/files/crd.yaml
	cp operator/config/rbac/rules.yaml charts/feedback-pipeline/files/rbac.yaml

.PHONY: generate-check
generate-check: generate ## Fail if the generated code is not what is committed
	@git diff --exit-code --stat -- proto operator charts docs/spec || { echo "generated code is not up to date: run make generate and commit"; exit 1; }

.PHONY: clean
clean: ## Remove what was built, and the demo's data
	rm -rf bin .demo
