package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestSelftest makes every call, as -selftest does.
func TestSelftest(t *testing.T) {
	var out strings.Builder
	if _, err := selftest(t.Context(), &out); err != nil || !strings.HasSuffix(out.String(), " 0 failed\n") {
		t.Fatalf("%v\n%s", err, &out)
	}
}

// TestShapes compares what the program takes and answers with the pages of the four systems, field by field.
func TestShapes(t *testing.T) {
	data := os.Getenv("CLAVIGER_DATA")
	if data == "" {
		t.Skip("CLAVIGER_DATA is not set: the pages are in a folder beside it")
	}
	page := func(name string) string {
		text, err := os.ReadFile(filepath.Join(data, "..", "seeds", name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	all, err := selftest(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
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
	for _, c := range wavefront().calls {
		method, _, _ := strings.Cut(c.pattern, " ")
		if line := method + "\n" + c.name; !strings.Contains(names+"\n", line+"\n") {
			t.Errorf("the page has no operation %q", line)
		}
	}
	if n := strings.Count(strings.TrimSpace(names), "\n") + 1; n != 2*len(wavefront().calls) {
		t.Errorf("the page has %d lines for %d operations", n, len(wavefront().calls))
	}
	labels := `(?s)Role \(Admin, Developer, or Viewer\).*Account: \{service-account-id\}@\{organization-id\}\.iam\.applivery\.io.*Bearer token: \{`
	if create := made["applivery Create Service Account"]; !regexp.MustCompile(labels).MatchString(page("0-applivery-service-accounts.txt")) {
		t.Error("Applivery's page says something else")
	} else if n := same(t, create.call, object{"status": true, "data": object{"account": "", "bearerToken": "", "role": ""}}, objects(create.out)[0]); n != 5 {
		t.Errorf("%d fields", n)
	}
}

// objects are the JSON objects in a text.
func objects(text string) (out []object) {
	for {
		at := strings.IndexByte(text, '{')
		if at < 0 {
			return out
		}
		var o object
		d := json.NewDecoder(strings.NewReader(text[at:]))
		if d.Decode(&o) == nil {
			out, at = append(out, o), at+int(d.InputOffset())-1
		}
		text = text[at+1:]
	}
}

// same compares two bodies, of which one is a sample: the same fields, of the same types. It counts them.
func same(t *testing.T, at string, page, got any) (fields int) {
	t.Helper()
	switch page := page.(type) {
	case object:
		have, _ := got.(object)
		for name := range have {
			if _, ok := page[name]; !ok {
				t.Errorf("%s.%s is not on the page", at, name)
			}
		}
		for name, sample := range page {
			if _, ok := have[name]; !ok {
				t.Errorf("%s.%s is missing", at, name)
			}
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
