package token

// base32 is Crockford's alphabet in lower case: digits and letters without i, l, o and u.
const base32 = "0123456789abcdefghjkmnpqrstvwxyz"

// digit marks the value of what is in the alphabet.
const digit = 0x80

// base32Values has the value of each character, 0 for what is not in the alphabet.
var base32Values = [256]byte{
	'0': digit, '1': digit | 1, '2': digit | 2, '3': digit | 3, '4': digit | 4, '5': digit | 5, '6': digit | 6, '7': digit | 7,
	'8': digit | 8, '9': digit | 9, 'a': digit | 10, 'b': digit | 11, 'c': digit | 12, 'd': digit | 13, 'e': digit | 14, 'f': digit | 15,
	'g': digit | 16, 'h': digit | 17, 'j': digit | 18, 'k': digit | 19, 'm': digit | 20, 'n': digit | 21, 'p': digit | 22, 'q': digit | 23,
	'r': digit | 24, 's': digit | 25, 't': digit | 26, 'v': digit | 27, 'w': digit | 28, 'x': digit | 29, 'y': digit | 30, 'z': digit | 31,
}

// appendBase32 writes bytes as a number of n digits, the most significant first. It has room for all bits of src.
func appendBase32(dst, src []byte, n int) []byte {
	var bits uint32
	have := 5*n - 8*len(src) // zero bits in front
	for _, b := range src {
		bits, have = bits<<8|uint32(b), have+8
		for have >= 5 {
			have -= 5
			dst = append(dst, base32[bits>>have&31])
		}
	}
	return dst
}

// base32Number reads at most 12 digits as a number, and reports whether they are digits.
func base32Number(digits string) (n uint64, ok bool) {
	all := byte(digit)
	for i := range len(digits) {
		v := base32Values[digits[i]]
		n, all = n<<5|uint64(v&31), all&v
	}
	return n, all == digit
}

// base32Eight is base32Number for eight digits, of which a token has many.
func base32Eight(d string) (n uint64, ok bool) {
	_ = d[7]
	a, b, c, e := base32Values[d[0]], base32Values[d[1]], base32Values[d[2]], base32Values[d[3]]
	f, g, h, i := base32Values[d[4]], base32Values[d[5]], base32Values[d[6]], base32Values[d[7]]
	high := uint64(a&31)<<15 | uint64(b&31)<<10 | uint64(c&31)<<5 | uint64(e&31)
	low := uint64(f&31)<<15 | uint64(g&31)<<10 | uint64(h&31)<<5 | uint64(i&31)
	return high<<20 | low, a&b&c&e&f&g&h&i&digit != 0
}

// validULID reports whether s is a number of 128 bits in 26 digits.
func validULID(s string) bool {
	if len(s) != 26 || s[0] > '7' {
		return false
	}
	all := byte(digit)
	for i := range len(s) {
		all &= base32Values[s[i]]
	}
	return all == digit
}
