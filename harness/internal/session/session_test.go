package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/archbench/archbench/harness/internal/lmfake"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/lmplugin"
)

// journal is a plugin that records the events of its process and models.
type journal struct {
	lm.Architecture
	events []string
	limits Limits
	fault  error // of the start
}

func (j *journal) Find(string) (path, sha string, err error) { return "/p", "sha", nil }

func (j *journal) Start(_ context.Context, _ string, l Limits) (Process, error) {
	if j.limits = l; j.fault != nil {
		return nil, j.fault
	}
	return j, nil
}

func (j *journal) PID() int       { return 7 }
func (j *journal) Env() []string  { return nil }
func (j *journal) Stderr() string { return "last words" }
func (j *journal) Kill()          { j.events = append(j.events, "kill") }
func (j *journal) Close() error   { j.events = append(j.events, "end"); return nil }

func (j *journal) Load(ctx context.Context, req lm.LoadRequest) (lm.Model, error) {
	m, err := j.Architecture.Load(ctx, req)
	return &noted{m, j, req.Precision}, err
}

type noted struct {
	lm.Model
	*journal
	name string
}

func (n *noted) Close() error { n.events = append(n.events, "release "+n.name); return n.Model.Close() }

func TestSeveralModelsInOneProcess(t *testing.T) {
	j := &journal{Architecture: &lmfake.Architecture{}}
	p, err := Find(j, "fake", Limits{Threads: 3, Memory: 5})
	if err != nil || p.Path != "/p" || p.SHA256 != "sha" {
		t.Fatal(p, err)
	}
	for _, end := range []struct {
		how  func(*Session)
		want []string
	}{
		{func(s *Session) { _ = s.Close() }, []string{"release int8", "release f32", "end"}},
		{(*Session).Kill, []string{"kill", "end"}},
	} {
		s, err := p.Start(t.Context())
		if err != nil || j.limits != (Limits{Threads: 3, Memory: 5}) || s.PID() != 7 {
			t.Fatal(j.limits, err)
		}
		for _, precision := range []string{"f32", "int8"} {
			m, err := s.Load(t.Context(), lm.LoadRequest{Precision: precision, Threads: 9})
			if err != nil {
				t.Fatal(err)
			}
			if m.Request.Variant != "tiny" || m.Request.Threads != 3 || m.Info.Precision != precision {
				t.Errorf("loaded %+v as %+v", m.Info, m.Request)
			}
			if tok, err := m.Tokenizer(""); err != nil || tok.Name() != "bytes" {
				t.Errorf("tokenizer %v, %v", tok, err)
			}
		}
		j.events = nil
		if end.how(s); !slices.Equal(j.events, end.want) {
			t.Errorf("%q, want %q", j.events, end.want)
		}
	}
}

// TestNothingStarted checks that a session without a process can be used and ended like any other.
func TestNothingStarted(t *testing.T) {
	j := &journal{fault: errors.New("no such file")}
	p, err := Find(j, "fake", Limits{})
	if err != nil || p.Limits.Threads < 1 {
		t.Fatal(p, err)
	}
	s, err := p.Start(t.Context())
	if !errors.Is(err, j.fault) || s.Stderr() != "" || s.Close() != nil {
		t.Errorf("%v, stderr %q", err, s.Stderr())
	}
	s.Kill()
}

func TestCompleteNeedsSomethingToLoad(t *testing.T) {
	s := &Session{Description: lm.Description{Name: "x"}}
	if _, err := s.Complete(lm.LoadRequest{}); err == nil || !strings.Contains(err.Error(), "plugin x has no variants") {
		t.Error(err)
	}
	if req, err := s.Complete(lm.LoadRequest{Checkpoint: "dir"}); err != nil || req.Variant != "" {
		t.Errorf("%+v, %v", req, err)
	}
}

func TestFailure(t *testing.T) {
	exit := &lmplugin.ExitError{Plugin: "p", Class: lmplugin.Crash, Message: "exit status 3", Stderr: "its own"}
	for _, c := range []struct {
		err                    error
		class, message, stderr string
	}{
		{errors.New("odd"), "error", "odd", "21"},
		{&lm.Error{Op: "score", Err: exit}, "crash", "exit status 3", "its own"},
		{lm.Faultf(lm.NonFinite, "a loss is NaN"), string(lm.NonFinite), "a loss is NaN", "21"},
		{context.DeadlineExceeded, "time-out", "no answer within the limit of 1m0s", "21"},
		{lm.Errorf(lm.Resource, "load", "too large"), "out of memory", "too large", "21"},
	} {
		f := Failure(c.err, strings.Repeat("line\n", 20)+"21\n", time.Minute)
		if lines := strings.Split(f.Stderr, "\n"); f.Class != c.class || !strings.Contains(f.Message, c.message) || lines[len(lines)-1] != c.stderr || len(lines) > stderrLines {
			t.Errorf("%v: %+v", c.err, f)
		}
	}
}
