package study

import (
	"errors"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/tensor"

	"github.com/archbench/archbench/internal/nn"
)

// tall returns the matrix, or its transpose if that has more rows, over the same memory.
func (w *weights) tall() *tensor.Dense {
	d := nn.Dense(w.Float32s(), w.out, w.in)
	if w.out < w.in {
		mustTranspose(d)
	}
	return d
}

// mustTranspose transposes a matrix by its strides.
func mustTranspose(d *tensor.Dense) {
	if err := d.T(); err != nil {
		panic(fmt.Sprintf("study: transpose a matrix of shape %v: %v", d.Shape(), err)) // impossible for two axes
	}
}

// decompose computes the singular values and, if vectors is set, the singular vectors of the shorter side.
func (w *weights) decompose(vectors bool) error {
	if w.sigma != nil {
		return nil
	}
	kind := mat.SVDNone
	if vectors {
		kind = mat.SVDThinV
	}
	var svd mat.SVD
	if !svd.Factorize(condensed(w.tall()), kind) {
		return errors.New("the singular value decomposition did not converge")
	}
	w.sigma = svd.Values(nil)
	if vectors {
		w.right = new(mat.Dense)
		svd.VTo(w.right)
	}
	return nil
}

// blockRows is the number of rows of a tall matrix that are factorised together, as a multiple of its columns.
const blockRows = 4

// condensed returns a matrix not much larger than n×n with the singular values and right singular vectors of w, [m, n] with
// m ≥ n: w itself or, if it has many rows, the R of its QR factorisation, computed a block of rows at a time.
func condensed(w *tensor.Dense) *mat.Dense {
	m, n := w.Shape()[0], w.Shape()[1]
	block := min(m, blockRows*n)
	r := rows64(w, 0, block)
	for lo := block; lo < m; lo += block {
		r = triangle(r, rows64(w, lo, min(m, lo+block)))
	}
	return r
}

// triangle returns the R of two stacked matrices.
func triangle(above, below *mat.Dense) *mat.Dense {
	var stack, r mat.Dense
	stack.Stack(above, below)
	var qr mat.QR
	qr.Factorize(&stack)
	qr.RTo(&r)
	_, n := r.Dims()
	return mat.DenseCopyOf(r.Slice(0, n, 0, n))
}

// rows64 returns rows [lo, hi) in float64.
func rows64(w *tensor.Dense, lo, hi int) *mat.Dense {
	n, across, along, data := w.Shape()[1], w.Strides()[0], w.Strides()[1], w.Float32s()
	d := mat.NewDense(hi-lo, n, nil)
	for i := range hi - lo {
		row := d.RawRowView(i)
		for j := range row {
			row[j] = float64(data[(lo+i)*across+j*along])
		}
	}
	return d
}

// effectiveRank is e^H, where H is the entropy of the singular values as shares of their sum (Roy and Vetterli 2007).
func effectiveRank(sigma []float64) float64 {
	sum, entropy := floats.Sum(sigma), 0.
	for _, s := range sigma {
		if p := s / sum; p > 0 {
			entropy -= p * math.Log(p)
		}
	}
	return math.Exp(entropy)
}

// energyRank is the smallest number of singular values whose squares add up to the given share of the sum of all squares.
func energyRank(sigma []float64, share float64) float64 {
	total := floats.Dot(sigma, sigma)
	rank, sum := 0, 0.
	for rank < len(sigma) && sum < share*total {
		sum += sigma[rank] * sigma[rank]
		rank++
	}
	return float64(rank)
}

// lowRankError is ‖W - A·B‖ / ‖W‖ for the best factors of the given rank: W·V and V with the first singular vectors V, both
// in float32.
func (w *weights) lowRankError(rank int) (float64, error) {
	if err := w.decompose(true); err != nil {
		return 0, err
	}
	short := len(w.sigma)
	if rank > short {
		return 0, fmt.Errorf("at most rank %d", short)
	}
	v := nn.Dense(make([]float32, short*rank), short, rank)
	for i := range short {
		for j := range rank {
			v.Float32s()[i*rank+j] = float32(w.right.At(i, j))
		}
	}
	tall := w.tall()
	a, err := tensor.MatMul(tall, v)
	if err != nil {
		return 0, err
	}
	mustTranspose(v)
	product, err := tensor.MatMul(a, v)
	if err != nil {
		return 0, err
	}
	return distance(tall, product.(*tensor.Dense)) / w.norm, nil
}

// distance is the Frobenius norm of a - b.
func distance(a, b *tensor.Dense) float64 {
	x, y, squares := a.Float32s(), b.Float32s(), 0.
	for i := range a.Shape()[0] {
		for j := range a.Shape()[1] {
			d := float64(x[i*a.Strides()[0]+j*a.Strides()[1]]) - float64(y[i*b.Strides()[0]+j*b.Strides()[1]])
			squares += d * d
		}
	}
	return math.Sqrt(squares)
}
