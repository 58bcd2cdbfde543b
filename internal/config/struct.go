package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// ReadAll reads every field of the struct that dst points to, which holds the defaults, as Read does: under the name
// of its JSON tag and no other. The fields of embedded structs are read as its own.
func ReadAll(r *Reader, dst any) {
	v := reflect.ValueOf(dst).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous {
			ReadAll(r, v.Field(i).Addr().Interface())
			continue
		}
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		r.readField(v.Field(i), name)
	}
}

// readField stores one setting in a field.
func (r *Reader) readField(field reflect.Value, name string) {
	raw, _ := r.find([]string{name})
	r.spelled[name] = true
	if raw == nil || string(raw) == "null" {
		return
	}
	v := reflect.New(field.Type())
	if err := json.Unmarshal(raw, v.Interface()); err != nil {
		r.fail(fmt.Errorf("key %q is %s, want %s", name, brief(raw), want(v.Elem().Interface())))
		return
	}
	field.Set(v.Elem())
}
