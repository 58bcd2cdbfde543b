// Package config reads a model's config.json as users write it. It accepts every spelling of a setting. Unknown keys
// are warnings; contradictions and wrong types are errors that name the key.
package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/archbench/archbench/internal/strictjson"
)

// Reader reads the settings of one config. Its first error sticks; see Err.
type Reader struct {
	file     map[string]json.RawMessage
	options  map[string]json.RawMessage // override the file
	asked    map[string]bool
	opened   map[string]map[string]json.RawMessage // the file's objects in which settings were looked up
	spelled  map[string]bool                       // keys consumed by Read, which Effective replaces
	warnings []string
	err      error
}

// Parse reads a JSON object, also as Python writes it; see [strictjson.Standard]. options, as in lm.LoadRequest,
// override its keys. An option's value is JSON, or a bare word for a string.
func Parse(data []byte, options map[string]string) (*Reader, error) {
	r := &Reader{options: map[string]json.RawMessage{}, asked: map[string]bool{}, spelled: map[string]bool{}, opened: map[string]map[string]json.RawMessage{}}
	if err := strictjson.Unmarshal(data, &r.file); err != nil {
		return nil, err
	}
	for key, value := range options {
		raw, err := strictjson.Standard([]byte(value))
		if err != nil {
			raw, _ = json.Marshal(value) // cannot fail: it is a string
		}
		r.options[key] = raw
	}
	return r, nil
}

// Read stores a setting in dst, which holds its default. names are its spellings, the canonical one first; "a.b" is key
// b of object a. Absent and null keep the default. Two spellings with different values are an error.
func Read[T any](r *Reader, dst *T, names ...string) { r.read(reflect.ValueOf(dst).Elem(), names...) }

// ReadRelics is Read for a setting with obsolete spellings. relics count only if none of names is present; a relic with
// a different value beside one of them is a warning.
func ReadRelics[T any](r *Reader, dst *T, names []string, relics ...string) {
	raw, name := r.find(names)
	if raw == nil {
		Read(r, dst, append(slices.Clone(names), relics...)...)
		return
	}
	Read(r, dst, names...)
	for _, relic := range relics {
		old, _ := r.find([]string{relic})
		if r.spelled[relic] = true; old != nil && !same(old, raw) {
			r.Warn("%s %s has no effect beside %s %s", relic, brief(old), name, brief(raw))
		}
	}
}

// read implements Read by reflection.
func (r *Reader) read(dst reflect.Value, names ...string) {
	raw, name := r.find(names)
	for _, n := range names {
		outer, _, _ := strings.Cut(n, ".")
		r.spelled[outer] = true
	}
	if raw == nil || string(raw) == "null" {
		return
	}
	v := reflect.New(dst.Type())
	if json.Unmarshal(raw, v.Interface()) != nil || holdsNull(raw) {
		r.Fail(fmt.Errorf("key %q is %s, want %s", name, brief(raw), want(v.Elem().Interface())))
		return
	}
	dst.Set(v.Elem())
}

// holdsNull reports whether a list or an object contains null. encoding/json would make it zero, but a limit that some
// program could not write as a number is not 0.
func holdsNull(raw json.RawMessage) bool {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	for {
		switch tok, err := dec.Token(); {
		case err != nil:
			return false
		case tok == nil:
			return true
		}
	}
}

// Has reports whether a setting is present, even if null.
func (r *Reader) Has(names ...string) bool {
	raw, _ := r.find(names)
	return raw != nil
}

// Known marks keys that are accepted without effect, such as dropout rates.
func (r *Reader) Known(names ...string) {
	for _, name := range names {
		r.asked[name] = true
	}
}

// Settings lists the keys looked up by Read, in order.
func (r *Reader) Settings() []string { return slices.Sorted(maps.Keys(r.spelled)) }

// Err returns the first error: a bad value, or an option that is not a setting.
func (r *Reader) Err() error {
	if r.err != nil {
		return r.err
	}
	for _, key := range slices.Sorted(maps.Keys(r.options)) {
		if !r.asked[key] {
			return fmt.Errorf("option %q is no setting of this architecture", key)
		}
	}
	return nil
}

// Warnings lists dropped values and unknown keys.
func (r *Reader) Warnings() []string {
	list := slices.Clone(r.warnings)
	for _, key := range slices.Sorted(maps.Keys(r.file)) {
		if !r.asked[key] && !strings.HasPrefix(key, "_") { // names such as _name_or_path are notes of the program that wrote the file
			list = append(list, fmt.Sprintf("config: unknown key %q has no effect", key))
		}
	}
	for _, outer := range slices.Sorted(maps.Keys(r.opened)) {
		for _, inner := range slices.Sorted(maps.Keys(r.opened[outer])) {
			if name := outer + "." + inner; !r.asked[name] {
				list = append(list, fmt.Sprintf("config: unknown key %q has no effect", name))
			}
		}
	}
	return list
}

// Effective returns config.json with all settings that were read replaced by those of known, a struct with JSON tags.
// Other keys are kept.
func (r *Reader) Effective(known any) ([]byte, error) {
	out := maps.Clone(r.file)
	for key := range r.spelled {
		delete(out, key)
	}
	raw, err := json.Marshal(known)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, err
	}
	return json.MarshalIndent(out, "", "  ")
}

// find returns a setting's value and the spelling used, options first.
func (r *Reader) find(names []string) (raw json.RawMessage, name string) {
	for _, source := range []map[string]json.RawMessage{r.options, r.file} {
		for _, n := range names {
			v := r.lookup(source, n)
			switch {
			case v == nil:
			case raw == nil:
				raw, name = v, n
			case !same(v, raw):
				r.Fail(fmt.Errorf("keys %q and %q contradict each other: %s and %s", name, n, brief(raw), brief(v)))
			}
		}
		if raw != nil {
			break
		}
	}
	for _, n := range names {
		r.asked[n] = true
	}
	return raw, name
}

// same reports whether two values are equal, for example 1e4 and 10000.0.
func same(a, b json.RawMessage) bool {
	var x, y any
	return json.Unmarshal(a, &x) == nil && json.Unmarshal(b, &y) == nil && reflect.DeepEqual(x, y)
}

// lookup returns the value of a key, which may be of the form "a.b".
func (r *Reader) lookup(source map[string]json.RawMessage, name string) json.RawMessage {
	if v, ok := source[name]; ok {
		return v
	}
	outer, inner, nested := strings.Cut(name, ".")
	if !nested || source[outer] == nil {
		return nil
	}
	r.asked[outer] = true
	var object map[string]json.RawMessage
	if json.Unmarshal(source[outer], &object) != nil {
		r.Fail(fmt.Errorf("key %q is %s, want an object", outer, brief(source[outer])))
	}
	r.opened[outer] = object
	return object[inner]
}

// Warn adds a warning.
func (r *Reader) Warn(format string, args ...any) {
	r.warnings = append(r.warnings, "config: "+fmt.Sprintf(format, args...))
}

// Fail records err unless the config already has an error.
func (r *Reader) Fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

// brief shortens a value for messages.
func brief(raw json.RawMessage) string {
	const most = 40
	var special struct {
		Float string `json:"__float__"`
	}
	if json.Unmarshal(raw, &special) == nil && special.Float != "" {
		return fmt.Sprintf("%.40s", special.Float)
	}
	if len(raw) > most {
		return string(raw[:most]) + "…"
	}
	return string(raw)
}

// want names the kind of value that a Go type takes. A type can name its own with a method Want.
func want(v any) string {
	if w, ok := v.(interface{ Want() string }); ok {
		return w.Want()
	}
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a finite number"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	default:
		return fmt.Sprintf("a value of type %v", t)
	}
}
