package nn

// Without a tape these layers write over their first operand, which the caller must not use afterwards; with one
// they make a new matrix.

// target is where an elementwise layer with first operand x writes.
func (p *Pass) target(x Mat) Mat {
	if p.Tape == nil {
		return x
	}
	return p.New(x.Rows, x.Cols)
}

// Add returns x + y. Without a tape the sum replaces x's memory. It costs 1 FLOP an element.
func Add(p *Pass, x, y Mat) Mat {
	sum := p.target(x)
	for i, v := range y.Data {
		sum.Data[i] = x.Data[i] + v
	}
	n := int64(len(x.Data))
	p.Add(n, 12*n)
	if p.Tape != nil {
		recordAdd(p, sum, x, y)
	}
	return sum
}

func recordAdd(p *Pass, sum, x, y Mat) {
	p.Tape.Record(func() {
		for i, g := range sum.Grad {
			x.Grad[i] += g
			y.Grad[i] += g
		}
	})
}

// Mul returns the elementwise product x·y. Without a tape it replaces x's memory. It costs 1 FLOP an element.
func Mul(p *Pass, x, y Mat) Mat {
	product := p.target(x)
	for i, v := range y.Data {
		product.Data[i] = x.Data[i] * v
	}
	n := int64(len(x.Data))
	p.Add(n, 12*n)
	if p.Tape != nil {
		recordMul(p, product, x, y)
	}
	return product
}

func recordMul(p *Pass, product, x, y Mat) {
	p.Tape.Record(func() {
		for i, g := range product.Grad {
			x.Grad[i] += g * y.Data[i]
			y.Grad[i] += g * x.Data[i]
		}
	})
}
