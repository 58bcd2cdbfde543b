package kernel

import "math"

// vectorised replaces the elementwise kernels of t by those for AVX-512.
func (t *tier) vectorised() {
	t.dot = func(x, y []float32) float32 {
		if len(x) == 0 {
			return 0
		}
		return dotAVX512(len(x), &x[0], &y[:len(x)][0])
	}
	t.axpy = func(a float32, x, y []float32) {
		if len(x) > 0 {
			axpyAVX512(len(x), a, &x[0], &y[:len(x)][0])
		}
	}
	t.add, t.mul, t.swiglu = binary(addAVX512), binary(mulAVX512), binary(swigluAVX512)
	t.exp, t.silu, t.geluNew, t.softplus = unary(expAVX512), unary(siluAVX512), unary(geluNewAVX512), unary(softplusAVX512)
	t.softmax, t.logSumExp = softmaxAVX512, logSumExpAVX512
	t.rmsNorm, t.layerNorm = rmsNormAVX512, layerNormAVX512
}

func unary(f func(n int, dst, x *float32)) func(dst, x []float32) {
	return func(dst, x []float32) {
		if len(x) > 0 {
			f(len(x), &dst[:len(x)][0], &x[0])
		}
	}
}

func binary(f func(n int, dst, x, y *float32)) func(dst, x, y []float32) {
	return func(dst, x, y []float32) {
		if len(x) > 0 {
			f(len(x), &dst[:len(x)][0], &x[0], &y[:len(x)][0])
		}
	}
}

func softmaxAVX512(dst, x []float32) {
	if len(x) == 0 {
		return
	}
	sum := expShiftedAVX512(len(x), &x[0], rowMaxAVX512(len(x), &x[0]), &dst[:len(x)][0])
	scaleAVX512(len(x), float32(1/sum), &dst[0], &dst[0])
}

func logSumExpAVX512(x []float32) float64 {
	if len(x) == 0 {
		return math.Inf(-1)
	}
	top := rowMaxAVX512(len(x), &x[0])
	return float64(top) + math.Log(expSumAVX512(len(x), &x[0], top))
}

func rmsNormAVX512(dst, x, w []float32, eps float64) {
	if len(x) == 0 {
		return
	}
	squares := sumSquaresAVX512(len(x), &x[0], 0)
	scale := float32(1 / math.Sqrt(float64(squares)/float64(len(x))+eps))
	scaleMulAVX512(len(x), scale, &dst[:len(x)][0], &x[0], &w[:len(x)][0])
}

func layerNormAVX512(dst, x, w, b []float32, eps float64) {
	n := len(x)
	if n == 0 {
		return
	}
	mean := sumAVX512(n, &x[0], 0) / float32(n)
	mean += sumAVX512(n, &x[0], mean) / float32(n) // what rounding has left
	variance := float64(sumSquaresAVX512(n, &x[0], mean)) / float64(n)
	affineAVX512(n, &dst[:n][0], &x[0], &w[:n][0], &b[:n][0], mean, float32(1/math.Sqrt(variance+eps)))
}
