package token

import (
	"hash/crc32"
	"sync"
)

// crcTables are for eight bytes at a time: tables[k][b] is what a byte b does to a checksum after k more bytes. The standard
// library has them, too, but takes only a slice, which would be copied to the heap for every token.
var crcTables = sync.OnceValue(func() *[8]crc32.Table {
	t := &[8]crc32.Table{*crc32.IEEETable}
	for b := range 256 {
		for k := 1; k < len(t); k++ {
			before := t[k-1][b]
			t[k][b] = t[0][byte(before)] ^ before>>8
		}
	}
	return t
})

// checksum is the CRC-32 (IEEE) of a text.
func checksum(s string) uint32 {
	t := crcTables()
	crc := ^uint32(0)
	for ; len(s) >= 8; s = s[8:] {
		crc ^= uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
		crc = t[7][byte(crc)] ^ t[6][byte(crc>>8)] ^ t[5][byte(crc>>16)] ^ t[4][crc>>24] ^
			t[3][s[4]] ^ t[2][s[5]] ^ t[1][s[6]] ^ t[0][s[7]]
	}
	for i := range len(s) {
		crc = t[0][byte(crc)^s[i]] ^ crc>>8
	}
	return ^crc
}
