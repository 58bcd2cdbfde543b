package nn

import (
	"fmt"
	"slices"
)

// trainable returns the gradient of a parameter. Taping over packed weights, or before Params.Train, is a bug of the caller
// and panics.
func trainable(w *Param, layer string) []float32 {
	if w == nil {
		panic(fmt.Sprintf("nn: backward of a %s whose weights are packed: train in f32", layer))
	}
	if w.Grad == nil {
		panic(fmt.Sprintf("nn: backward through %q without gradients: call Params.Train first", w.Name))
	}
	return w.Grad
}

// derive calls compute, which derives a layer's data from its parameters, now and whenever they change.
func (ps *Params) derive(compute func()) {
	compute()
	ps.derived = append(ps.derived, compute)
}

// Changed recomputes what the layers derive from the parameters. Call it between changing W and the next Forward.
func (ps *Params) Changed() {
	for _, compute := range ps.derived {
		compute()
	}
}

// CheckTrainable fails if any weights are packed, which is for inference only.
func (ps *Params) CheckTrainable() error {
	for _, t := range ps.list {
		if t.param == nil {
			return fmt.Errorf("tensor %q is held as %s: a model trains in f32 only", t.name, t.matrix.Format())
		}
	}
	for _, m := range ps.copies {
		return fmt.Errorf("the output matrix is a copy of the embedding in %s: a model trains in f32 only", m.Format())
	}
	return nil
}

// Train allocates a gradient for every parameter, or fails like CheckTrainable. Parameters over a source's memory are
// copied to memory of their own.
func (ps *Params) Train() error {
	if err := ps.CheckTrainable(); err != nil {
		return err
	}
	for _, p := range ps.Trainable() {
		p.own()
		p.Grad = make([]float32, len(p.W))
	}
	return nil
}

// EndTraining releases the gradients.
func (ps *Params) EndTraining() {
	for _, p := range ps.Trainable() {
		p.Grad = nil
	}
}

// Trainable lists the float32 parameters in the order of their declaration.
func (ps *Params) Trainable() []*Param {
	var list []*Param
	for _, t := range ps.list {
		if t.param != nil {
			list = append(list, t.param)
		}
	}
	return list
}

// own makes W writable.
func (p *Param) own() {
	if !p.mapped {
		return
	}
	p.W, p.mapped = slices.Clone(p.W), false
	if p.moved != nil {
		p.moved(p.W)
	}
}
