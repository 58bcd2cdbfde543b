//go:build unix && !linux

package lmplugin

import "os/exec"

// household tracks nothing: only Linux lets a process adopt orphaned descendants.
type household struct{}

var ours household

func (household) start(cmd *exec.Cmd, _ string) error { return startUnlocked(cmd) }

func (household) leave(*exec.Cmd) {}
