package process

import (
	"os/exec"
	"runtime"
	"testing"
)

func TestSelfIsAlive(t *testing.T) {
	self := Self()
	if got := self.State(); got != Alive {
		t.Errorf("state of %+v is %v", self, got)
	}
}

// TestEnded checks a process that has ended, before and after it is waited for.
func TestEnded(t *testing.T) {
	c := exec.Command("sleep", "600")
	if err := c.Start(); err != nil {
		t.Skip(err)
	}
	id := Self()
	id.PID = c.Process.Pid
	id.Start, _, _ = start(id.PID)
	if got := id.State(); got != Alive {
		t.Errorf("a sleeping process is %v", got)
	}
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for id.State() == Alive { // until the signal arrives
		runtime.Gosched()
	}
	if got := id.State(); got != Gone {
		t.Errorf("a zombie is %v", got)
	}
	_ = c.Wait()
	if got := id.State(); got != Gone {
		t.Errorf("an ended process is %v", got)
	}
}

// TestSeenFrom checks the state of an ID as seen from its own and from other systems.
func TestSeenFrom(t *testing.T) {
	self := Self()
	for name, c := range map[string]struct {
		change func(id, from *ID)
		want   State
	}{
		"itself":                    {func(*ID, *ID) {}, Alive},
		"reused PID":                {func(id, _ *ID) { id.Start = "before" }, Gone},
		"another boot":              {func(id, _ *ID) { id.Boot = "before" }, Gone},
		"another machine":           {func(id, _ *ID) { id.Boot, id.Machine = "other", "other" }, Unknown},
		"another container":         {func(id, _ *ID) { id.Namespace = "other" }, Unknown},
		"no start time":             {func(id, _ *ID) { id.Start = "" }, Unknown},
		"no boot, another machine":  {func(id, from *ID) { id.Boot, from.Boot, id.Machine = "", "", "other" }, Unknown},
		"no boot, the same machine": {func(id, from *ID) { id.Boot, from.Boot = "", "" }, Alive},
	} {
		id, from := self, self
		c.change(&id, &from)
		if got := id.seenFrom(from); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
