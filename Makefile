.PHONY: test race lint fuzz budget ci

test:   ; go test ./...
race:   ; go test -race -p 2 ./...
lint:   ; .ci/run lint
fuzz:   ; .ci/run fuzz
budget: ; go run ./internal/budget
ci:     ; .ci/run
