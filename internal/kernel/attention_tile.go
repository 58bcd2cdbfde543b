package kernel

// The three products of attention on small strided tiles, its only inner loops. A weight of zero adds nothing, whatever
// it is multiplied with: what a query does not see cannot reach it, not even as NaN.

// tileMulT computes s[r, j] = a[r]·b[j] for rows × n outputs, with rows of a and b of length dim.
func tileMulT(s, a, b Rows, rows, n, dim int) {
	for r := range rows {
		x := a.Data[r*a.Stride:][:dim]
		out := s.Data[r*s.Stride:][:n]
		j := 0
		for ; j+4 <= n; j += 4 {
			out[j], out[j+1], out[j+2], out[j+3] = dot4(x, b.From(j, 0))
		}
		for ; j < n; j++ {
			out[j] = dotTile(x, b.Data[j*b.Stride:])
		}
	}
}

// dot4 returns the products of x with the first four rows of b. The four sums hide each other's latency.
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

// dotTile sums in the order of dot4, so that a key's score does not depend on where its tile begins.
func dotTile(x, y []float32) (sum float32) {
	y = y[:len(x)]
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// tileMulAdd computes o[r] += Σ_j w[r, j]·b[j] for rows rows of length dim and n terms.
func tileMulAdd(o, w, b Rows, rows, n, dim int) {
	for r := range rows {
		out := o.Data[r*o.Stride:][:dim]
		for j, f := range w.Data[r*w.Stride:][:n] {
			if f != 0 {
				Axpy(f, b.Data[j*b.Stride:][:dim], out)
			}
		}
	}
}

// tileMulTAdd computes o[j] += Σ_r w[r, j]·a[r] for n rows of length dim and rows terms.
func tileMulTAdd(o, w, a Rows, rows, n, dim int) {
	for r := range rows {
		x := a.Data[r*a.Stride:][:dim]
		for j, f := range w.Data[r*w.Stride:][:n] {
			if f != 0 {
				Axpy(f, x, o.Data[j*o.Stride:][:dim])
			}
		}
	}
}
