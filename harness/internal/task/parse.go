package task

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/archbench/archbench/harness/internal/dataset"
	"github.com/archbench/archbench/internal/spelling"
)

// Parse returns the task of a text such as "mqar:pairs=16,length=256": the name of a kind and values for some of its axes;
// the others have their defaults. Errors name what is wrong and what is possible.
func Parse(text string) (*Task, error) {
	name, values, _ := strings.Cut(text, ":")
	k := slices.IndexFunc(Kinds, func(k *Kind) bool { return k.Name == name })
	if k < 0 {
		return nil, fmt.Errorf("there is no task %q; there are %s", name, choices(name, List()))
	}
	t, err := Kinds[k].parse(values)
	if err != nil {
		return nil, fmt.Errorf("task %s: %w", name, err)
	}
	return t, nil
}

// List returns the names of all kinds.
func List() (names []string) {
	for _, k := range Kinds {
		names = append(names, k.Name)
	}
	return names
}

// choices lists words and suggests the one that was probably meant.
func choices(word string, words []string) string {
	said := strings.Join(words, ", ")
	if near := spelling.Nearest(word, words, 1); near != nil {
		said += "; did you mean " + near[0] + "?"
	}
	return said
}

// parse reads axis=value,axis=value.
func (k *Kind) parse(text string) (*Task, error) {
	values, names := settings{}, make([]string, len(k.Axes))
	for i, a := range k.Axes {
		values[a.Name], names[i] = a.Default, a.Name
	}
	given := map[string]bool{}
	for pair := range strings.SplitSeq(text, ",") {
		if text == "" {
			break
		}
		name, value, ok := strings.Cut(pair, "=")
		i := slices.Index(names, name)
		switch {
		case !ok:
			return nil, fmt.Errorf("%q is not of the form axis=value", pair)
		case i < 0:
			return nil, fmt.Errorf("it has no axis %q; there are %s", name, choices(name, names))
		case given[name]:
			return nil, fmt.Errorf("%s is given twice", name)
		}
		checked, err := k.Axes[i].check(value)
		if err != nil {
			return nil, err
		}
		given[name], values[name] = true, checked
	}
	return k.with(values)
}

// with returns the task for checked values.
func (k *Kind) with(values settings) (*Task, error) {
	d, err := k.define(values)
	if err != nil {
		return nil, err
	}
	t := &Task{kind: k, settings: values, definition: d, seed: uint64(values.whole("seed")), all: values["loss"] == lossAll}
	t.sizes = [dataset.Splits]int{values.whole("examples"), values.whole("held-out"), values.whole("held-out")}
	if !d.unique {
		return t, nil
	}
	seen := map[string]bool{}
	for split := range dataset.Split(dataset.Splits) {
		if err := t.choose(split, seen); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// mostChosen bounds the tokens of examples that are made unique, because all are generated in advance.
const mostChosen = 1 << 24

// choose finds the first places in a split's stream whose examples differ from each other and from those seen.
func (t *Task) choose(split dataset.Split, seen map[string]bool) error {
	n := t.sizes[split]
	if n*t.longest(split) > mostChosen {
		return fmt.Errorf("%d examples of %d tokens are too many to make them different: lower one", n, t.longest(split))
	}
	if n == 0 {
		return errors.New("examples is 0, but this task has a fixed set of them")
	}
	stream := *t
	stream.sizes[split] = 0
	places := make([]uint64, 0, n)
	for i := uint64(0); len(places) < n; i++ {
		if i > 20*uint64(n) {
			return fmt.Errorf("there are hardly more than %d different examples, more are wanted: lower examples and held-out, or raise length or vocab", len(seen))
		}
		if key := spelled(stream.Example(split, i)); !seen[key] {
			seen[key], places = true, append(places, i)
		}
	}
	t.places[split] = places
	return nil
}

// spelled returns tokens and answers of an example as a key.
func spelled(e Example) string {
	runes := make([]rune, 0, len(e.Tokens)+len(e.Answers))
	runes = append(runes, e.Tokens...)
	for _, i := range e.Answers {
		runes = append(runes, e.Targets[i])
	}
	return string(runes)
}

// String returns the task's name with the axes that differ from their defaults; Parse gives the same task.
func (t *Task) String() string {
	var changed []string
	for _, a := range t.kind.Axes {
		if v := t.settings[a.Name]; v != a.Default {
			changed = append(changed, a.Name+"="+v)
		}
	}
	if changed == nil {
		return t.kind.Name
	}
	return t.kind.Name + ":" + strings.Join(changed, ",")
}

// Value returns the value of an axis.
func (t *Task) Value(axis string) string { return t.settings[axis] }
