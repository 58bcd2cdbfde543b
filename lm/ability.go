package lm

import (
	"slices"
	"strings"
)

// Ability names an optional interface or a part of one.
type Ability string

// The abilities that a plugin may declare. A model may have fewer than its plugin: one that sees the future cannot
// step, and one with packed weights cannot be saved.
const (
	AbilityStep      Ability = "step"
	AbilityGenerate  Ability = "generate"
	AbilityCost      Ability = "cost"  // analytic formulas
	AbilityCount     Ability = "count" // counters of a real execution
	AbilityMemory    Ability = "memory"
	AbilityVersus    Ability = "versus" // Score against another loaded model
	AbilitySave      Ability = "save"
	AbilityCalibrate Ability = "calibrate"
	AbilityTrain     Ability = "train"
	AbilityAnswers   Ability = "answers" // Score with targets and ranks
	AbilitySample    Ability = "sample"  // Step with samplers
)

// Description describes a plugin.
type Description struct {
	Name string // the architecture: bk, gpt2, mamba, mistral, ...
	// ModelTypes are the values of model_type in config.json that Load accepts; empty: only Name.
	ModelTypes []string
	// MarkerKeys identify a config.json without model_type: Load accepts it if it has all of them. Empty: such a
	// checkpoint needs the plugin's name.
	MarkerKeys []string
	Version    string // of the plugin's code
	Language   string // go, python, ...
	Summary    string // one line, naming the paper
	Variants   []Variant
	Abilities  []Ability
	// Precisions that Load accepts: f32, bf16, int8, int4-g32, ... (docs/architecture.md says what they mean).
	Precisions []string
	// ConfigSchema is a JSON Schema of config.json.
	ConfigSchema string
	// Kernels names the tier of the numeric kernels in use: reference, avx2, avx512+bf16+vnni, ...
	Kernels string
	// Devices that Load can place models on, the default first; empty: no choice.
	Devices []Device
}

// Device is a processor with its memory.
type Device struct {
	Name    string // cpu, cuda:0, ...
	Summary string // for example the product name
	Memory  int64  // bytes of its own; 0: it uses host memory
}

// Device returns the named device, or the default for "". An unknown device is an error of kind Unsupported.
func (d Description) Device(name string) (Device, error) {
	var names []string
	for _, device := range d.Devices {
		if name == "" || name == device.Name {
			return device, nil
		}
		names = append(names, device.Name)
	}
	switch {
	case name == "":
		return Device{}, nil
	case len(names) == 0:
		return Device{}, Errorf(Unsupported, "load", "n/a (no device %s: the plugin has no choice of devices)", name)
	}
	return Device{}, Errorf(Unsupported, "load", "n/a (no device %s: there is %s)", name, strings.Join(names, ", "))
}

// Of fills in the abilities of a model that reports none: it has all that its plugin declares for models.
func (m ModelInfo) Of(d Description) ModelInfo {
	if m.Abilities == nil {
		m.Abilities = slices.DeleteFunc(append([]Ability{}, d.Abilities...), func(a Ability) bool { return a == AbilityCalibrate })
	}
	return m
}

// Has reports whether the model reports the ability.
func (m ModelInfo) Has(a Ability) bool { return slices.Contains(m.Abilities, a) }

// As returns the model as the optional interface T if it has that ability. A model that reports no abilities has those
// that it implements.
func As[T any](m Model) (t T, ok bool) {
	if t, ok = m.(T); !ok {
		return t, false
	}
	if info := m.Info(); info.Abilities != nil && !info.Has(abilityOf[T]()) {
		var none T
		return none, false
	}
	return t, true
}

// abilityOf returns the ability of an optional interface.
func abilityOf[T any]() Ability {
	switch any((*T)(nil)).(type) {
	case *Stepper:
		return AbilityStep
	case *Generator:
		return AbilityGenerate
	case *Coster:
		return AbilityCost
	case *MemoryReporter:
		return AbilityMemory
	case *Saver:
		return AbilitySave
	case *Trainer:
		return AbilityTrain
	}
	panic("lm: not an optional interface of a Model")
}

// Types returns the values of model_type that Load accepts.
func (d Description) Types() []string {
	if len(d.ModelTypes) == 0 {
		return []string{d.Name}
	}
	return d.ModelTypes
}

// Has reports whether the plugin declares the ability.
func (d Description) Has(a Ability) bool {
	return slices.Contains(d.Abilities, a)
}

// Offers reports whether the plugin declares every part of a precision. Only the model knows whether it has the
// components that the precision names.
func (d Description) Offers(precision string) bool {
	return !slices.ContainsFunc(Precisions(precision), func(p string) bool { return !slices.Contains(d.Precisions, p) })
}

// Precisions splits PRECISION+COMPONENT.PRECISION+... into its plain precisions, in order.
func Precisions(precision string) []string {
	all := strings.Split(precision, "+")
	for i, part := range all {
		all[i] = part[strings.Index(part, ".")+1:]
	}
	return all
}

// Variant is a named config whose weights Load can initialise from a seed.
type Variant struct {
	Name    string
	Summary string
	Config  string // JSON, the contents of config.json
}
