package nn

// recomputed is one residual step whose activations are not kept for the backward pass: it keeps x and the sum, and runs
// again before its backward (Chen et al. 2016). It runs with a tape of its own both times, because some layers round
// differently with a tape.
type recomputed struct {
	sum, x Mat
	norm   Norm
	f      func(x Mat) Mat
	draws  Draws
}

// recompute computes sum = x + f(norm(x)) and records its backward.
func recompute(p *Pass, sum, x Mat, norm Norm, f func(x Mat) Mat) {
	step := recomputed{sum: sum, x: x, norm: norm, f: f}
	if p.Draws != nil {
		step.draws = *p.Draws
	}
	step.alone(p, func() { step.forward(p) })
	p.Tape.Record(func() { step.backward(p) })
}

// alone calls run with a tape that keeps every activation, and then frees them.
func (s *recomputed) alone(p *Pass, run func()) {
	tape, mark := p.Tape, p.Mark()
	p.Tape, p.Recompute = &p.inner, false
	run()
	p.inner.clear()
	p.Tape, p.Recompute = tape, true
	p.arena.release(mark)
}

func (s *recomputed) forward(p *Pass) {
	add(p, s.sum, s.x, s.f(s.norm.Forward(p, s.x)))
}

// backward computes the step again, with the same random draws, and then its backward.
func (s *recomputed) backward(p *Pass) {
	if p.Draws != nil {
		after := *p.Draws
		*p.Draws = s.draws
		defer func() { *p.Draws = after }()
	}
	s.alone(p, func() {
		s.forward(p)
		p.inner.Backward()
	})
}
