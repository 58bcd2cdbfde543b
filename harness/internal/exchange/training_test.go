package exchange

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/harness/internal/record"
)

// TestEventBytes compares events with bytes computed by another program from the format's definition.
func TestEventBytes(t *testing.T) {
	for name, c := range map[string]struct {
		event []byte
		want  string
	}{
		"version": {fileVersion(time.Unix(1, 0)), "1800000000000000a37f4b2209000000000000f03f1a0d627261696e2e4576656e743a3286bf577a"},
		"scalar":  {scalars(time.Unix(2, 0), 3, []scalar{{"train/loss", 0.5}}), "200000000000000029eda95009000000000000004010032a130a110a0a747261696e2f6c6f7373150000003f89c6b87d"},
	} {
		if got := hex.EncodeToString(framed(c.event)); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := crc32.Checksum([]byte("123456789"), castagnoli); got != 0xe3069283 {
		t.Errorf("checksum %x", got)
	}
}

// someRows are rows of two attempts.
func someRows() record.TrainingRows {
	step := func(attempt int, update int64, loss float64) record.TrainingStep {
		return record.TrainingStep{Attempt: attempt, Update: update, Tokens: 10 * update, Loss: record.Real(loss), Objective: record.Real(loss), GradientNorm: 1,
			GradientNorms: map[string]record.Real{"head": 0.5}, Rate: 0.1, Applied: loss == loss}
	}
	return record.TrainingRows{
		Steps:       []record.TrainingStep{step(0, 1, 3), step(0, 2, math.NaN()), step(1, 2, 2.5), step(1, 3, 2)},
		Evaluations: []record.TrainingEvaluation{{Update: 1, Metric: "loss", Value: 3, Unit: "nat"}},
		Events:      []record.TrainingEvent{{Update: 2, Kind: "non-finite", Detail: "<&>", At: time.Unix(5, 0).UTC()}},
	}
}

// TestEventFile reads back what a training writes: the framing, and the steps at which readers forget.
func TestEventFile(t *testing.T) {
	dir := t.TempDir()
	b := NewTensorBoard(dir, 3)
	if err := b.Begin(t.Context(), &record.Training{Started: time.Unix(1, 0)}); err != nil {
		t.Fatal(err)
	}
	if err := b.Write(t.Context(), someRows()); err != nil {
		t.Fatal(err)
	}
	if err := b.Rewind(t.Context(), 1, 2); err != nil {
		t.Fatal(err)
	}
	if err := b.End(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(dir, "events.out.tfevents.*"))
	if len(files) != 1 {
		t.Fatal(files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for len(data) > 0 {
		n := int(binary.LittleEndian.Uint64(data))
		body := data[12 : 12+n]
		if binary.LittleEndian.Uint32(data[8:]) != masked(data[:8]) || binary.LittleEndian.Uint32(data[12+n:]) != masked(body) {
			t.Fatal("a checksum is wrong")
		}
		events, data = append(events, kindOf(body)), data[16+n:]
	}
	want := []string{"version", "loss@1", "other@2", "start@2", "loss@2", "loss@3", "other@1", "start@3"}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Error(diff)
	}
	if long := NewTensorBoard(dir, 1001); long.every != 2 {
		t.Errorf("1001 updates: every %d", long.every)
	}
}

// kindOf describes an event.
func kindOf(body []byte) string {
	rest, at := body[9:], ""
	if rest[0] == step<<3 {
		at, rest = "@"+string('0'+rest[1]), rest[2:]
	}
	switch {
	case rest[0] == version<<3|bytesType:
		return "version"
	case rest[0] == session<<3|bytesType:
		return "start" + at
	case bytes.Contains(rest, []byte("train/loss")):
		return "loss" + at
	}
	return "other" + at
}

// TestTrainingLines writes rows, and goes back behind an update and a torn line.
func TestTrainingLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rows.jsonl")
	l := NewTrainingLines(path)
	if err := l.Rewind(t.Context(), 0, 0); err != nil {
		t.Fatal(err)
	}
	if err := l.Begin(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(t.Context(), someRows()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`{"row":"step","attempt":0,"update":2,`, `"loss":null,`, `"detail":"<&>"`, `"gradient_norms":{"head":0.5}`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	if _, err := l.file.WriteString(`{"row":"st`); err != nil {
		t.Fatal(err)
	}
	if err := l.Rewind(t.Context(), 1, 2); err != nil {
		t.Fatal(err)
	}
	if err := l.Write(t.Context(), record.TrainingRows{Steps: []record.TrainingStep{{Attempt: 1, Update: 3, Loss: 7}}}); err != nil {
		t.Fatal(err)
	}
	if err := l.End(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	var losses []record.Real
	for line := range strings.Lines(string(text)) {
		var row stepLine
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		if row.Row == "step" {
			losses = append(losses, row.Loss)
		}
	}
	if len(losses) != 4 || losses[0] != 3 || losses[1].Finite() || losses[2] != 2.5 || losses[3] != 7 {
		t.Errorf("losses %v", losses)
	}
}
