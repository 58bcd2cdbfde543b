package lm

import (
	"slices"
	"strings"
)

// Ability names an optional interface, or a part of one.
type Ability string

// The abilities that a plugin may declare. Those of a model are among them: a model that sees the future cannot step,
// and one of packed weights cannot be saved.
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

// Description says what a plugin is.
type Description struct {
	Name string // the architecture: bk, gpt2, mamba, mistral, ...
	// ModelTypes are the values of model_type in config.json that Load reads; none: the name alone.
	ModelTypes []string
	// MarkerKeys mark a config.json without model_type as one that Load reads, if it has all of them; none: such a
	// folder has to be given to the plugin by name.
	MarkerKeys []string
	Version    string // of the plugin's code
	Language   string // go, python, ...
	Summary    string // one line with the paper
	Variants   []Variant
	Abilities  []Ability
	// Precisions that Load accepts: f32, bf16, int8, int4-g32, ... (docs/architecture.md says what they mean).
	Precisions []string
	// ConfigSchema is a JSON Schema of config.json.
	ConfigSchema string
	// Kernels names the tier of the numeric kernels in use: reference, avx2, avx512+bf16+vnni, ...
	Kernels string
	// Devices are those that Load can put models on, the default first; none: there is no choice.
	Devices []Device
}

// Device is a processor with its memory.
type Device struct {
	Name    string // cpu, cuda:0, ...
	Summary string // what it is, for example the name on its box
	Memory  int64  // bytes of its own; 0: it uses the host's
}

// Device returns the device of that name, "" for the default. One that the plugin does not have is an error of kind
// Unsupported.
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

// Of returns what a plugin of this description says about a model, complete: a model that does not say what it is able
// to do is able to do whatever the plugin declares.
func (m ModelInfo) Of(d Description) ModelInfo {
	if m.Abilities == nil {
		m.Abilities = slices.DeleteFunc(append([]Ability{}, d.Abilities...), func(a Ability) bool { return a == AbilityCalibrate })
	}
	return m
}

// Has reports whether the model says that it has the ability.
func (m ModelInfo) Has(a Ability) bool { return slices.Contains(m.Abilities, a) }

// As returns a model as one of the optional interfaces, if it has that ability. A model that does not say what it is
// able to do has those that it implements.
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

// abilityOf names the ability that an optional interface stands for.
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

// Types are the values of model_type that Load reads.
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

// Offers reports whether Load accepts a precision, as far as its formats go: the model knows its components.
func (d Description) Offers(precision string) bool {
	return !slices.ContainsFunc(Formats(precision), func(f string) bool { return !slices.Contains(d.Precisions, f) })
}

// Formats are those of a precision FORMAT+COMPONENT.FORMAT+..., in its order.
func Formats(precision string) []string {
	all := strings.Split(precision, "+")
	for i, part := range all {
		all[i] = part[strings.Index(part, ".")+1:]
	}
	return all
}

// Variant is a named config that Load can initialise from a seed.
type Variant struct {
	Name    string
	Summary string
	Config  string // JSON, the contents of config.json
}
