package kernel

// Philox returns four random words of the counter-based generator Philox4x32-10 (Salmon et al., "Parallel Random Numbers:
// As Easy as 1, 2, 3", 2011). They are a function of the counter and the key alone, so any draw can be repeated, in any
// order and on any thread.
func Philox(counter [4]uint32, key [2]uint32) [4]uint32 {
	const (
		multiplier0, multiplier1 = 0xD2511F53, 0xCD9E8D57
		weyl0, weyl1             = 0x9E3779B9, 0xBB67AE85
		rounds                   = 10
	)
	for range rounds {
		product0, product1 := uint64(counter[0])*multiplier0, uint64(counter[2])*multiplier1
		counter = [4]uint32{
			uint32(product1>>32) ^ counter[1] ^ key[0], uint32(product1),
			uint32(product0>>32) ^ counter[3] ^ key[1], uint32(product0),
		}
		key[0], key[1] = key[0]+weyl0, key[1]+weyl1
	}
	return counter
}
