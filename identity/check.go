package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// errText is an error that is only its text.
type errText string

func (e errText) Error() string { return string(e) }

const (
	maxName        = 128
	maxDisplayName = 255
	maxText        = 1024
	maxList        = 256   // entries of a list that is not of names
	maxRoleNames   = 65536 // permissions and exclusions of one role
)

// checkText refuses free text that is too long, is not UTF-8, or holds control
// characters.
func checkText(entity, field, s string, most int) error {
	if len(s) > most {
		return invalid(entity, field, "%d bytes, at most %d", len(s), most)
	}
	if !utf8.ValidString(s) {
		return invalid(entity, field, "is not UTF-8")
	}
	if i := strings.IndexFunc(s, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }); i >= 0 {
		return invalid(entity, field, "holds a control character at byte %d", i)
	}
	return nil
}

// checkName refuses a name of a group: non-empty free text on one line, without
// outer white space.
func checkName(entity, field, s string) error {
	if s == "" {
		return invalid(entity, field, "is required")
	}
	if strings.TrimSpace(s) != s || strings.ContainsAny(s, "\n\t") {
		return invalid(entity, field, "has outer white space or a line break")
	}
	return checkText(entity, field, s, maxName)
}

// checkRoleName returns what is wrong with the name of a role, or "".
func checkRoleName(s string) string {
	if s == "" || len(s) > maxName {
		return "a role name has 1 to 128 bytes"
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; !alphanumeric(c) && !strings.ContainsRune("._/-", rune(c)) {
			return "a role name is made of [A-Za-z0-9._/-]"
		}
	}
	return ""
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// validSlug reports whether s is a DNS label in lower case (RFC 1123 section 2.1).
func validSlug(s string) bool {
	if len(s) == 0 || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') && c != '-' {
			return false
		}
	}
	return true
}

// validServiceAccountName reports whether s matches ^[a-z][a-z0-9]*(-[a-z0-9]+)*$
// and has at most 63 bytes.
func validServiceAccountName(s string) bool {
	return validSlug(s) && s[0] >= 'a' && s[0] <= 'z' && !strings.Contains(s, "--")
}

// foldEmail lower-cases an e-mail address and checks its shape: one "@", a
// local part, and a domain.
func foldEmail(s string) (string, bool) {
	if len(s) > 254 || !utf8.ValidString(s) || strings.IndexFunc(s, badInEmail) >= 0 {
		return "", false
	}
	folded := strings.ToLower(s)
	local, domain, ok := strings.Cut(folded, "@")
	if !ok || local == "" || domain == "" || strings.Contains(domain, "@") {
		return "", false
	}
	return folded, true
}

// badInEmail reports what no address has. A letter outside of ASCII whose lower case is
// in it (the Kelvin sign, the dotted capital I) would fold one mailbox to another.
func badInEmail(r rune) bool {
	return unicode.IsControl(r) || unicode.IsSpace(r) || r > unicode.MaxASCII && unicode.ToLower(r) <= unicode.MaxASCII
}

func checkLabels(labels map[string]string) error {
	if len(labels) > 32 {
		return invalid("account", "Labels", "%d labels, at most 32", len(labels))
	}
	for k, v := range labels {
		if k == "" {
			return invalid("account", "Labels", "an empty key")
		}
		if err := checkText("account", "Labels", k, 128); err != nil {
			return err
		}
		if err := checkText("account", "Labels", v, 128); err != nil {
			return err
		}
	}
	return nil
}

func (e ExternalID) check() error {
	if (e.Issuer == "") != (e.Subject == "") {
		return invalid("account", "External", "issuer and subject go together")
	}
	if err := checkText("account", "External.Issuer", e.Issuer, 255); err != nil {
		return err
	}
	return checkText("account", "External.Subject", e.Subject, 255)
}
