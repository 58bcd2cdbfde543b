package kernel

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// Task is work over [0, n) that can be divided into ranges. Do is called on disjoint ranges, concurrently.
type Task interface{ Do(lo, hi int) }

// taskFunc is a function as a Task.
type taskFunc func(lo, hi int)

// Do implements Task.
func (f taskFunc) Do(lo, hi int) { f(lo, hi) }

const (
	// spinTime is how long an idle worker spins for the next task before it sleeps. The loops of one token follow each
	// other within microseconds, and waking a sleeper costs more than most of them.
	spinTime = 50 * time.Microsecond
	// chunksPerThread is the number of chunks per thread, so a late worker takes fewer of them.
	chunksPerThread = 8
	// shareOfWork is the minimum number of multiply-adds per chunk; less work is not shared. Vector code does this many
	// in a microsecond or two, and handing over half of it takes one.
	shareOfWork = 1 << 16
)

// Pool runs loops over outputs on a fixed number of threads, including the caller's. A nil pool uses only the caller's
// thread. Idle workers spin briefly, then sleep, at no cost.
type Pool struct {
	threads int
	spin    time.Duration

	busy sync.Mutex // held while a task runs; a nested task runs on its caller's thread

	// The task, its size and its number of chunks. Workers read them only after claiming a chunk, and they change only
	// when every chunk is done.
	task   Task
	n      int
	chunks int

	_       apart
	claim   atomic.Uint64 // generation<<32 | unclaimed chunks
	_       apart
	pending atomic.Int32 // unfinished chunks, plus one for the caller
	_       apart

	done    chan struct{} // wakes the sleeping caller after the last chunk
	failure atomic.Pointer[any]

	asleep  atomic.Int32
	wake    chan struct{}
	closed  atomic.Bool
	workers sync.WaitGroup
}

// apart keeps a field written by one thread off the cache lines that another polls, and off the adjacent lines
// prefetched with them.
type apart [128]byte

// NewPool returns a pool of that many threads, at least one. Close releases them.
func NewPool(threads int) *Pool {
	p := &Pool{threads: max(1, threads), done: make(chan struct{}, 1)}
	p.wake = make(chan struct{}, p.threads)
	if runtime.GOMAXPROCS(0) >= p.threads {
		p.spin = spinTime // otherwise spinning would take CPU time from working threads
	}
	for range p.threads - 1 {
		p.workers.Go(p.work)
	}
	return p
}

// Threads is the number of threads that Run uses.
func (p *Pool) Threads() int {
	if p == nil {
		return 1
	}
	return p.threads
}

// Close ends the pool's threads. The pool must not be used afterwards.
func (p *Pool) Close() {
	if p == nil || p.closed.Swap(true) {
		return
	}
	close(p.wake)
	p.workers.Wait()
}

// Each calls do on disjoint ranges that cover [0, n), and returns when all are done.
func (p *Pool) Each(n int, do func(lo, hi int)) { p.Run(n, taskFunc(do)) }

// Run is like Each for a task kept by the caller; it does not allocate. A panic of the task propagates to the caller.
// If the pool is busy, with a task that itself calls Run or with another goroutine's, the caller does all the work.
func (p *Pool) Run(n int, task Task) { p.cut(n, p.Threads()*chunksPerThread, task) }

// spread is Run for a task that costs about work multiply-adds. It uses no more chunks than are worth handing over.
func (p *Pool) spread(n, work int, task Task) {
	threads := p.Threads()
	if work < shareOfWork {
		threads = 1
	}
	p.cut(n, threads*min(chunksPerThread, max(1, work/(threads*shareOfWork))), task)
}

// spreadPooled is spread for a copy of task from a pool of such tasks, so it does not allocate.
func spreadPooled[T any, P interface {
	*T
	Task
}](tasks *sync.Pool, pool *Pool, n, work int, task T) {
	t := tasks.Get().(P)
	*t = task
	pool.spread(n, work, t)
	*t = *new(T)
	tasks.Put(t)
}

// cut runs a task in at most that many chunks.
func (p *Pool) cut(n, chunks int, task Task) {
	chunks = min(n, chunks)
	switch {
	case n <= 0:
	case chunks == 1 || p.Threads() == 1 || !p.busy.TryLock():
		task.Do(0, n)
	default:
		p.share(n, chunks, task)
	}
}

// share publishes a task, works on it, and waits for the chunks claimed by others.
func (p *Pool) share(n, chunks int, task Task) {
	p.task, p.n, p.chunks = task, n, chunks
	p.pending.Store(int32(p.chunks) + 1)
	generation := p.claim.Load()>>32 + 1
	p.claim.Store(generation<<32 | uint64(p.chunks))
	p.rouse(min(p.chunks, p.threads) - 1)
	for p.step() {
	}
	p.await()
	p.task = nil
	failure := p.failure.Swap(nil)
	p.busy.Unlock()
	if failure != nil {
		panic(*failure)
	}
}

// rouse wakes up to n sleeping workers.
func (p *Pool) rouse(n int) {
	for range min(n, int(p.asleep.Load())) {
		select {
		case p.wake <- struct{}{}:
		default:
			return
		}
	}
}

// step claims and runs one chunk of the current task. It reports false if there was none.
func (p *Pool) step() bool {
	for {
		claim := p.claim.Load()
		left := int(uint32(claim))
		if left == 0 {
			return false
		}
		if p.claim.CompareAndSwap(claim, claim-1) {
			p.chunk(p.place(p.chunks - left))
			return true
		}
	}
}

// place maps the i-th claimed chunk to its position. Threads that alternate each go through a part of the task front to
// back, which suits hardware prefetching.
func (p *Pool) place(i int) int {
	part, at := i%p.threads, i/p.threads
	each, longer := p.chunks/p.threads, p.chunks%p.threads
	return part*each + min(part, longer) + at
}

// chunk runs one chunk of the task. A panic is kept for the caller.
func (p *Pool) chunk(i int) {
	defer p.finish()
	p.task.Do(p.n*i/p.chunks, p.n*(i+1)/p.chunks)
}

// finish counts a chunk as done.
func (p *Pool) finish() {
	if failure := recover(); failure != nil {
		p.fail(failure)
	}
	if p.pending.Add(-1) == 0 {
		p.done <- struct{}{}
	}
}

// fail keeps the first panic of a task.
func (p *Pool) fail(failure any) { p.failure.CompareAndSwap(nil, &failure) }

// await returns when every chunk is done. It spins first, then sleeps.
func (p *Pool) await() {
	if p.spinUntil(func() bool { return p.pending.Load() == 1 }) {
		return
	}
	if p.pending.Add(-1) > 0 {
		<-p.done
	}
}

// spinUntil polls ready for at most the spin time and reports whether it became true.
func (p *Pool) spinUntil(ready func() bool) bool {
	if ready() {
		return true
	}
	if p.spin == 0 {
		return false
	}
	for start := time.Now(); time.Since(start) < p.spin; {
		for range 32 {
			if ready() {
				return true
			}
		}
	}
	return false
}

// work is a worker's main loop.
func (p *Pool) work() {
	for !p.closed.Load() {
		if p.step() || p.spinUntil(p.hasWork) {
			continue
		}
		p.asleep.Add(1)
		if !p.hasWork() { // a task published before asleep was incremented would not wake us
			<-p.wake
		}
		p.asleep.Add(-1)
	}
}

// hasWork reports whether a worker should look for work: a chunk is unclaimed, or the pool is closed.
func (p *Pool) hasWork() bool { return uint32(p.claim.Load()) > 0 || p.closed.Load() }
