package lm_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"github.com/archbench/archbench/lm"
)

func TestKindOf(t *testing.T) {
	for _, c := range []struct {
		err  error
		want lm.Kind
	}{
		{errors.New("broken"), lm.Internal},
		{lm.Errorf(lm.NotFound, "load", "no folder"), lm.NotFound},
		{fmt.Errorf("model a: %w", lm.Errorf(lm.Corrupt, "load", "bad header")), lm.Corrupt},
		{context.Canceled, lm.Deadline},
		{fmt.Errorf("waiting: %w", context.DeadlineExceeded), lm.Deadline},
	} {
		if got := lm.KindOf(c.err); got != c.want {
			t.Errorf("%v is of kind %v, want %v", c.err, got, c.want)
		}
	}
}

func TestError(t *testing.T) {
	err := lm.Errorf(lm.NotFound, "load", "weights: %w", fs.ErrNotExist)
	if err.Error() != "load: weights: file does not exist" || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if bare := (&lm.Error{Err: errors.New("no inputs")}).Error(); bare != "no inputs" {
		t.Errorf("without an operation: %q", bare)
	}
	if lm.Unsupported.String() != "unsupported" || lm.Kind(99).String() != "kind(99)" {
		t.Errorf("%v, %v", lm.Unsupported, lm.Kind(99))
	}
}

func TestHas(t *testing.T) {
	d := lm.Description{Abilities: []lm.Ability{lm.AbilityStep}}
	if !d.Has(lm.AbilityStep) || d.Has(lm.AbilitySave) {
		t.Errorf("%v", d.Abilities)
	}
}

// whole implements more abilities than it reports.
type whole struct {
	lm.Model
	lm.Stepper
	lm.Saver
	abilities []lm.Ability
}

func (w whole) Info() lm.ModelInfo { return lm.ModelInfo{Abilities: w.abilities} }

func TestAs(t *testing.T) {
	for _, c := range []struct {
		abilities  []lm.Ability
		step, save bool
	}{
		{nil, true, true}, // reports none
		{[]lm.Ability{}, false, false},
		{[]lm.Ability{lm.AbilityStep, lm.AbilityGenerate}, true, false},
	} {
		m := whole{abilities: c.abilities}
		_, step := lm.As[lm.Stepper](m)
		saver, save := lm.As[lm.Saver](m)
		_, generate := lm.As[lm.Generator](m) // reported but not implemented
		if step != c.step || save != c.save || (saver != nil) != save || generate {
			t.Errorf("%q: step %v, save %v, generate %v", c.abilities, step, save, generate)
		}
	}
}

func TestAbilitiesOfAModel(t *testing.T) {
	d := lm.Description{Abilities: []lm.Ability{lm.AbilityStep, lm.AbilityCalibrate}}
	if silent := (lm.ModelInfo{}).Of(d); !silent.Has(lm.AbilityStep) || silent.Has(lm.AbilityCalibrate) || len(d.Abilities) != 2 {
		t.Errorf("a model that reports no abilities: %q, plugin %q", silent.Abilities, d.Abilities)
	}
	if none := (lm.ModelInfo{Abilities: []lm.Ability{}}).Of(d); none.Has(lm.AbilityStep) {
		t.Errorf("a model with an empty list of abilities: %q", none.Abilities)
	}
	if unable := (lm.ModelInfo{}).Of(lm.Description{}); unable.Abilities == nil {
		t.Error("a model of a plugin without abilities has nil abilities")
	}
}

func TestDevices(t *testing.T) {
	gpu := lm.Device{Name: "cuda:0", Memory: 1000}
	d := lm.Description{Devices: []lm.Device{{Name: "cpu"}, gpu}}
	for name, want := range map[string]string{"": "cpu", "cpu": "cpu", "cuda:0": "cuda:0"} {
		if got, err := d.Device(name); err != nil || got.Name != want {
			t.Errorf("%q: %v, %v", name, got, err)
		}
	}
	if _, err := d.Device("cuda:1"); lm.KindOf(err) != lm.Unsupported || err.Error() != "load: n/a (no device cuda:1: there is cpu, cuda:0)" {
		t.Errorf("%v", err)
	}
	if _, err := (lm.Description{}).Device("cpu"); lm.KindOf(err) != lm.Unsupported {
		t.Errorf("a plugin without devices: %v", err)
	}
	memory := func(host, own int64) lm.Memory {
		return lm.Memory{Live: []lm.ByteClass{{Class: "weights", Bytes: host}, {Class: "weights", Bytes: own, Device: "cuda:0"}}}
	}
	for _, c := range []struct {
		m      lm.Memory
		device lm.Device
		ok     bool
	}{
		{memory(10, 1000), gpu, true}, {memory(11, 0), gpu, false}, {memory(0, 1001), gpu, false}, {memory(0, 1), lm.Device{Name: "cpu"}, false},
	} {
		if err := c.m.Check(10, c.device); (err == nil) != c.ok {
			t.Errorf("%+v on %+v: %v", c.m, c.device, err)
		}
	}
}

func TestBoundsOfCost(t *testing.T) {
	item := func(flops int64) []lm.CostItem { return []lm.CostItem{{Component: "experts", FLOPs: flops}} }
	for _, c := range []struct {
		reply lm.CostReply
		ok    bool
	}{
		{lm.CostReply{Analytic: item(5), Least: item(2), Most: item(9)}, true},
		{lm.CostReply{Analytic: item(5), Counted: item(9), Least: item(2), Most: item(9)}, true},
		{lm.CostReply{Analytic: item(5), Counted: item(10), Least: item(2), Most: item(9)}, false},
		{lm.CostReply{Analytic: item(1), Least: item(2), Most: item(9)}, false},
		{lm.CostReply{Analytic: item(5), Least: item(9), Most: item(2)}, false},
		{lm.CostReply{Analytic: item(5), Least: item(2)}, false},
	} {
		if err := c.reply.Check(); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c.reply, err)
		}
	}
}
