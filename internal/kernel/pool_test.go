package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/archbench/archbench/internal/sharedtest"
)

// cover checks that a loop of n visits every index once.
func cover(t *testing.T, p *Pool, n int) {
	t.Helper()
	visits := make([]atomic.Int32, n)
	p.Each(n, func(lo, hi int) {
		for i := lo; i < hi; i++ {
			visits[i].Add(1)
		}
	})
	for i := range visits {
		if got := visits[i].Load(); got != 1 {
			t.Fatalf("n=%d threads=%d: index %d visited %d times", n, p.Threads(), i, got)
		}
	}
}

func TestPoolCoversRange(t *testing.T) {
	for _, threads := range []int{1, 2, 3, 8} {
		p := NewPool(threads)
		for _, n := range []int{0, 1, 2, 3, 7, 31, 32, 33, 1000} {
			cover(t, p, n)
		}
		p.Close()
		p.Close()
	}
	var none *Pool
	cover(t, none, 10)
	none.Close()
}

// TestPoolPlacesTurnsTogether checks that each thread's turns get consecutive places.
func TestPoolPlacesTurnsTogether(t *testing.T) {
	for threads := 1; threads <= 5; threads++ {
		for chunks := 1; chunks <= 3*threads; chunks++ {
			p, placed := &Pool{threads: threads, chunks: chunks}, map[int]bool{}
			for i := range chunks {
				at := p.place(i)
				if at < 0 || at >= chunks || placed[at] {
					t.Errorf("%d threads, %d chunks: turn %d is at %d, which is taken or none", threads, chunks, i, at)
				}
				placed[at] = true
				if i >= threads && at != p.place(i-threads)+1 {
					t.Errorf("%d threads, %d chunks: turn %d is at %d, not after the one before", threads, chunks, i, at)
				}
			}
		}
	}
}

// TestPoolSpreadsByWork counts the chunks for tasks of different sizes.
func TestPoolSpreadsByWork(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	for _, tt := range []struct{ n, work, chunks int }{
		{100, 0, 1}, {100, shareOfWork - 1, 1}, {100, shareOfWork, 2}, {1, 4 * shareOfWork, 1}, {3, 4 * shareOfWork, 3},
		{100, 7 * shareOfWork, 6}, {100, 1000 * shareOfWork, 2 * chunksPerThread},
	} {
		visits, chunks := make([]atomic.Int32, tt.n), atomic.Int32{}
		p.spread(tt.n, tt.work, taskFunc(func(lo, hi int) {
			chunks.Add(1)
			for i := lo; i < hi; i++ {
				visits[i].Add(1)
			}
		}))
		for i := range visits {
			if got := visits[i].Load(); got != 1 {
				t.Errorf("%d units of %d: %d visited %d times", tt.n, tt.work, i, got)
			}
		}
		if got := int(chunks.Load()); got != tt.chunks {
			t.Errorf("%d units of %d come in %d chunks, want %d", tt.n, tt.work, got, tt.chunks)
		}
	}
}

// TestPoolSleepsAndWakes lets workers fall asleep between tasks.
func TestPoolSleepsAndWakes(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	for range 20 {
		cover(t, p, 100)
		time.Sleep(4 * spinTime)
	}
}

// TestPoolIdleSleeps checks that spinning ends.
func TestPoolIdleSleeps(t *testing.T) {
	for _, threads := range []int{2, 4} {
		p := NewPool(threads)
		cover(t, p, 100)
		sharedtest.Eventually(t, "all workers sleep", func() bool { return int(p.asleep.Load()) == threads-1 })
		p.Close()
	}
}

func TestPoolNestedAndConcurrent(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for range 50 {
				p.Each(4, func(lo, hi int) {
					for range hi - lo {
						cover(t, p, 17)
					}
				})
			}
		})
	}
	wg.Wait()
}

func TestPoolPanicReachesCaller(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	for i := range 8 {
		func() {
			defer func() {
				if got := recover(); got != i {
					t.Errorf("recovered %v, want %d", got, i)
				}
			}()
			p.Each(8, func(lo, _ int) {
				if lo == i {
					panic(i)
				}
			})
		}()
	}
	cover(t, p, 100)
}

type emptyTask struct{ done atomic.Int64 }

func (e *emptyTask) Do(lo, hi int) { e.done.Add(int64(hi - lo)) }

func TestPoolRunAllocatesNothing(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	task := &emptyTask{}
	if got := sharedtest.AllocsPerRun(t, 100, func() { p.Run(64, task) }); got != 0 {
		t.Errorf("%v allocations a run, want 0", got)
	}
}

func TestPoolCloseEndsWorkers(t *testing.T) {
	before := runtime.NumGoroutine()
	p := NewPool(5)
	cover(t, p, 50)
	p.Close()
	sharedtest.Eventually(t, "the workers' goroutines end", func() bool { return runtime.NumGoroutine() <= before })
}

func BenchmarkPoolRun(b *testing.B) {
	p := NewPool(2)
	defer p.Close()
	task := &emptyTask{}
	for b.Loop() {
		p.Run(64, task)
	}
}
