package checkpoint

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCardRoundTrip(t *testing.T) {
	dir := t.TempDir()
	want := &Card{
		Name: "toy", Architecture: "bk", Summary: "a <toy>", Parameters: 3, TrainedContext: 512, TokensSeen: 1 << 40,
		TrainedOn:         []Text{{Name: "English", Documents: 2, Bytes: 30, Tokens: 10, Share: 0.24, Licence: "public domain"}},
		HeldOutGoPackages: []string{"unicode"}, SourceSHA256: strings.Repeat("0a", 32), Notes: []string{"a note"},
	}
	if err := want.Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := ReadCard(dir)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if none, err := ReadCard(t.TempDir()); none != nil || err != nil {
		t.Errorf("no card reads as %v, %v", none, err)
	}
}

func TestCardRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`{`:                    "unexpected end",
		`{"nam":"x"}`:          `unknown field "nam"`,
		`{"architecture":"x"}`: "name is empty",
		`{"name":"x"}`:         "architecture is empty",
		`{"name":"x","architecture":"y","trained_context":-1}`:                                "must not be negative",
		`{"name":"x","architecture":"y","source_sha256":"12"}`:                                "not a sha256",
		`{"name":"x","architecture":"y","trained_on":[{"name":"z"}]}`:                         "trained_on[0] needs a name and a licence",
		`{"name":"x","architecture":"y","trained_on":[{"name":"z","licence":"l","share":2}]}`: "trained_on[0] (z)",
		`{"name":"x","architecture":"y","trained_context":"512"}`:                             ": json: cannot unmarshal string",
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, CardFile)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadCard(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: error %v, want the path and %q", text, err, want)
		}
	}
	if err := (&Card{}).Write(t.TempDir()); err == nil {
		t.Error("an empty card was written")
	}
}
