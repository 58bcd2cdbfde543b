package run

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/lm"
)

// ModelSpec names a model under test: an architecture with a checkpoint, or with a variant and a seed.
type ModelSpec struct {
	Name         string // in tables; "": made from the architecture and precision
	Family       string // name of the model from which a suite derived this precision; "": named by the user
	Architecture string
	Checkpoint   string // folder; "": initialised from Seed
	Variant      string // of an initialised model; "": the plugin's first
	Seed         uint64 // of an initialised model
	Precision    string // "": f32
	Head         string // precision of the output matrix; "": the plugin's rule
	Device       string // of the plugin's devices; "": its default
	Options      map[string]string
	Tokenizer    string // file, folder or "bytes"; "": the checkpoint's own
}

// normal fills in the precision and the name.
func (s ModelSpec) normal() ModelSpec {
	s.Precision = cmp.Or(s.Precision, "f32")
	if s.Name == "" {
		s.Name = s.Architecture
		if s.Precision != "f32" {
			s.Name += "@" + s.Precision
		}
	}
	return s
}

// at returns the same weights in another precision. The precision becomes a suffix of the name, except f32.
func (s ModelSpec) at(precision string) ModelSpec {
	if precision == s.Precision {
		return s
	}
	family, derived := strings.CutSuffix(s.Name, "@"+s.Precision)
	s.Name = family
	if precision != "f32" || (!derived && s.Precision != "f32") {
		s.Name += "@" + precision
	}
	s.Precision = precision
	return s
}

// reduced reports whether any weights are in another precision than f32.
func (s ModelSpec) reduced() bool {
	return s.normal().Precision != "f32" || s.Head != "" && s.Head != "f32"
}

// identity is equal for two specs of the same model, whatever their names.
func (s ModelSpec) identity() string {
	var options []string
	for _, k := range slices.Sorted(maps.Keys(s.Options)) {
		options = append(options, k+"="+s.Options[k])
	}
	return strings.Join([]string{s.Architecture, s.Checkpoint, s.Variant, strconv.FormatUint(s.Seed, 10), s.Precision, s.Head, s.Device,
		strings.Join(options, ","), s.Tokenizer}, "\x00")
}

// Request returns the load request for a plugin.
func (s ModelSpec) Request() lm.LoadRequest {
	return lm.LoadRequest{
		Checkpoint: s.Checkpoint, Variant: s.Variant, Seed: s.Seed, Precision: s.Precision, Head: s.Head, Device: s.Device, Options: s.Options,
	}
}

// specOf returns the spec of a stored model.
func specOf(m *record.Model) ModelSpec {
	return ModelSpec{
		Name: m.Name, Family: m.Family, Architecture: m.Architecture, Checkpoint: m.Checkpoint, Variant: m.Variant, Seed: m.Seed,
		Precision: m.Precision, Head: m.Head, Device: m.Device, Options: m.Options, Tokenizer: m.Tokenizer.Asked,
	}
}
