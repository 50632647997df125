package main

import "strings"

// A yardstick is what a decision is measured against: three plain maps, of principals, principals and bindings. A
// look-up in each is about the least that any program does which knows who is asking and what was granted.
type yardstick struct {
	principal, again, binding map[string]int32
	questions                 []yardQuestion
}

// A yardQuestion names the keys to look up. They are clones: no key shares memory with a key of a map, or comparing
// them would cost nothing.
type yardQuestion struct{ principal, binding string }

// newYardstick builds the maps from 32-byte ids.
func newYardstick(principals, bindings []string) *yardstick {
	return &yardstick{principal: index(principals), again: index(principals), binding: index(bindings)}
}

func index(ids []string) map[string]int32 {
	m := make(map[string]int32, len(ids))
	for i, id := range ids {
		m[strings.Clone(id)] = int32(i)
	}
	return m
}

// ask adds a question to the stream.
func (y *yardstick) ask(principal, binding string) {
	y.questions = append(y.questions, yardQuestion{strings.Clone(principal), strings.Clone(binding)})
}

// pass answers the whole stream once: three look-ups a question. The sum keeps the compiler from leaving them out.
func (y *yardstick) pass() int {
	sum := 0
	for i := range y.questions {
		q := &y.questions[i]
		sum += int(y.principal[q.principal]) + int(y.again[q.principal]) + int(y.binding[q.binding])
	}
	return sum
}
