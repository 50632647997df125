package token

import (
	"bytes"
	"encoding/base64"
)

// segments encodes and decodes JWS segments and JWK members: base64url without padding (RFC 7515 section 2), in which unused
// bits are zero.
var segments = base64.RawURLEncoding.Strict()

// appendSegment appends the decoded segment to dst and reports whether the segment is the one spelling of what it holds.
func appendSegment(dst, segment []byte) ([]byte, bool) {
	// The library's decoder skips line breaks, even when strict.
	if bytes.IndexByte(segment, '\n') >= 0 || bytes.IndexByte(segment, '\r') >= 0 {
		return dst, false
	}
	out, err := segments.AppendDecode(dst, segment)
	return out, err == nil
}

// decodeSegment decodes a segment.
func decodeSegment(segment string) ([]byte, bool) { return appendSegment(nil, []byte(segment)) }
