package kernel

import "sync"

// Pool runs loops over outputs on a fixed number of threads. A nil pool runs them on the caller's.
type Pool struct{ threads int }

// NewPool returns a pool of that many threads; Close releases them.
func NewPool(threads int) *Pool { return &Pool{threads: max(1, threads)} }

// Threads is the number of threads that Each uses.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return p.threads
}

// Each calls do on disjoint ranges that cover [0, n), and returns when all are done.
func (p *Pool) Each(n int, do func(lo, hi int)) {
	threads := min(p.Threads(), n)
	if threads <= 1 {
		if n > 0 {
			do(0, n)
		}
		return
	}
	var wg sync.WaitGroup
	for t := 1; t < threads; t++ {
		wg.Go(func() { do(n*t/threads, n*(t+1)/threads) })
	}
	do(0, n/threads)
	wg.Wait()
}

// Close ends the pool's threads. It must not be used afterwards.
func (p *Pool) Close() {}
