package cel

import "github.com/google/cel-go/common/ast"

// The limits of a source, beside its length. Parsing, checking and planning take some 20 microseconds each for an operation or a
// value, so that a source costs a few milliseconds.
const (
	maxDepth  = 64   // how deep expressions may be nested
	maxTokens = 1024 // words and signs, before it is parsed
	maxNodes  = 512  // operations and values, with what the macros stand for
)

// tokens counts the words and the signs of a source, those of texts and comments too: what is a text, only the parser can say, and
// this is to spare it.
func tokens(source string) int {
	n, inWord := 0, false
	for i := range len(source) {
		switch c := source[i]; {
		case c == ' ', c == '\t', c == '\n', c == '\r', c == '\f':
			inWord = false
		case c == '_', '0' <= c && c <= '9', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c >= 0x80:
			if !inWord {
				n++
			}
			inWord = true
		default:
			n++
			inWord = false
		}
	}
	return n
}

// nodes counts the expressions of a source.
func nodes(tree *ast.AST) int {
	n := 0
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(func(ast.Expr) { n++ }))
	return n
}
