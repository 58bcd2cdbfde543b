//go:build linux && amd64

package kernel

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/archbench/archbench/internal/kernel/amxemu"
	"github.com/archbench/archbench/internal/sharedtest"
)

// TestMain lets the tests run the amx tier on any CPU with its other prerequisites. Benchmarks do not, because they
// would time the emulation.
func TestMain(m *testing.M) {
	flag.Parse()
	if !amx.usable() && flag.Lookup("test.bench").Value.String() == "" {
		if err := emulateAMX(); err != nil {
			fmt.Fprintln(os.Stderr, "the amx tier is not tested:", err)
		}
	}
	os.Exit(m.Run())
}

// emulateAMX makes the amx tier usable.
func emulateAMX() error {
	if !avx512.usable() || !hasVNNI || !hasBF16 {
		return errors.New("this CPU has no AVX-512 with VNNI and bf16")
	}
	if err := amxemu.Install(); err != nil {
		return err
	}
	amx.usable = func() bool { return true }
	if os.Getenv("ARCHBENCH_KERNEL") == amx.name {
		active, errTier = &amx, nil
	}
	return nil
}

// withAMX runs do on the amx tier.
func withAMX(t testing.TB, do func()) {
	t.Helper()
	if !amx.usable() {
		t.Skip("no AMX and no emulation on this CPU")
	}
	withTier(t, &amx, do)
}

// Products of the amx tier follow the order that Intel documents for TDPBF16PS: for every 32 elements along the input,
// one sum over the even and one over the odd elements, both added to the output.
func TestAMXOrder(t *testing.T) {
	for _, size := range [][3]int{{1, 32, 64}, {1, 40, 576}, {3, 17, 31}, {16, 64, 96}, {17, 33, 130}, {33, 31, 1030}, {70, 50, 65}, {2, 33, 8300}, {1040, 5, 40}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			rows, out, in := size[0], size[1], size[2]
			x, w := gaussians(1, rows*in), gaussians(2, out*in)
			before := amxemu.Executed()
			withAMX(t, func() {
				m := NewMatrix(BF16, out, in, func(o int, dst []float32) { copy(dst, w[o*in:]) })
				got := product1(m, x, rows)
				if i := firstDifference(got, inTileOrder(x, w, rows, out, in)); i >= 0 {
					t.Fatalf("output %d of row %d is %g in another order", i%out, i/out, got[i])
				}
			})
			if !tilesPermitted() && amxemu.Executed() == before {
				t.Error("no AMX instruction was executed")
			}
		})
	}
}

// inTileOrder is x·wᵀ with the rounding of TDPBF16PS. Products of two bf16 are exact in float32.
func inTileOrder(x, w []float32, rows, out, in int) []float32 {
	x, w = roundBF16(nil, x), roundBF16(nil, w)
	y := make([]float32, rows*out)
	for i := range y {
		a, b := x[i/out*in:][:in], w[i%out*in:][:in]
		for k := 0; k < in; k += 32 {
			var chains [2]float32
			for j := k; j < min(in, k+32); j++ {
				chains[j%2] += float32(a[j] * b[j])
			}
			y[i] += float32(chains[0] + chains[1])
		}
	}
	return y
}

// firstDifference returns the first index at which two slices differ in any bit, or -1.
func firstDifference(a, b []float32) int {
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			return i
		}
	}
	return -1
}

// Products equal the reference at arbitrary sizes, including those around tiles, units, sweeps and blocks, for any
// number of threads.
func FuzzAMX(f *testing.F) {
	formats := []string{"bf16", "int8a8", "int8a8-g32", "int8a8-g64", "int8a8-g128", "int4a8", "int4a8-g32", "int4a8-g128", "int4a8-row"}
	for i, size := range [][3]uint16{
		{15, 31, 63}, {16, 32, 64}, {17, 33, 65}, {31, 47, 127}, {32, 48, 128}, {33, 49, 129}, {48, 64, 1024}, {49, 1, 1100},
		{7, 100, 1}, {8, 2, 2}, {1, 95, 513}, {1030, 3, 70}, {9, 34, 8256},
	} {
		f.Add(uint8(i), size[0], size[1], size[2])
		f.Add(uint8(0), size[0], size[1], size[2])
	}
	r := rand.New(rand.NewPCG(5, 5))
	for i := range 30 {
		f.Add(uint8(i), uint16(1+r.IntN(80)), uint16(1+r.IntN(90)), uint16(1+r.IntN(600)))
	}
	pools := []*Pool{nil, NewPool(2), NewPool(3)}
	f.Cleanup(func() {
		for _, p := range pools {
			p.Close()
		}
	})
	f.Fuzz(func(t *testing.T, format uint8, rows, out, in uint16) {
		if rows == 0 || out == 0 || in == 0 || uint64(rows)*uint64(out)*uint64(in) > 1<<22 {
			t.Skip("nothing to multiply, or more than the reference does in a moment")
		}
		withAMX(t, func() {
			compareTier(t, &amx, formats[int(format)%len(formats)], pools, int(rows), int(out), int(in))
		})
	})
}

// A row's products do not depend on the number of other rows, over several blocks and groups of the input.
func TestAMXSteady(t *testing.T) {
	const out, in, most = 70, 4160, 35
	x, w := gaussians(3, most*in), gaussians(4, out*in)
	withAMX(t, func() {
		for _, name := range []string{"bf16", "int8a8", "int8a8-g128", "int4a8-row"} {
			f, _ := ParseFormat(name)
			m := NewMatrix(f, out, in, func(o int, dst []float32) { copy(dst, w[o*in:]) })
			want := product1(m, x, most)
			for _, rows := range []int{1, 2, 6, 7, 16, 17, 32, 33} {
				if !slices.Equal(product1(m, x, rows), want[:rows*out]) {
					t.Errorf("%s: %d rows differ from the first of %d", name, rows, most)
				}
			}
		}
	})
}

// Denormal inputs and outputs are zero in any CPU mode, and zero padding in tiles does not create infinities or NaN.
func TestAMXSpecialValues(t *testing.T) {
	const rows, out, in = 18, 33, 70
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, c := range []struct{ x, w, want float32 }{
		{0x1p-130, 0x1p100, 0}, {0x1p100, 0x1p-130, 0}, {0x1p-70, 0x1p-70, 0}, {0x1p-60, 0x1p-60, 0x1p-120},
		{inf, 1, inf}, {inf, 0, nan}, {1, -inf, -inf}, {nan, 1, nan}, {0x1p127, 4, inf},
	} {
		x := make([]float32, rows*in)
		for r := range rows {
			x[r*in+in-1] = c.x
		}
		withAMX(t, func() {
			m := NewMatrix(BF16, out, in, func(_ int, dst []float32) { clear(dst); dst[in-1] = c.w })
			for _, n := range []int{1, rows} {
				for i, got := range product1(m, x, n) {
					if got != c.want && !(got != got && c.want != c.want) {
						t.Fatalf("%g·%g is %g for output %d, want %g", c.x, c.w, got, i, c.want)
					}
				}
			}
		})
	}
}

func TestAMXAllocatesNothing(t *testing.T) {
	const out, in, most = 67, 256, 40
	pool := NewPool(2)
	defer pool.Close()
	x, y := gaussians(1, most*in), make([]float32, most*out)
	withAMX(t, func() {
		for _, f := range []Format{BF16, {Kind: KindInt8, A8: true}, {Kind: KindInt4, Group: 64, A8: true}} {
			m, _ := packGaussians(f, out, in)
			for _, rows := range []int{1, most} {
				m.MulT(pool, y, x, rows)
				if got := sharedtest.AllocsPerRun(t, 20, func() { m.MulT(pool, y, x, rows) }); got != 0 {
					t.Errorf("%v: %v allocations a product of %d rows, want 0", f, got, rows)
				}
			}
		}
	})
}

// Products are unaffected by more goroutines than cores, scheduler preemption and garbage collection: tiles are thread
// state that the Go runtime does not know about.
func TestAMXUnderPreemption(t *testing.T) {
	const goroutines, out, in, most = 8, 50, 700, 40
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2*runtime.NumCPU() + 2))
	withAMX(t, func() {
		x, w := gaussians(5, most*in), gaussians(6, out*in)
		var matrices []Matrix
		var want [][]float32
		for _, f := range []Format{BF16, {Kind: KindInt8, A8: true}} {
			m := NewMatrix(f, out, in, func(o int, dst []float32) { copy(dst, w[o*in:]) })
			matrices, want = append(matrices, m), append(want, product1(m, x, most))
		}
		stop := disturb(t)
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := range 100 {
					which, rows := (g+i)%2, 7+(11*g+5*i)%(most-7)
					if got := product1(matrices[which], x, rows); firstDifference(got, want[which]) >= 0 {
						t.Errorf("%v with %d rows differs from the undisturbed run", matrices[which].Format(), rows)
						return
					}
				}
			})
		}
		wg.Wait()
		t.Logf("%d preemption signals", stop())
	})
}

// disturb collects garbage and sends the process preemption signals until stop, which returns the number of signals.
func disturb(t *testing.T) (stop func() int) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	var signals int
	forever := func(do func()) {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					do()
				}
			}
		})
	}
	forever(func() {
		if err := syscall.Kill(os.Getpid(), syscall.SIGURG); err != nil {
			t.Error(err)
		}
		signals++
		runtime.Gosched()
	})
	forever(runtime.GC)
	return func() int { close(done); wg.Wait(); return signals }
}
