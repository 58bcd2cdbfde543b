package state

import (
	"bytes"
	"strings"
	"testing"

	"github.com/archbench/archbench/internal/kernel"
)

// hybrid is the state of a model with one layer of each kind.
func hybrid() *Document {
	layers := []Layer{NewKV(10, 1, 2, false), NewSSM(6, 8), NewResolvent(4, 5)}
	return New(len(layers), func(l int) Layer { return layers[l] })
}

// write leaves x in every layer of a document.
func write(d *Document, x float32) {
	Of[*KV](d, 0).Append(nil, kernel.Rows{Data: []float32{x, x}, Stride: 2}, kernel.Rows{Data: []float32{x, x}, Stride: 2}, 1)
	ssm, resolvent := Of[*SSM](d, 1), Of[*Resolvent](d, 2)
	ssm.Tail[2], ssm.H[3] = x, x
	resolvent.G.Set(2, complex(float64(x), 1))
	resolvent.Y.Set(19, complex(float64(x), 2))
	d.Advance(1)
}

// last returns what write left.
func last(d *Document) [5]float32 {
	kv, ssm, resolvent := Of[*KV](d, 0), Of[*SSM](d, 1), Of[*Resolvent](d, 2)
	var key float32
	if kv.Len() > 0 {
		key = kv.ring.(*floatRing).k[2*(kv.Len()-1)]
	}
	return [5]float32{key, ssm.Tail[2], ssm.H[3], float32(real(resolvent.G.At(2))), float32(real(resolvent.Y.At(19)))}
}

func TestDocument(t *testing.T) {
	d := hybrid()
	write(d, 3)
	if want := int64(2*4*2*10 + 4*(6+8) + 16*(4+20)); d.Bytes() != want {
		t.Errorf("%d bytes, want %d", d.Bytes(), want)
	}
	fork := d.Fork()
	write(d, 7)
	if fork.Len() != 1 || last(fork) != [5]float32{3, 3, 3, 3, 3} || fork.Bytes() != d.Bytes() {
		t.Errorf("after its origin went on a fork has seen %d tokens, holds %v in %d bytes", fork.Len(), last(fork), fork.Bytes())
	}
	if d.Len() != 2 || last(d) != [5]float32{7, 7, 7, 7, 7} {
		t.Errorf("a document with a fork has seen %d tokens and holds %v", d.Len(), last(d))
	}
	d.Reset()
	if d.Len() != 0 || last(d) != [5]float32{} || Of[*KV](d, 0).Len() != 0 || last(fork)[1] != 3 {
		t.Errorf("after reset %d tokens and %v, the fork %v", d.Len(), last(d), last(fork))
	}
}

func TestOf(t *testing.T) {
	if s := Of[*SSM](nil, 0); s != nil {
		t.Errorf("no document carries %v", s)
	}
	defer func() {
		if message, _ := recover().(string); !strings.Contains(message, "layer 0 has a *state.KV but reads a *state.SSM") {
			t.Errorf("another kind of state: %q", message)
		}
	}()
	Of[*SSM](hybrid(), 0)
}

// TestSaveLoad checks that a saved document is loaded exactly, and that another model's is refused.
func TestSaveLoad(t *testing.T) {
	d := hybrid()
	write(d, 3)
	write(d, 0.1)
	var saved bytes.Buffer
	if err := d.Save(&saved); err != nil {
		t.Fatal(err)
	}
	data := saved.Bytes()
	again := hybrid()
	if err := again.Load(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if last(again) != last(d) || again.Len() != 2 || again.Bytes() != d.Bytes() {
		t.Errorf("loaded %v of %d tokens, saved %v", last(again), again.Len(), last(d))
	}
	write(again, 5)
	write(d, 5)
	if last(again) != last(d) {
		t.Errorf("after another token %v, want %v", last(again), last(d))
	}
	for want, other := range map[string][]Layer{
		"of 2 keys and values, want":  {NewKV(10, 1, 1, false), NewSSM(6, 8), NewResolvent(4, 5)},
		"layer 1: its sizes are":      {NewKV(10, 1, 2, false), NewSSM(6, 9), NewResolvent(4, 5)},
		"layer 2: its sizes are":      {NewKV(10, 1, 2, false), NewSSM(6, 8), NewResolvent(4, 6)},
		"bf16 cannot be loaded":       {NewKV(10, 1, 2, true), NewSSM(6, 8), NewResolvent(4, 5)},
		"load a document's state in ": {NewSSM(6, 8), NewSSM(6, 8), NewResolvent(4, 5)},
	} {
		err := New(len(other), func(l int) Layer { return other[l] }).Load(bytes.NewReader(data))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if err := hybrid().Load(bytes.NewReader(data[:len(data)/2])); err == nil {
		t.Error("half a document was loaded")
	}
}
