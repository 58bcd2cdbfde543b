package strictjson

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type document struct {
	Name string         `json:"name"`
	List []int          `json:"list"`
	More map[string]any `json:"more"`
}

func TestUnmarshal(t *testing.T) {
	var got document
	err := Unmarshal([]byte(` {"name":"x","list":[1,2],"more":{"name":{"a":[{"b":1},{"b":null}]}}} `), &got)
	want := document{"x", []int{1, 2}, map[string]any{"name": map[string]any{"a": []any{map[string]any{"b": 1.0}, map[string]any{"b": nil}}}}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

func TestUnmarshalRefuses(t *testing.T) {
	for text, want := range map[string]string{
		``:  "is empty",
		` `: "line 1, column 1: unexpected end",
		"version https://git-lfs.github.com/spec/v1\n": "is a Git LFS pointer, not JSON: git lfs pull",
		"<html>":                         "is a web page, not JSON",
		`{"name":"x"`:                    "unexpected end",
		`{"name":"x"} {}`:                "line 1, column 14: invalid character '{' after top-level value",
		`{"nam":"x"}`:                    `unknown field "nam"`,
		`{"name":"x","name":"y"}`:        `line 1, column 18: duplicate key "name"`,
		`{"more":{"a":1,"b":2,"a":3}}`:   `duplicate key "a"`,
		`{"more":{"l":[{"c":1,"c":1}]}}`: `duplicate key "c"`,
		"{\n \"name\": 3}":               "line 2, column 10: json: cannot unmarshal number",
		"{\n\n \"name\" 3}":              "line 3, column 9: invalid character '3'",
		"{\"name\":\"\xff\"}":            "line 1, column 10: not valid UTF-8",
		`[1]`:                            "cannot unmarshal array",
		strings.Repeat("[", 100_000):     "exceeded max depth",
	} {
		var got document
		err := Unmarshal([]byte(text), &got)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: error %v, want %q", text, err, want)
		}
	}
}
