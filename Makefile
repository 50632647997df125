.PHONY: test race lint fuzz budget bench ci

test:   ; go test ./...
race:   ; RACE=all .ci/run race
lint:   ; .ci/run lint
fuzz:   ; .ci/run fuzz
budget: ; go run ./internal/budget
bench:  ; cd internal/bench && go run .
ci:     ; .ci/run
