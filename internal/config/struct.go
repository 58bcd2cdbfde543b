package config

import (
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
		r.read(v.Field(i), name)
	}
}
