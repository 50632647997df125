package token

import (
	"hash/crc32"
	"sync"
)

// crcTables are for sixteen bytes at a time: tables[k][b] is what a byte b does to a checksum after k more bytes. The standard
// library has them, too, but takes only a slice, which would be copied to the heap for every token.
var crcTables = sync.OnceValue(func() *[16]crc32.Table {
	t := &[16]crc32.Table{*crc32.IEEETable}
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
	for ; len(s) >= 16; s = s[16:] {
		crc ^= uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
		crc = t[3][s[12]] ^ t[2][s[13]] ^ t[1][s[14]] ^ t[0][s[15]] ^
			t[7][s[8]] ^ t[6][s[9]] ^ t[5][s[10]] ^ t[4][s[11]] ^
			t[11][s[4]] ^ t[10][s[5]] ^ t[9][s[6]] ^ t[8][s[7]] ^
			(t[15][byte(crc)] ^ t[14][byte(crc>>8)] ^ t[13][byte(crc>>16)] ^ t[12][crc>>24])
	}
	for i := range len(s) {
		crc = t[0][byte(crc)^s[i]] ^ crc>>8
	}
	return ^crc
}
