package exchange

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/archbench/archbench/harness/internal/record"
	"github.com/archbench/archbench/internal/atomicfile"
)

// TrainingLines writes the rows of a training to a file of JSON lines. Each line is an object with "row", which is step,
// evaluation or event, and the fields of that row in package record.
type TrainingLines struct {
	path string
	file *os.File
}

// NewTrainingLines returns a writer of the file at path, which it continues if it is there.
func NewTrainingLines(path string) *TrainingLines { return &TrainingLines{path: path} }

// Begin opens the file.
func (l *TrainingLines) Begin(context.Context, *record.Training) (err error) {
	l.file, err = os.OpenFile(l.path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	return err
}

// Write adds rows in one write.
func (l *TrainingLines) Write(_ context.Context, rows record.TrainingRows) error {
	var b bytes.Buffer
	if err := writeTrainingLines(&b, rows); err != nil {
		return fmt.Errorf("write %s: %w", l.path, err)
	}
	_, err := l.file.Write(b.Bytes())
	return err
}

// Rewind removes the rows after an update of an attempt, and a last line that a killed process has not finished.
func (l *TrainingLines) Rewind(ctx context.Context, attempt int, update int64) error {
	old, err := os.Open(l.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer old.Close()
	if err := l.End(ctx, nil); err != nil {
		return err
	}
	err = atomicfile.Write(l.path, func(w io.Writer) error { return rewind(w, old, attempt, update) })
	if err != nil {
		return err
	}
	return l.Begin(ctx, nil)
}

func rewind(w io.Writer, r io.Reader, attempt int, update int64) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		var at struct {
			Attempt int   `json:"attempt"`
			Update  int64 `json:"update"`
		}
		if json.Unmarshal(line, &at) != nil || at.Attempt > attempt || at.Attempt == attempt && at.Update > update {
			continue
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
}

// End closes the file.
func (l *TrainingLines) End(context.Context, *record.Training) error {
	if l.file == nil {
		return nil
	}
	err := l.file.Close()
	l.file = nil
	return err
}

// writeTrainingLines writes rows as JSON lines.
func writeTrainingLines(w io.Writer, rows record.TrainingRows) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	for _, s := range rows.Steps {
		if err := e.Encode(stepLine{"step", s}); err != nil {
			return err
		}
	}
	for _, v := range rows.Evaluations {
		if err := e.Encode(evaluationLine{"evaluation", v}); err != nil {
			return err
		}
	}
	for _, v := range rows.Events {
		if err := e.Encode(eventLine{"event", v}); err != nil {
			return err
		}
	}
	return nil
}

type stepLine struct {
	Row string `json:"row"`
	record.TrainingStep
}

type evaluationLine struct {
	Row string `json:"row"`
	record.TrainingEvaluation
}

type eventLine struct {
	Row string `json:"row"`
	record.TrainingEvent
}
