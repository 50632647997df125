package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSelftest makes every call, and compares what is taken and answered with the pages of the four systems, where they are at hand.
func TestSelftest(t *testing.T) {
	all, err := selftest(t.Context(), t.Output())
	if err != nil {
		t.Fatal(err)
	}
	data := os.Getenv("CLAVIGER_DATA")
	if data == "" {
		t.Skip("every call was as expected; CLAVIGER_DATA is not set, and the pages are in a folder beside it")
	}
	page := func(name string) string {
		text, err := os.ReadFile(filepath.Join(data, "..", "seeds", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	made := map[string]exchange{}
	for _, x := range slices.Backward(all) {
		made[x.call] = x // the first of each
	}
	for name, call := range map[string]string{
		"1-wavefront-create-service-account.txt": "wavefront Create Service Account",
		"2-dfns-create-service-account.txt":      "dfns Create Service Account",
		"3-dfns-get-service-account.txt":         "dfns Get Service Account",
		"4-versori-create-service-account.txt":   "versori Create Service Account",
	} {
		want, got := objects(page(name)), objects(made[call].in+made[call].out)
		if len(got) != len(want) {
			t.Fatalf("%s: %d bodies, the page has %d", call, len(got), len(want))
		}
		for _, field := range regexp.MustCompile(`(?m)^(\w+)\n(?:\*\n)?String$`).FindAllStringSubmatch(page(name), -1) {
			want[0][field[1]] = "" // a parameter that the page describes, and its sample may leave out
		}
		for i := range want {
			t.Logf("%s: body %d, %d fields", call, i+1, same(t, call, want[i], got[i]))
		}
	}
	_, names, _ := strings.Cut(page("1-wavefront-create-service-account.txt"), "Account (User and Service Account) Operations\n")
	listed := each(slices.Chunk(strings.Split(strings.TrimSpace(names), "\n"), 2), func(l []string) string { return strings.Join(l, " ") })
	served := each(slices.Values(wavefront().calls), func(c call) string {
		method, _, _ := strings.Cut(c.pattern, " ")
		return method + " " + c.name
	})
	slices.Sort(listed)
	if slices.Sort(served); !slices.Equal(served, listed) {
		t.Errorf("the operations are %v, on the page %v", served, listed)
	}
	const labels = `(?s)Role \(Admin, Developer, or Viewer\).*Account: \{service-account-id\}@\{organization-id\}\.iam\.applivery\.io` +
		`.*Bearer token: \{`
	if !regexp.MustCompile(labels).MatchString(page("0-applivery-service-accounts.txt")) {
		t.Error("Applivery's page says something else")
	}
	want := object{"status": true, "data": object{"account": "", "bearerToken": "", "role": ""}}
	same(t, "applivery", want, objects(made["applivery Create Service Account"].out)[0])
}

// objects are the JSON objects in a text.
func objects(text string) (out []object) {
	for {
		_, rest, found := strings.Cut(text, "{")
		if !found {
			return out
		}
		var o object
		d := json.NewDecoder(strings.NewReader("{" + rest))
		if text = rest; d.Decode(&o) == nil {
			out, text = append(out, o), rest[d.InputOffset()-1:]
		}
	}
}

// same compares two bodies, of which one is a sample: the same fields, of the same types. It counts them.
func same(t *testing.T, at string, page, got any) (fields int) {
	t.Helper()
	switch page := page.(type) {
	case object:
		have, _ := got.(object)
		if names, want := slices.Sorted(maps.Keys(have)), slices.Sorted(maps.Keys(page)); !slices.Equal(names, want) {
			t.Errorf("%s has %v, the page %v", at, names, want)
		}
		for name, sample := range page {
			fields += 1 + same(t, at+"."+name, sample, have[name])
		}
	case []any:
		have, ok := got.([]any)
		if !ok || len(page) > 0 && len(have) == 0 {
			t.Errorf("%s is %v, which is nothing to compare", at, got)
		}
		for i := range min(len(page), 1) * len(have) {
			fields += same(t, at+"[]", page[0], have[i])
		}
	default:
		text, _ := page.(string)
		if fmt.Sprintf("%T", got) != fmt.Sprintf("%T", page) && text != "<any>" && !strings.HasSuffix(text, " Object") {
			t.Errorf("%s is %v, on the page %v", at, got, page)
		}
	}
	return fields
}
