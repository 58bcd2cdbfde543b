package engine_test

import (
	"os/signal"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/archbench/archbench/lm"
)

// TestSaveToFullDisk limits the file size, so that the moments cannot be written: the checkpoint saved before must stay, and
// resume.
func TestSaveToFullDisk(t *testing.T) {
	dir := t.TempDir()
	m, training := trainable(t, lm.LoadRequest{Config: hybridConfig(0), Seed: 3}, lm.TrainingRequest{})
	run(t, training, 0, 2)
	if err := training.Save(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	saved := weights(m)
	run(t, training, 0, 2)
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &old); err != nil {
		t.Fatal(err)
	}
	room := uint64(4*len(saved)) + 8<<10 // the weights fit, the moments do not
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: room, Max: old.Max}); err != nil {
		t.Skipf("cannot limit the size of files: %v", err)
	}
	err := training.Save(t.Context(), dir)
	if restore := unix.Setrlimit(unix.RLIMIT_FSIZE, &old); restore != nil {
		t.Fatal(restore)
	}
	if lm.KindOf(err) != lm.Resource {
		t.Errorf("error %v", err)
	}
	loaded, _ := trainable(t, lm.LoadRequest{Checkpoint: dir}, lm.TrainingRequest{Resume: dir})
	if !slices.Equal(weights(loaded), saved) {
		t.Error("the checkpoint saved before has changed")
	}
}
