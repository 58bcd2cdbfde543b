package config

import (
	"reflect"
	"strings"
)

// ReadAll reads every field of the struct that dst points to, as Read does, under the name in its JSON tag only. The
// struct holds the defaults. Fields of embedded structs count as its own. A field that is a struct, a pointer to one or
// an interface holding one is a part of the config: its settings are in an object of that name, or at the top level in
// files without parts. A nil part has no settings.
func ReadAll(r *Reader, dst any) { r.readAll(reflect.ValueOf(dst).Elem(), "") }

func (r *Reader) readAll(v reflect.Value, part string) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		value := settingsOf(v.Field(i))
		switch isPart := value.Kind() == reflect.Struct; {
		case !value.IsValid():
		case isPart && field.Anonymous:
			r.readAll(value, part)
		case isPart:
			r.readAll(value, name)
		case part != "":
			r.read(value, part+"."+name, name)
		default:
			r.read(value, name)
		}
	}
}

// settingsOf returns the struct that v holds if v is a part, the zero Value for a nil part, and v otherwise.
func settingsOf(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.Struct {
		v = v.Elem()
	}
	return v
}
