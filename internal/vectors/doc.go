// Package vectors holds package token to published test vectors: Project Wycheproof, and the examples of RFC 7515, RFC 7638 and
// RFC 8037. It has nothing but tests, and is a module of its own, so that nobody who depends on the library downloads the vectors.
//
//	go test -v . # says for each file how many cases there are, how many passed, and which were excluded and why
//
// The files are not chosen by name: every file of Wycheproof is read, and the kind of each group of cases decides what is done with
// it (see kinds). Cases about a kind of key, of signature or of token that is not used here are excluded by a row of a table that says
// why (see exclusions). A row fails when it covers a case that is accepted, and when it covers none any more.
package vectors
