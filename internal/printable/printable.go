// Package printable makes text of plugins, files and users safe to show. Control characters (and with them terminal
// escapes), line breaks that are none of ASCII's, and marks that reorder text are written as \u001b: the form that JSON
// strings have for them, so sanitised JSON is still the same JSON.
package printable

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s with everything that a terminal would obey written out, but for line feeds and tabs. Bytes that are no
// UTF-8 become U+FFFD.
func Text(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if hidden(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Line is Text in one line: line feeds and tabs become blanks.
func Line(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(Text(s))
}

// hidden reports whether a rune acts on what shows it instead of being seen.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

// Cut returns s, or its first n bytes and how many are left out.
func Cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	at := n
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return fmt.Sprintf("%s ... (%d bytes left out)", s[:at], len(s)-at)
}

// Cell is a text that spreadsheets take for a text: a leading sign of a formula gets an apostrophe, as they write it
// themselves.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// Writer returns a writer of the Text of what it gets, whole characters at a time, to w.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ w io.Writer }

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.w, Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// All applies Text to every string that v, a pointer, leads to.
func All(v any) { all(reflect.ValueOf(v).Elem()) }

func all(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(Text(v.String()))
	case reflect.Pointer:
		if !v.IsNil() {
			all(v.Elem())
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			all(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				all(v.Field(i))
			}
		}
	case reflect.Map:
		allOfMap(v)
	}
}

// allOfMap replaces the values of a map of strings; keys and other values stay.
func allOfMap(v reflect.Value) {
	if v.Type().Elem().Kind() != reflect.String {
		return
	}
	for _, key := range v.MapKeys() {
		v.SetMapIndex(key, reflect.ValueOf(Text(v.MapIndex(key).String())).Convert(v.Type().Elem()))
	}
}
