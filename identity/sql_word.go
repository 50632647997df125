package identity

import "strings"

// transactionWord is the word of a text of SQL that begins a statement which
// is not for the host to make inside Write, "" if there is none. What follows
// in a text that creates something is its body, and is not looked at.
func transactionWord(text string) string {
	for first := true; ; first = false {
		text = skipBlank(text)
		if text == "" {
			return ""
		}
		switch word := strings.ToUpper(leadingWord(text)); word {
		case "BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "PRAGMA", "VACUUM":
			return word
		case "CREATE":
			if first {
				return ""
			}
		}
		text = afterStatement(text)
	}
}

// skipBlank takes away white space, empty statements and comments.
func skipBlank(s string) string {
	for {
		s = strings.TrimLeft(s, " \t\r\n\f\v;\ufeff")
		switch {
		case strings.HasPrefix(s, "--"):
			_, s, _ = strings.Cut(s, "\n")
		case strings.HasPrefix(s, "/*"):
			_, s, _ = strings.Cut(s[2:], "*/")
		default:
			return s
		}
	}
}

func leadingWord(s string) string {
	n := 0
	for n < len(s) && (s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z') {
		n++
	}
	return s[:n]
}

// afterStatement is what follows the next semicolon that is neither quoted nor
// in a comment.
func afterStatement(s string) string {
	for s != "" {
		i := strings.IndexAny(s, ";'\"`[-/")
		if i < 0 {
			return ""
		}
		c := s[i]
		s = s[i+1:]
		switch c {
		case ';':
			return s
		case '\'', '"', '`':
			_, s, _ = strings.Cut(s, string(c)) // a doubled quote begins the next one
		case '[':
			_, s, _ = strings.Cut(s, "]")
		case '-':
			if strings.HasPrefix(s, "-") {
				_, s, _ = strings.Cut(s, "\n")
			}
		case '/':
			if strings.HasPrefix(s, "*") {
				_, s, _ = strings.Cut(s[1:], "*/")
			}
		}
	}
	return ""
}
