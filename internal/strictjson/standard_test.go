package strictjson

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestStandard(t *testing.T) {
	for text, want := range map[string]string{
		`{"a":1}`:                     `{"a":1}`,
		"\ufeff{}":                    `{}`,
		`{"a": [0.0, Infinity]}`:      `{"a": [0.0, {"__float__":"Infinity"}]}`,
		`[-Infinity,NaN]`:             `[{"__float__":"-Infinity"},{"__float__":"NaN"}]`,
		`NaN`:                         `{"__float__":"NaN"}`,
		`{"NaN":"Infinity, \"NaN"}`:   `{"NaN":"Infinity, \"NaN"}`,
		`{"a": -1, "b": -1e5}`:        `{"a": -1, "b": -1e5}`,
		`[{"__float__": "Infinity"}]`: `[{"__float__": "Infinity"}]`,
	} {
		got, err := Standard([]byte(text))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v, want %s", text, got, err, want)
		}
	}
}

func TestStandardRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"{\n \"a\": Infinity,\n \"b\": nan}": "line 3, column 8: invalid character 'a'",
		`[1Infinity]`:                        "line 1, column 3: invalid character 'I'",
		`[Infinity5]`:                        "line 1, column 2: invalid character 'I'",
		`[NaN NaN]`:                          "line 1, column 6: invalid character",
		`{NaN: 1}`:                           "line 1, column 2: invalid character",
		`["NaN`:                              "unexpected end of JSON input",
		`{"a": Infinit`:                      "line 1, column 7: invalid character 'I'",
	} {
		if got, err := Standard([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %s, error %v, want %q", text, got, err, want)
		}
	}
}

// FuzzStandard checks that accepted text becomes valid JSON, and that standard JSON is unchanged.
func FuzzStandard(f *testing.F) {
	for _, seed := range []string{`{"a":[1,NaN,-Infinity]}`, "\ufeff[]", `{"a":"\\\"Infinity"}`, `[-Infinity`, `[1NaN]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := Standard(data)
		if err == nil && !json.Valid(got) {
			t.Errorf("%q became %q", data, got)
		}
		var value json.RawMessage
		if json.Unmarshal(data, &value) == nil && Explain(data) == nil && (err != nil || string(got) != string(data)) {
			t.Errorf("%q became %q, %v", data, got, err)
		}
	})
}
