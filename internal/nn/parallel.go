package nn

// elementBlock is the number of elements per unit of parallel work in elementwise layers. It is large enough that a row of
// decoding stays on one thread.
const elementBlock = 4096

// tasks are the loops of the layers, kept in the Pass so that running one allocates nothing.
type tasks struct {
	unary  unaryTask
	binary binaryTask
	rows   rowsTask
}

// unaryTask is y = f(x) by elements.
type unaryTask struct {
	f    func(y, x []float32)
	y, x []float32
}

// Do implements kernel.Task on blocks of elements.
func (t *unaryTask) Do(lo, hi int) {
	lo, hi = lo*elementBlock, min(len(t.x), hi*elementBlock)
	t.f(t.y[lo:hi], t.x[lo:hi])
}

// binaryTask is z = f(x, y) by elements.
type binaryTask struct {
	f       func(z, x, y []float32)
	z, x, y []float32
}

// Do implements kernel.Task on blocks of elements.
func (t *binaryTask) Do(lo, hi int) {
	lo, hi = lo*elementBlock, min(len(t.x), hi*elementBlock)
	t.f(t.z[lo:hi], t.x[lo:hi], t.y[lo:hi])
}

// rowsTask is y = f(x) by rows, with parameters and a number. If w has several parts, successive rows use them in turn.
type rowsTask struct {
	f      func(y, x, w, b []float32, number float64)
	y, x   Mat
	w, b   []float32
	parts  int // of w; 0 is 1
	number float64
}

// Do implements kernel.Task on rows.
func (t *rowsTask) Do(lo, hi int) {
	parts := max(1, t.parts)
	size := len(t.w) / parts
	for r := lo; r < hi; r++ {
		t.f(t.y.Row(r), t.x.Row(r), t.w[r%parts*size:][:size], t.b, t.number)
	}
}

// unary writes f of every element of x to y.
func (p *Pass) unary(f func(y, x []float32), y, x Mat) {
	p.tasks.unary = unaryTask{f, y.Data, x.Data}
	p.Pool.Run(blocks(len(x.Data)), &p.tasks.unary)
	p.tasks.unary = unaryTask{}
}

// binary writes f of every pair of elements of x and y to z.
func (p *Pass) binary(f func(z, x, y []float32), z, x, y Mat) {
	p.tasks.binary = binaryTask{f, z.Data, x.Data, y.Data[:len(x.Data)]}
	p.Pool.Run(blocks(len(x.Data)), &p.tasks.binary)
	p.tasks.binary = binaryTask{}
}

// eachElement calls f on ranges that cover [0, n). It is for backward passes, which may allocate.
func (p *Pass) eachElement(n int, f func(lo, hi int)) {
	p.Pool.Each(blocks(n), func(lo, hi int) { f(lo*elementBlock, min(n, hi*elementBlock)) })
}

// eachRow calls f for every row of x. It is for backward passes, too.
func (p *Pass) eachRow(x Mat, f func(r int)) {
	p.Pool.Each(x.Rows, func(lo, hi int) {
		for r := lo; r < hi; r++ {
			f(r)
		}
	})
}

// byRows runs a task over the rows of its output, on one thread if they are few.
func (p *Pass) byRows(t rowsTask) {
	p.tasks.rows = t
	pool := p.Pool
	if len(t.y.Data) <= elementBlock {
		pool = nil
	}
	pool.Run(t.x.Rows, &p.tasks.rows)
	p.tasks.rows = rowsTask{}
}

// blocks is the number of blocks of n elements.
func blocks(n int) int { return (n + elementBlock - 1) / elementBlock }
