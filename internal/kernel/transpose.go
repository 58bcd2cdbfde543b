package kernel

import "sync"

// turnColumns is the number of columns transposed together: their rows fill whole cache lines.
const turnColumns = 64

// Transpose writes src, [rows, cols], as dst, [cols, rows].
func Transpose(pool *Pool, dst, src []float32, rows, cols int) {
	t := turnTasks.Get().(*turnTask)
	*t = turnTask{dst[:rows*cols], src[:rows*cols], rows, cols}
	pool.Run(ceilDiv(cols, turnColumns), t)
	*t = turnTask{}
	turnTasks.Put(t)
}

type turnTask struct {
	dst, src   []float32
	rows, cols int
}

var turnTasks = sync.Pool{New: func() any { return new(turnTask) }}

// Do transposes blocks [lo, hi) of columns.
func (t *turnTask) Do(lo, hi int) {
	for ; lo < hi; lo++ {
		active.turn(t.dst, t.src, t.rows, t.cols, lo*turnColumns, min(t.cols, (lo+1)*turnColumns))
	}
}

// turnReference is the reference for tier.turn.
func turnReference(dst, src []float32, rows, cols, lo, hi int) {
	turnBlock(dst, src, 0, rows, rows, cols, lo, hi)
}

// turnBlock transposes rows [first, last) of columns [lo, hi).
func turnBlock(dst, src []float32, first, last, rows, cols, lo, hi int) {
	for r := first; r < last; r++ {
		for i, v := range src[r*cols+lo : r*cols+hi] {
			dst[(lo+i)*rows+r] = v
		}
	}
}
