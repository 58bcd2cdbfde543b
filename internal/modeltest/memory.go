package modeltest

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/archbench/archbench/lm"
)

// MemoryStays feeds a piece of text repeatedly, as one document, and checks that every loss is finite and that memory does
// not grow between early tokens and the end.
func MemoryStays(t *testing.T, m lm.Model, piece []int32, early, tokens int) {
	t.Helper()
	st, err := m.(lm.Stepper).NewState(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	forgetPeak()
	var before footprint
	for st.Len() < tokens {
		reply, err := m.(lm.Stepper).Step(t.Context(), lm.StepRequest{
			Inputs: []lm.StepInput{{State: st, Tokens: piece}}, Want: lm.WantNLL,
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range reply.Outputs[0].NLL {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("a loss before token %d is %v", st.Len(), v)
			}
		}
		runtime.GC() // frees the losses, which are garbage of this test
		if st.Len() == early {
			before = measure(t, m, st)
		}
	}
	after := measure(t, m, st)
	t.Logf("after %d tokens %+v, after %d %+v", early, before, tokens, after)
	if after.state != before.state || after.activations != before.activations {
		t.Errorf("state and activations grew from %d and %d bytes to %d and %d", before.state, before.activations, after.state, after.activations)
	}
	const scratch = 4 << 20 // the scratch memory of a thread, which it may allocate at any time
	if float64(after.heap) > 1.05*float64(before.heap)+scratch {
		t.Errorf("the heap grew from %d to %d bytes", before.heap, after.heap)
	}
	if float64(after.process) > 1.05*float64(before.process)+scratch>>10 {
		t.Errorf("the process's peak grew from %d to %d kB", before.process, after.process)
	}
}

// footprint is the memory of a model in bytes, of its process in kB.
type footprint struct {
	state, activations int64
	heap               uint64
	process            int64 // peak; 0 if unknown
}

// forgetPeak frees the garbage of earlier tests and resets the peak of the process if the system supports it.
func forgetPeak() {
	debug.FreeOSMemory()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // on failure the old peak remains, which is no smaller
}

func measure(t *testing.T, m lm.Model, st lm.State) (f footprint) {
	t.Helper()
	mem, err := m.(lm.MemoryReporter).Memory(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range mem.Peak {
		f.activations += c.Bytes
	}
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	f.state, f.heap = st.Bytes(), stats.HeapAlloc
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return f
	}
	_, line, _ := bytes.Cut(status, []byte("VmHWM:"))
	if _, err := fmt.Sscan(string(line), &f.process); err != nil {
		t.Fatal(err)
	}
	return f
}
