package kernel

// attentionKernels are the inner loops of tiled attention: three products of small strided tiles, and the softmax
// operations on a row of scores. Inputs are finite; a NaN may spread through a tile.
type attentionKernels struct {
	// mulT computes c = a·bᵀ with a [m, k], b [n, k] and c [m, n].
	mulT func(c, a, b Rows, m, n, k int)
	// mulAdd computes c += a·b with a [m, k], b [k, n] and c [m, n].
	mulAdd func(c, a, b Rows, m, n, k int)
	// mulTAdd computes c += aᵀ·b with a [k, m], b [k, n] and c [m, n].
	mulTAdd func(c, a, b Rows, m, n, k int)

	// expShift replaces x by exp(x - shift) and returns the sum.
	expShift func(x []float32, shift float32) float32
	scale    func(x []float32, f float32)
	// scoreGrad replaces scores p by P = exp(scale·p - shift) and ds by scale·P·(ds - delta).
	scoreGrad func(p, ds []float32, scale, shift, delta float32)
}

var attentionReference = attentionKernels{
	mulT: tileMulT, mulAdd: tileMulAdd, mulTAdd: tileMulTAdd,
	expShift: expShift, scale: scaleRow, scoreGrad: scoreGradReference,
}

func tileMulT(c, a, b Rows, m, n, k int) {
	for i := range m {
		x := a.Data[i*a.Stride:][:k]
		out := c.Data[i*c.Stride:][:n]
		j := 0
		for ; j+4 <= n; j += 4 {
			out[j], out[j+1], out[j+2], out[j+3] = dot4(x, b.From(j, 0))
		}
		for ; j < n; j++ {
			out[j] = dotTile(x, b.Data[j*b.Stride:])
		}
	}
}

// dot4 returns the products of x with the first four rows of b. Four independent sums hide the latency.
func dot4(x []float32, b Rows) (s0, s1, s2, s3 float32) {
	b0, b1 := b.Data[:len(x)], b.Data[b.Stride:][:len(x)]
	b2, b3 := b.Data[2*b.Stride:][:len(x)], b.Data[3*b.Stride:][:len(x)]
	for i, v := range x {
		s0 += v * b0[i]
		s1 += v * b1[i]
		s2 += v * b2[i]
		s3 += v * b3[i]
	}
	return s0, s1, s2, s3
}

// dotTile sums in the order of dot4, so a key's score does not depend on where its tile begins.
func dotTile(x, y []float32) (sum float32) {
	y = y[:len(x)]
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

func tileMulAdd(c, a, b Rows, m, n, k int) {
	for i := range m {
		out := c.Data[i*c.Stride:][:n]
		for j, f := range a.Data[i*a.Stride:][:k] {
			axpyReference(f, b.Data[j*b.Stride:][:n], out)
		}
	}
}

func tileMulTAdd(c, a, b Rows, m, n, k int) {
	for r := range k {
		x := b.Data[r*b.Stride:][:n]
		for j, f := range a.Data[r*a.Stride:][:m] {
			axpyReference(f, x, c.Data[j*c.Stride:][:n])
		}
	}
}

func expShift(x []float32, shift float32) (sum float32) {
	for i, v := range x {
		x[i] = expf(v - shift)
		sum += x[i]
	}
	return sum
}

func scoreGradReference(p, ds []float32, scale, shift, delta float32) {
	ds = ds[:len(p)]
	for i, v := range p {
		p[i] = expf(scale*v - shift)
		ds[i] = scale * p[i] * (ds[i] - delta)
	}
}

func scaleRow(x []float32, f float32) {
	for i := range x {
		x[i] *= f
	}
}
