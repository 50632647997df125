.PHONY: test race lint fuzz budget bench ci

test:   ; go test ./...
race:   ; go test -race -p 2 ./...
lint:   ; .ci/run lint
fuzz:   ; .ci/run fuzz
budget: ; go run ./internal/budget
bench:  ; cd internal/bench && go run .
ci:     ; .ci/run
