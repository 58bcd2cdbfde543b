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

// Names knows what the words for a model may stand for.
type Names struct {
	// Seed has every model initialised from it instead of loaded; what follows ARCH: is then a variant. nil: models are
	// loaded.
	Seed *uint64
	// Architectures are those whose plugins are found, for messages.
	Architectures []string
	// Shipped finds the checkpoint that ships for an architecture; "" is none.
	Shipped func(architecture string) (dir string)
	// Reader finds the architecture whose plugin reads a checkpoint folder.
	Reader func(dir string) (architecture string, err error)
	// Note is told what the user may not have meant.
	Note func(string)
}

// Parse reads the words for a model:
//
//	[NAME=]DIR[@PRECISION]                        a checkpoint folder, whose config.json tells the architecture
//	[NAME=]ARCH:DIR[@PRECISION]                   the same, read by that plugin
//	[NAME=]ARCH[@PRECISION]                       the model that ships for an architecture
//	[NAME=]ARCH:init:SEED[:VARIANT][@PRECISION]   new weights from a seed
//	[NAME=]ARCH[:VARIANT][@PRECISION]             the same, with Names.Seed
//
// One rule decides where several fit: what is a folder is meant as that folder, the longest name first, whatever
// characters it has. A plain word is the shipped model of that name before it is a folder, which ./WORD is.
func (n Names) Parse(text string) (ModelSpec, error) {
	list := senses(text)
	plainest := list[len(list)-1]
	if n.Seed != nil {
		return n.initialised(text, plainest)
	}
	list = slices.DeleteFunc(list, func(s sense) bool { return !isFolder(s.place) || n.ships(s) || s.cut && s.precision == "" })
	switch {
	case len(list) == 0:
		return n.elsewhere(text, plainest)
	case len(list) > 1:
		n.note("%s is read as the folder %s; there is a folder %s too", text, list[0].place, list[1].place)
	}
	return n.loaded(list[0])
}

// sense is one way to take the words for a model apart.
type sense struct {
	name, architecture, place, precision string
	cut                                  bool // precision was said, be it empty
}

// senses are all ways, from the one that takes the whole for a folder to the one that splits wherever it can.
func senses(text string) (list []sense) {
	starts := []sense{{place: text}}
	if name, rest, ok := strings.Cut(text, "="); ok && isName(name) {
		starts = append(starts, sense{name: name, place: rest})
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

// precisions are the sense without a precision and, where it may end in one, with it.
func (r sense) precisions() []sense {
	at := strings.LastIndex(r.place, "@")
	if at < 0 || strings.ContainsAny(r.place[at:], `/\`) {
		return []sense{r}
	}
	with := r
	with.place, with.precision, with.cut = r.place[:at], r.place[at+1:], true
	return []sense{r, with}
}

// isName reports whether text can be the name of a model.
func isName(text string) bool { return text != "" && !strings.ContainsAny(text, `=:/\`) }

// nameOf is the name of a folder as that of a model.
func nameOf(dir string) string {
	return strings.Map(func(r rune) rune {
		if isName(string(r)) {
			return r
		}
		return '_'
	}, filepath.Base(dir))
}

// isWord reports whether text can be an architecture: it is no path, and needs no cutting.
func isWord(text string) bool {
	return text != "" && text != "." && text != ".." && !strings.ContainsAny(text, `=@:/\`)
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// ships reports whether a sense is that of a shipped model.
func (n Names) ships(r sense) bool {
	return r.architecture == "" && isWord(r.place) && n.Shipped(r.place) != ""
}

func (n Names) note(format string, args ...any) {
	if n.Note != nil {
		n.Note(fmt.Sprintf(format, args...))
	}
}

// loaded is the model of a sense whose place is a folder.
func (n Names) loaded(r sense) (s ModelSpec, err error) {
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

// elsewhere is the model of a text that names no folder: a shipped one, or one of new weights.
func (n Names) elsewhere(text string, r sense) (ModelSpec, error) {
	if seed, ok := strings.CutPrefix(r.place, "init:"); ok && r.architecture != "" {
		number, variant, _ := strings.Cut(seed, ":")
		n.Seed = new(uint64)
		var err error
		if *n.Seed, err = strconv.ParseUint(number, 10, 64); err != nil {
			return ModelSpec{}, fmt.Errorf("model %q: the seed %q is no whole number; the form is ARCH:init:SEED or ARCH:init:SEED:VARIANT", text, number)
		}
		r.place = variant
		return n.initialised(text, r)
	}
	s := ModelSpec{Name: r.name, Architecture: r.place, Precision: r.precision}
	switch {
	case r.cut && r.precision == "":
		return s, fmt.Errorf("model %q: the precision after @ is empty", text)
	case r.architecture != "" && r.place == "":
		return s, fmt.Errorf("model %q: no checkpoint folder after %s:; for new weights say %s:init:SEED", text, r.architecture, r.architecture)
	case r.architecture != "":
		return s, fmt.Errorf("model %q: no folder %s", text, r.place)
	case !n.ships(r):
		return s, fmt.Errorf("model %q: %s", text, n.unknown(r.place))
	}
	if isFolder(r.place) {
		n.note("%s is the shipped model; the folder of that name is ./%s", r.place, r.place)
	}
	s.Checkpoint = n.Shipped(r.place)
	return s, nil
}

// unknown says why a place is no model, and what would be one.
func (n Names) unknown(place string) string {
	if _, err := os.Stat(place); err == nil {
		return place + " is a file; name the folder that it is in"
	}
	if slices.Contains(n.Architectures, place) {
		return fmt.Sprintf("no model ships for %s; name a checkpoint, %s:DIR, or new weights, %s:init:SEED", place, place, place)
	}
	shipped := slices.DeleteFunc(slices.Clone(n.Architectures), func(a string) bool { return n.Shipped(a) == "" })
	said := place + " is neither a folder nor a shipped model"
	if len(shipped) == 0 {
		return said + "; none was found, archbench doctor says where it looks"
	}
	said += " (" + strings.Join(shipped, ", ") + ")"
	if near := spelling.Nearest(place, shipped, 1); near != nil {
		return said + "; did you mean " + near[0] + "?"
	}
	return said + "; the form is DIR, ARCH:DIR, ARCH or ARCH:init:SEED, with NAME= before and @PRECISION after it"
}

// initialised is a model of new weights.
func (n Names) initialised(text string, r sense) (ModelSpec, error) {
	if r.architecture == "" {
		r.architecture, r.place = r.place, ""
	}
	s := ModelSpec{Name: r.name, Architecture: r.architecture, Variant: r.place, Seed: *n.Seed, Precision: r.precision}
	switch {
	case r.cut && r.precision == "":
		return s, fmt.Errorf("model %q: the precision after @ is empty", text)
	case !isWord(s.Architecture):
		return s, fmt.Errorf("model %q: %q is no architecture; the form for new weights is ARCH or ARCH:VARIANT", text, s.Architecture)
	case strings.ContainsAny(r.place, `/\`):
		return s, fmt.Errorf("model %q: with --init, %s is a variant, not a folder; for seeded models beside trained ones "+
			"leave --init out and say %s:init:SEED", text, r.place, r.architecture)
	case strings.HasPrefix(r.place, "init:"):
		return s, fmt.Errorf("model %q: it names its seed already; leave --init out", text)
	}
	return s, nil
}
