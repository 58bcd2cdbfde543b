// Package printable makes text from plugins, files and users safe to show. It escapes control characters (and so
// terminal escapes), non-ASCII line breaks and bidirectional marks as \u001b. JSON strings use the same form, so
// sanitised JSON keeps its meaning.
package printable

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s with everything that acts on a terminal escaped, except line feeds and tabs. Invalid UTF-8 becomes
// U+FFFD.
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

// Line is Text on one line: line feeds and tabs become spaces.
func Line(s string) string {
	return strings.NewReplacer("\n", " ", "\t", " ").Replace(Text(s))
}

// hidden reports whether a rune acts on the display instead of being shown.
func hidden(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.In(r, unicode.Bidi_Control, unicode.Zl, unicode.Zp)
}

// Cut returns s, or its first n bytes and the number left out.
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

// Cell escapes text that a spreadsheet would take for a formula with a leading apostrophe, as spreadsheets do.
func Cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

// Writer returns a writer that writes the Text of its input to w, whole characters at a time.
func Writer(w io.Writer) io.Writer { return writer{w} }

type writer struct{ w io.Writer }

// Write implements io.Writer.
func (w writer) Write(p []byte) (int, error) {
	if _, err := io.WriteString(w.w, Text(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// All applies Text to every string reachable from the pointer v.
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

// allOfMap replaces the values of a string map; keys and other values stay.
func allOfMap(v reflect.Value) {
	if v.Type().Elem().Kind() != reflect.String {
		return
	}
	for _, key := range v.MapKeys() {
		v.SetMapIndex(key, reflect.ValueOf(Text(v.MapIndex(key).String())).Convert(v.Type().Elem()))
	}
}
