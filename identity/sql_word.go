package identity

import "strings"

// transactionWord is the word of a text of SQL that begins a statement which
// is not for the host to make inside Write, "" if there is none. The END of a
// trigger's body is none of them.
func transactionWord(text string) string {
	body := false // of a trigger
	for {
		text = skipBlank(text)
		if text == "" {
			return ""
		}
		switch word := strings.ToUpper(leadingWord(text)); word {
		case "END":
			if !body {
				return word
			}
			body = false
		case "BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "ATTACH", "DETACH", "PRAGMA", "VACUUM":
			return word
		case "CREATE":
			body = createsTrigger(text)
		}
		text = afterStatement(text)
	}
}

// createsTrigger reports whether a statement that begins with CREATE makes a
// trigger, whose body has statements of its own.
func createsTrigger(text string) bool {
	for range 2 { // CREATE, and perhaps TEMP
		text = skipBlank(text[len(leadingWord(text)):])
		switch strings.ToUpper(leadingWord(text)) {
		case "TRIGGER":
			return true
		case "TEMP", "TEMPORARY":
		default:
			return false
		}
	}
	return false
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
