package host

import "testing"

func TestBound(t *testing.T) {
	for limit, want := range map[string]string{
		"max": "none", "max 100000": "none", "-1": "none", "9223372036854771712": "none",
		"200000 100000": "200000 100000", "1073741824": "1073741824", "n/a (no file)": "n/a (no file)",
	} {
		if got := bound(limit); got != want {
			t.Errorf("bound(%q) is %q, want %q", limit, got, want)
		}
	}
}
