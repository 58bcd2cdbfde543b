package lmplugin

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/archbench/archbench/internal/sharedtest"
	"github.com/archbench/archbench/lm"
	"github.com/archbench/archbench/lm/internal/toy"
)

func TestLaunch(t *testing.T) {
	t.Setenv("ARCHBENCH_TEST_SECRET", "not for plugins")
	p := launch(t, Options{Env: []string{"GOMAXPROCS=1", "OMP_NUM_THREADS=1"}})
	if !slices.Contains(p.Env(), "GOMAXPROCS=1") || slices.ContainsFunc(p.Env(), func(e string) bool { return strings.Contains(e, "SECRET") }) {
		t.Errorf("environment %q", p.Env())
	}
	environ, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID()) + "/environ")
	if err == nil && strings.Contains(string(environ), "SECRET") {
		t.Error("the host's environment leaks into the plugin")
	}
	remote := load(t, p, "default")
	local := load(t, toy.Architecture{}, "default")
	want, err := local.Score(t.Context(), sequence(100))
	if err != nil {
		t.Fatal(err)
	}
	got, err := remote.Score(t.Context(), sequence(100))
	if err != nil {
		t.Fatal(err)
	}
	if got.Compute <= 0 {
		t.Error("the plugin reports no time")
	}
	if diff := cmp.Diff(want.Scores, got.Scores); diff != "" {
		t.Errorf("scores (-local +remote):\n%s", diff)
	}
	if p.Exit() != nil {
		t.Errorf("running, but %v", p.Exit())
	}
	p.Close()
	if exit := p.Exit(); exit == nil || exit.Class != Closed {
		t.Errorf("closed, but %+v", exit)
	}
	if _, err := remote.Score(t.Context(), sequence(9)); classOf(err) != Closed {
		t.Errorf("score after close: %v", err)
	}
}

// classOf returns the class of an error's ExitError, or "".
func classOf(err error) Class {
	if exit, ok := errors.AsType[*ExitError](err); ok {
		return exit.Class
	}
	return ""
}

func TestStartFailures(t *testing.T) {
	empty := filepath.Join(t.TempDir(), Prefix+"empty")
	script := filepath.Join(t.TempDir(), Prefix+"script")
	binary := filepath.Join(t.TempDir(), Prefix+"binary")
	if err := errors.Join(os.WriteFile(empty, nil, 0o644), os.WriteFile(script, []byte("#!/bin/sh\nexit 0\n"), 0o755),
		os.WriteFile(binary, []byte("\x7fELF of another machine"), 0o755)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		fault, path string
		class       Class
		message     string
	}{
		{fault: "noise", class: Protocol, message: `printed "loading, please wait" to stdout`},
		{fault: "version", class: Incompatible, message: "protocol version 999"},
		{fault: "mute", class: TimedOut, message: "no handshake in time"},
		{fault: "silent", class: TimedOut, message: "in time"},
		{fault: "early", class: Crash, message: "exit status 4 (stderr: cannot find the weights)"},
		{path: "/nowhere/" + Prefix + "x", class: NotStarted, message: "no such file"},
		{path: empty, class: NotStarted, message: "chmod +x"},
		{path: binary, class: NotStarted, message: "exec format error"},
		{path: script, class: Protocol, message: "without a handshake"},
	} {
		t.Run(string(c.class), func(t *testing.T) {
			path, timeout := c.path, time.Minute
			if path == "" {
				path = faulty(t)
			}
			switch c.fault {
			case "mute":
				timeout = 100 * time.Millisecond
			case "silent":
				timeout = 2 * time.Second
			}
			sockets := socketFolder(t)
			_, err := Launch(t.Context(), Options{
				Path: path, Env: []string{"ARCHBENCH_FAULT=" + c.fault}, StartTimeout: timeout,
			})
			if classOf(err) != c.class || !strings.Contains(err.Error(), c.message) {
				t.Errorf("class %q of error %v, want %q with %q", classOf(err), err, c.class, c.message)
			}
			if left, err := os.ReadDir(sockets); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// socketFolder gives the plugins of this test their own folder for sockets, with a short path.
func socketFolder(t *testing.T) string {
	t.Helper()
	faulty(t) // built before TMPDIR changes
	dir, err := os.MkdirTemp("/tmp", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	return dir
}

func TestLaunchIsCancelled(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Launch(ctx, Options{Path: faulty(t), Env: []string{"ARCHBENCH_FAULT=mute"}, StartTimeout: 24 * time.Hour})
	if lm.KindOf(err) != lm.Deadline {
		t.Error(err)
	}
}

func TestFaults(t *testing.T) {
	for _, c := range []struct {
		variant string
		class   Class
		kind    lm.Kind
		text    string
	}{
		{"crash", Crash, lm.Internal, "exit status 3 (stderr: about to end)"},
		{"abort", Crash, lm.Internal, "panic: out of bounds in a worker"},
		{"panic", "", lm.Internal, "score: panic: a broken invariant"},
		{"hang", "", lm.Deadline, "deadline exceeded"},
		{"oom", OutOfMemory, lm.Resource, "out of memory"},
	} {
		t.Run(c.variant, func(t *testing.T) {
			p := launch(t, Options{MemoryLimit: 1 << 30})
			m := load(t, p, c.variant)
			timeout := 5 * time.Minute
			if c.kind == lm.Deadline {
				timeout = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), timeout)
			defer cancel()
			_, err := m.Score(ctx, sequence(10))
			if classOf(err) != c.class || lm.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.text) {
				t.Errorf("class %q, kind %v: %v\n%s", classOf(err), lm.KindOf(err), err, p.Stderr())
			}
			p.Close()
			if _, err := p.Load(t.Context(), lm.LoadRequest{Variant: "default"}); classOf(err) == "" {
				t.Errorf("a call on a dead plugin: %v", err)
			}
		})
	}
}

func TestKilledFromOutside(t *testing.T) {
	sockets := socketFolder(t)
	p := launch(t, Options{})
	m := load(t, p, "hang")
	time.AfterFunc(100*time.Millisecond, func() { _ = syscall.Kill(p.PID(), syscall.SIGKILL) })
	_, err := m.Score(t.Context(), sequence(10))
	var exit *ExitError
	if !errors.As(err, &exit) || exit.Class != Killed || exit.Signal != syscall.SIGKILL || exit.ExitCode != -1 {
		t.Errorf("%v: %+v", err, exit)
	}
	if err := m.Close(); classOf(err) != Killed {
		t.Errorf("close of a dead model: %v", err)
	}
	<-p.Done()
	if left, err := os.ReadDir(sockets); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestStderrFlood(t *testing.T) {
	p := launch(t, Options{})
	if _, err := load(t, p, "flood").Score(t.Context(), sequence(10)); err != nil {
		t.Fatal(err)
	}
	sharedtest.Eventually(t, "the end of the flood", func() bool { return strings.HasSuffix(p.Stderr(), "flood \n") })
	if n := len(p.Stderr()); n > tailBytes || n < tailBytes/2 {
		t.Errorf("kept %d bytes of stderr", n)
	}
}

// alive reports whether a process is running; a zombie is not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err == nil {
		_, rest, _ := strings.Cut(string(stat), ") ")
		return !strings.HasPrefix(rest, "Z")
	}
	return !os.IsNotExist(err) && syscall.Kill(pid, 0) == nil
}

// descendants are the faults that leave a process behind.
var descendants = []string{"child", "daemon", "stranger"}

// onlyLinux skips tests that need Linux to adopt orphans.
func onlyLinux(t *testing.T, descendant string) {
	t.Helper()
	if descendant != "child" && runtime.GOOS != "linux" {
		t.Skip("only Linux lets a host adopt orphans")
	}
}

func TestCloseReachesGrandchildren(t *testing.T) {
	for _, descendant := range descendants {
		t.Run(descendant, func(t *testing.T) {
			onlyLinux(t, descendant)
			p := launch(t, Options{})
			grandchild := startGrandchild(t, p, descendant)
			p.Close()
			sharedtest.Eventually(t, "death of the grandchild", func() bool { return !alive(grandchild) })
		})
	}
}

func TestCrashReachesGrandchildren(t *testing.T) {
	for _, descendant := range descendants {
		t.Run(descendant, func(t *testing.T) {
			onlyLinux(t, descendant)
			p := launch(t, Options{})
			grandchild := startGrandchild(t, p, descendant)
			if _, err := load(t, p, "crash").Score(t.Context(), sequence(10)); classOf(err) != Crash {
				t.Fatal(err)
			}
			sharedtest.Eventually(t, "death of the grandchild", func() bool { return !alive(grandchild) })
		})
	}
}

// TestOrphansOfOthers checks that the end of one plugin does not affect the orphans of another.
func TestOrphansOfOthers(t *testing.T) {
	onlyLinux(t, "daemon")
	first, second := launch(t, Options{}), launch(t, Options{})
	orphan := startGrandchild(t, second, "orphan")
	first.Close()
	if !alive(orphan) {
		t.Error("the end of one plugin killed the orphan of another")
	}
	second.Close()
	sharedtest.Eventually(t, "death of the orphan", func() bool { return !alive(orphan) })
}

// startGrandchild makes the plugin start a process and returns its PID.
func startGrandchild(t *testing.T, p *Plugin, fault string) int {
	t.Helper()
	if _, err := load(t, p, fault).Score(t.Context(), sequence(10)); err != nil {
		t.Fatal(err)
	}
	var pid int
	sharedtest.Eventually(t, "the grandchild's PID", func() bool {
		pid, _ = strconv.Atoi(lastWord(p.Stderr()))
		return pid > 0
	})
	if !alive(pid) {
		t.Fatal("no grandchild")
	}
	return pid
}

// TestNoFileIsInherited checks that a plugin does not inherit a file opened without O_CLOEXEC.
func TestNoFileIsInherited(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux lists the open files of a process by name")
	}
	secret := filepath.Join(t.TempDir(), "secret")
	fd, err := syscall.Open(secret, syscall.O_CREAT|syscall.O_RDWR, 0o600) // without O_CLOEXEC
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	p := launch(t, Options{})
	if _, err := load(t, p, "files").Score(t.Context(), sequence(10)); err != nil {
		t.Fatal(err)
	}
	sharedtest.Eventually(t, "the list of files", func() bool { return lastWord(p.Stderr()) == "listed" })
	for _, path := range strings.Fields(p.Stderr()) {
		if path != "listed" && path != os.DevNull && !strings.HasPrefix(path, "/proc/") && !strings.HasPrefix(path, "/sys/") {
			t.Errorf("the plugin has %s open", path)
		}
	}
}

// playHost starts a plugin that starts a descendant, prints their PIDs and waits to be killed.
func playHost(path, descendant string) error {
	p, err := Launch(context.Background(), Options{Path: path})
	if err != nil {
		return err
	}
	m, err := p.Load(context.Background(), lm.LoadRequest{Variant: descendant})
	if err != nil {
		return err
	}
	if _, err := m.Score(context.Background(), sequence(10)); err != nil {
		return err
	}
	for p.Stderr() == "" {
		time.Sleep(time.Millisecond)
	}
	os.Stdout.WriteString(strconv.Itoa(p.PID()) + " " + lastWord(p.Stderr()) + "\n")
	select {}
}

// TestHostDeath checks that the plugin and its marked descendants die with the host.
func TestHostDeath(t *testing.T) {
	for _, descendant := range []string{"child", "daemon"} {
		t.Run(descendant, func(t *testing.T) {
			onlyLinux(t, descendant)
			hostDeath(t, descendant)
		})
	}
}

func hostDeath(t *testing.T, descendant string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "ARCHBENCH_TEST_HOST="+faulty(t), "ARCHBENCH_TEST_DESCENDANT="+descendant)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 100)
	n, _ := stdout.Read(line)
	var pids []int
	for word := range strings.FieldsSeq(string(line[:n])) {
		pid, err := strconv.Atoi(word)
		if err != nil || !alive(pid) {
			t.Fatalf("the host printed %q", line[:n])
		}
		pids = append(pids, pid)
	}
	if len(pids) != 2 {
		t.Fatalf("the host printed %q", line[:n])
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	sharedtest.Eventually(t, "death of plugin and grandchild", func() bool { return !alive(pids[0]) && !alive(pids[1]) })
}
