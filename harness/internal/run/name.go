package run

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/archbench/archbench/internal/spelling"
)

// Names resolves the --model arguments of a command.
type Names struct {
	// Seed, if not nil, initialises every model instead of loading it; the text after ARCH: is then a variant.
	Seed *uint64
	// Architectures lists the architectures with a plugin, for messages.
	Architectures []string
	// Shipped returns the checkpoint that ships for an architecture, or "".
	Shipped func(architecture string) (dir string)
	// Reader returns the architecture whose plugin reads a checkpoint folder.
	Reader func(dir string) (architecture string, err error)
	// Note receives remarks about ambiguous arguments.
	Note func(string)
}

// Parse parses a model argument:
//
//	[NAME=]DIR[@PRECISION]                        a checkpoint folder; its config.json names the architecture
//	[NAME=]ARCH:DIR[@PRECISION]                   a checkpoint folder, read by the plugin of ARCH
//	[NAME=]ARCH[@PRECISION]                       the model that ships for an architecture
//	[NAME=]ARCH:init:SEED[:VARIANT][@PRECISION]   new weights from a seed
//	[NAME=]ARCH[:VARIANT][@PRECISION]             new weights from Names.Seed
//
// If an argument has several readings, a folder that exists wins, and of several folders the one with the longest name.
// A plain word is the shipped model of that name, if there is one; ./WORD is always the folder.
func (n Names) Parse(text string) (ModelSpec, error) {
	list := readings(text)
	shortest := list[len(list)-1]
	if n.Seed == nil {
		list = slices.DeleteFunc(list, func(r reading) bool { return !isFolder(r.place) || n.ships(r) || r.cut && r.precision == "" })
		if len(list) > 1 {
			n.note("%s is read as the folder %s; there is also a folder %s", text, list[0].place, list[1].place)
		}
		if len(list) > 0 {
			return n.loaded(list[0])
		}
	}
	switch {
	case shortest.cut && shortest.precision == "":
		return ModelSpec{}, fmt.Errorf("model %q: the precision after @ is empty", text)
	case n.Seed != nil:
		return n.initialised(text, shortest)
	}
	return n.elsewhere(text, shortest)
}

// reading is one way to split a model argument.
type reading struct {
	name, architecture, place, precision string
	cut                                  bool // the argument has an @, even if nothing follows it
}

// readings returns all ways to split an argument, from taking the whole as a folder to splitting wherever possible.
func readings(text string) (list []reading) {
	starts := []reading{{place: text}}
	if name, rest, ok := strings.Cut(text, "="); ok && isName(name) {
		starts = append(starts, reading{name: name, place: rest})
	}
	for _, r := range starts {
		list = append(list, r.precisions()...)
		if architecture, place, ok := strings.Cut(r.place, ":"); ok && isWord(architecture) {
			r.architecture, r.place = architecture, place
			list = append(list, r.precisions()...)
		}
	}
	return list
}

// precisions returns the reading without a precision and, if its place contains an @, with one.
func (r reading) precisions() []reading {
	at := strings.LastIndex(r.place, "@")
	if at < 0 || strings.ContainsAny(r.place[at:], `/\`) {
		return []reading{r}
	}
	with := r
	with.place, with.precision, with.cut = r.place[:at], r.place[at+1:], true
	return []reading{r, with}
}

// isName reports whether text can be the name of a model.
func isName(text string) bool { return text != "" && !strings.ContainsAny(text, `=:/\`) }

// nameOf makes a model name of a folder's name.
func nameOf(dir string) string {
	return strings.Map(func(r rune) rune {
		if isName(string(r)) {
			return r
		}
		return '_'
	}, filepath.Base(dir))
}

// isWord reports whether text can be an architecture: it is not a path and has no separator.
func isWord(text string) bool {
	return text != "" && text != "." && text != ".." && !strings.ContainsAny(text, `=@:/\`)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// ships reports whether a reading is a shipped model.
func (n Names) ships(r reading) bool {
	return r.architecture == "" && isWord(r.place) && n.Shipped(r.place) != ""
}

func (n Names) note(format string, args ...any) {
	if n.Note != nil {
		n.Note(fmt.Sprintf(format, args...))
	}
}

// loaded returns the model of a reading whose place is a folder.
func (n Names) loaded(r reading) (s ModelSpec, err error) {
	s = ModelSpec{Name: r.name, Architecture: r.architecture, Precision: r.precision}
	if s.Checkpoint, err = filepath.Abs(r.place); err != nil || r.architecture != "" {
		return s, err
	}
	if s.Architecture, err = n.Reader(s.Checkpoint); err != nil {
		return s, fmt.Errorf("model %q: %w", r.place, err)
	}
	if s.Name == "" {
		s.Name = nameOf(s.Checkpoint)
		if s.Precision != "" {
			s.Name += "@" + s.Precision
		}
	}
	return s, nil
}

// elsewhere returns the model of an argument that names no folder: a shipped model or new weights.
func (n Names) elsewhere(text string, r reading) (ModelSpec, error) {
	if seed, ok := strings.CutPrefix(r.place, "init:"); ok && r.architecture != "" {
		number, variant, _ := strings.Cut(seed, ":")
		n.Seed = new(uint64)
		var err error
		if *n.Seed, err = strconv.ParseUint(number, 10, 64); err != nil {
			return ModelSpec{}, fmt.Errorf("model %q: the seed %q is not a whole number; the form is ARCH:init:SEED or ARCH:init:SEED:VARIANT", text, number)
		}
		r.place = variant
		return n.initialised(text, r)
	}
	s := ModelSpec{Name: r.name, Architecture: r.place, Precision: r.precision}
	switch {
	case r.architecture != "" && r.place == "":
		return s, fmt.Errorf("model %q: no checkpoint folder after %s:; for new weights use %s:init:SEED", text, r.architecture, r.architecture)
	case r.architecture != "":
		return s, fmt.Errorf("model %q: no folder %s", text, r.place)
	case !n.ships(r):
		return s, fmt.Errorf("model %q: %s", text, n.unknown(r.place))
	}
	if isFolder(r.place) {
		n.note("%s is the shipped model; for the folder of that name use ./%s", r.place, r.place)
	}
	s.Checkpoint = n.Shipped(r.place)
	return s, nil
}

// unknown explains why a place is not a model, and suggests one.
func (n Names) unknown(place string) string {
	if _, err := os.Stat(place); err == nil {
		return place + " is a file; name the folder that contains it"
	}
	if slices.Contains(n.Architectures, place) {
		return fmt.Sprintf("no model ships for %s; name a checkpoint, %s:DIR, or new weights, %s:init:SEED", place, place, place)
	}
	shipped := slices.DeleteFunc(slices.Clone(n.Architectures), func(a string) bool { return n.Shipped(a) == "" })
	said := place + " is neither a folder nor a shipped model"
	if len(shipped) == 0 {
		return said + "; no model was found, run archbench doctor to see where it looks"
	}
	said += " (" + strings.Join(shipped, ", ") + ")"
	if near := spelling.Nearest(place, shipped, 1); near != nil {
		return said + "; did you mean " + near[0] + "?"
	}
	return said + "; the form is [NAME=]PLACE[@PRECISION], where PLACE is DIR, ARCH:DIR, ARCH or ARCH:init:SEED"
}

// initialised returns a model with new weights.
func (n Names) initialised(text string, r reading) (ModelSpec, error) {
	if r.architecture == "" {
		r.architecture, r.place = r.place, ""
	}
	s := ModelSpec{Name: r.name, Architecture: r.architecture, Variant: r.place, Seed: *n.Seed, Precision: r.precision}
	switch {
	case !isWord(s.Architecture):
		return s, fmt.Errorf("model %q: %q is not an architecture; the form for new weights is ARCH or ARCH:VARIANT", text, s.Architecture)
	case strings.ContainsAny(r.place, `/\`):
		return s, fmt.Errorf("model %q: with --init, %s is a variant, not a folder; to mix seeded and trained models, "+
			"omit --init and use %s:init:SEED", text, r.place, r.architecture)
	case strings.HasPrefix(r.place, "init:"):
		return s, fmt.Errorf("model %q: it already names its seed; omit --init", text)
	}
	return s, nil
}
