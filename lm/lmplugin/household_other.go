//go:build unix && !linux

package lmplugin

import "os/exec"

// household is what this process has started. Only Linux gives it the orphans among a plugin's descendants.
type household struct{}

var ours household

func (household) start(cmd *exec.Cmd, _ string) error { return startUnlocked(cmd) }

func (household) leave(*exec.Cmd) {}
