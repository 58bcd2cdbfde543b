package nn

import (
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/spelling"
)

// named is a Source whose tensors are found under the model's names. Programs add prefixes, the same for all tensors:
// torch.compile "_orig_mod.", DataParallel "module.", a class around the model "model.". A model saved without its head
// lacks the prefix of its body, "model.", "transformer." or "backbone.". Two names mean the same tensor if they are equal
// without any of these prefixes.
type named struct {
	Source
	own    map[string][]string // the source's names by their part without prefixes
	found  map[string]string   // the source's names by the model's
	before map[string]string   // the source's prefixes by the model's
	shared map[string]string   // the source's names by the part without prefixes of another name of the same tensor
}

// sharer is a source whose tensors may have had further names, which its writer left out.
type sharer interface {
	// Shared maps each name that was left out to that of the stored tensor.
	Shared() map[string]string
}

// outer are the prefixes of a name; wrappers may also occur inside it.
var (
	outer    = []string{"module", "model", "transformer", "backbone"}
	wrappers = []string{"_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
)

// split returns the prefix of a name, and the rest without wrappers.
func split(name string) (before, own string) {
	if !strings.Contains(name, ".") {
		return "", name
	}
	parts := strings.Split(name, ".")
	n := 0
	for n < len(parts)-1 && (slices.Contains(outer, parts[n]) || slices.Contains(wrappers, parts[n])) {
		n++
	}
	rest := slices.DeleteFunc(slices.Clone(parts[n:]), func(p string) bool { return slices.Contains(wrappers, p) })
	return strings.Join(parts[:n], "."), strings.Join(rest, ".")
}

func newNamed(src Source) *named {
	n := &named{Source: src, own: map[string][]string{}, found: map[string]string{}, before: map[string]string{}, shared: map[string]string{}}
	if s, ok := src.(sharer); ok {
		for name, stored := range s.Shared() {
			_, own := split(name)
			n.shared[own] = stored
		}
	}
	for _, name := range src.Names() {
		_, own := split(name)
		n.own[own] = append(n.own[own], name)
	}
	return n
}

// find returns the source's name of the model's tensor, or "" if there is none or several candidates. An exact match wins.
// All tensors with the same prefix in the model must have the same prefix in the source.
func (n *named) find(name string) string {
	if stored, ok := n.found[name]; ok {
		return stored
	}
	before, own := split(name)
	candidates := n.own[own]
	var stored string
	switch {
	case slices.Contains(candidates, name):
		stored = name
	case len(candidates) == 1:
		stored = candidates[0]
	}
	if len(candidates) == 0 {
		return n.shared[own]
	}
	if got, _ := split(stored); stored != "" {
		if first, ok := n.before[before]; ok && first != got {
			return ""
		}
		n.before[before], n.found[name] = got, stored
	}
	return stored
}

// why explains why find does not find a tensor.
func (n *named) why(name string) string {
	before, own := split(name)
	first, known := n.before[before]
	if known {
		if absence := n.Absence(strings.TrimPrefix(first+"."+own, ".")); absence != "" {
			return absence
		}
	}
	switch meant := n.own[own]; {
	case len(meant) > 0 && known:
		return fmt.Sprintf("%s, but other tensors have the prefix %q", list(meant), first)
	case len(meant) > 0:
		return list(meant) + ", which is ambiguous"
	}
	endsOtherwise := func(other string) bool { return !strings.HasSuffix(other, "."+own) }
	for _, near := range [][]string{slices.DeleteFunc(n.Names(), endsOtherwise), spelling.Nearest(name, n.Names(), 3)} {
		if len(near) > 0 {
			return list(near)
		}
	}
	return list(n.Names())
}

// list names the first tensors of a file.
func list(names []string) string {
	const most = 3
	if len(names) == 0 {
		return "the file has no tensors"
	}
	var quoted []string
	for _, name := range names[:min(most, len(names))] {
		quoted = append(quoted, fmt.Sprintf("%.120q", name))
	}
	text := "the file has " + strings.Join(quoted, ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// Shape implements Source under the model's names, like the following methods.
func (n *named) Shape(name string) ([]int, bool) {
	stored := n.find(name)
	if stored == "" { // a stored tensor may have this name, but none of a model does
		return nil, false
	}
	return n.Source.Shape(stored)
}

func (n *named) NonFinite(name string, lo, hi int) (count, first int) {
	return n.Source.NonFinite(n.find(name), lo, hi)
}

func (n *named) ReadRows(name string, lo, hi int, dst []float32) error {
	return n.Source.ReadRows(n.find(name), lo, hi, dst)
}

func (n *named) Float32s(name string) []float32 { return n.Source.Float32s(n.find(name)) }

func (n *named) BF16s(name string) []uint16 { return n.Source.BF16s(n.find(name)) }

func (n *named) ReleasePages(name string) { n.Source.ReleasePages(n.find(name)) }
