package kernel

import "math"

// Rotary position embedding (Su et al. 2021) with Hugging Face's pairing: components i and i + dim/2 of a head rotate
// by the angle position·θ_i with θ_i = base^(-2i/dim).

// RopeFrequencies returns θ_i for i < dim/2. Frequencies and angles are float32, as in the reference implementations:
// at position 32767 a float64 angle would differ by up to 2e-3 radians.
func RopeFrequencies(dim int, base float64) []float32 {
	freq := make([]float32, dim/2)
	for i := range freq {
		exponent := float32(2*i) / float32(dim)
		freq[i] = 1 / float32(math.Pow(base, float64(exponent)))
	}
	return freq
}

// RopeAngles fills cos and sin, of length len(freq), for one position.
func RopeAngles(cos, sin, freq []float32, pos int) {
	for i, f := range freq {
		s, c := math.Sincos(float64(float32(pos) * f))
		cos[i], sin[i] = float32(c), float32(s)
	}
}

// Rotate rotates the heads of one row x, [heads, 2*len(cos)], in place. invert rotates back, by -sin.
func Rotate(x, cos, sin []float32, invert bool) {
	half, flip := len(cos), float32(0)
	if invert {
		flip = float32(math.Copysign(0, -1))
	}
	for ; len(x) > 0; x = x[2*half:] {
		active.rotate(x[:half], x[half:2*half], cos, sin, flip)
	}
}

// rotateReference is the reference of tier.rotate.
func rotateReference(x, y, cos, sin []float32, flip float32) {
	y, cos, sin = y[:len(x)], cos[:len(x)], sin[:len(x)]
	for i, a := range x {
		c, s, b := cos[i], sin[i], y[i]
		if math.Signbit(float64(flip)) {
			s = -s
		}
		x[i], y[i] = a*c-b*s, b*c+a*s
	}
}
