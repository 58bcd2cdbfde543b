package modeltest

import (
	"path/filepath"
	"testing"

	"github.com/archbench/archbench/internal/safetensors"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmtest"
)

// Fixture checks the model of a fixture folder against its reference outputs, like `archbench plugins test --fixture`.
func Fixture(t *testing.T, arch lm.Architecture, dir string, options map[string]string) {
	t.Helper()
	lmtest.Report(t, lmtest.CompareFixture(t.Context(), arch, dir, lmtest.Options{Options: options}))
}

// Inputs returns the documents of a fixture folder.
func Inputs(t testing.TB, dir string) (documents [][]int32) {
	t.Helper()
	f := openReference(t, dir)
	info, ok := f.Info("input_ids")
	if !ok || len(info.Shape) != 2 {
		t.Fatalf("%s: reference.safetensors has no input_ids [documents, tokens]", dir)
	}
	ids, err := f.Int64s("input_ids")
	if err != nil {
		t.Fatal(err)
	}
	documents = make([][]int32, info.Shape[0])
	for i, id := range ids {
		d := i / info.Shape[1]
		documents[d] = append(documents[d], int32(id))
	}
	return documents
}

// openReference opens dir/reference.safetensors, described in package lmtest, until the test ends.
func openReference(t testing.TB, dir string) *safetensors.File {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(dir, "reference.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	closeAfter(t, f)
	return f
}

func widen(t testing.TB, f *safetensors.File, name string) []float32 {
	t.Helper()
	x, err := f.Widen(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
