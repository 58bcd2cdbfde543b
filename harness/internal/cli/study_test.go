package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/checkpoint"
	"github.com/archbench/archbench/internal/safetensors"
)

// studiedFolder is a checkpoint of a matrix with singular values 4 and 3, and a vector.
func studiedFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	rows := func(w ...float32) func(lo, hi int, dst []float32) error {
		return func(lo, _ int, dst []float32) error { copy(dst, w[lo*len(dst):]); return nil }
	}
	err := checkpoint.Save(dir, []byte("{}"), []safetensors.Tensor{
		{Name: "w", Shape: []int{3, 2}, DType: safetensors.F32, ReadRows: rows(3, 0, 0, 4, 0, 0)},
		{Name: "b", Shape: []int{2}, DType: safetensors.F32, ReadRows: rows(-1, 1)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

const studiedTable = `| tensor | type | shape | min | max | beyond 3 sd | int8 error | effective rank | rank of 90 % | rank of 99 % | rank 1 error | rank 3 error |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
| b | F32 | 2 | -1 | 1 | 0 | – | – | – | – | – | – |
| w | F32 | 3x2 | 0 | 4 | 0 | 0 | 1.980 | 2 | 2 | 0.6000 | n/a (at most rank 2) |
`

const studiedRows = `checkpoint,tensor,dtype,shape,quantity,precision,rank,value,reason
DIR,b,F32,2,min,,,-1,
DIR,b,F32,2,max,,,1,
DIR,b,F32,2,outliers,,,0,
DIR,b,F32,2,rounding-error,int8,,,not a matrix
DIR,w,F32,3x2,min,,,0,
DIR,w,F32,3x2,max,,,4,
DIR,w,F32,3x2,outliers,,,0,
DIR,w,F32,3x2,rounding-error,int8,,0,
`

func TestStudy(t *testing.T) {
	dir := studiedFolder(t)
	for want, flags := range map[string]string{
		studiedTable: "--precisions int8 --ranks 1,3 -o md",
		studiedRows:  "--precisions int8 --spectrum=false -o csv",
	} {
		var out, errs bytes.Buffer
		code := execute(context.Background(), append([]string{"checkpoint", "study", dir}, strings.Fields(flags)...), nil, &out, &errs, "test")
		if diff := cmp.Diff(want, strings.ReplaceAll(out.String(), dir, "DIR")); code != ExitOK || diff != "" {
			t.Errorf("%s: code %d, %s (-want +got):\n%s", flags, code, errs.String(), diff)
		}
	}
}

func TestStudyMistakesAndInterruption(t *testing.T) {
	dir := studiedFolder(t)
	interrupted, cancel := context.WithCancel(context.Background())
	cancel()
	for args, want := range map[string]string{
		"nowhere":                          "there is no such folder",
		dir + " x*":                        "matches x*",
		dir + " --precisions int3":         `precision "int3" is not one of`,
		dir + " --ranks 0":                 "rank 0 must be at least 1",
		dir + " --ranks x":                 `--ranks "x"`,
		dir + " --precisions int8 -o yaml": "must be one of table, md, csv, json, jsonl",
	} {
		var out, errs bytes.Buffer
		code := execute(context.Background(), append([]string{"checkpoint", "study"}, strings.Fields(args)...), nil, &out, &errs, "test")
		if code != ExitUsage || !strings.Contains(errs.String(), want) || out.Len() > 0 {
			t.Errorf("%s: code %d, output %q, error %q; want %q", args, code, out.String(), errs.String(), want)
		}
	}
	var out, errs bytes.Buffer
	if code := execute(interrupted, []string{"checkpoint", "study", dir}, nil, &out, &errs, "test"); code != ExitInterrupted || out.Len() > 0 {
		t.Errorf("interrupted: code %d, output %q", code, out.String())
	}
}
