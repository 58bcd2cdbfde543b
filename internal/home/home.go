// Package home finds the installation that a program belongs to, and its parts. A built clone and an installed PREFIX
// are both installations:
//
//	clone                        PREFIX or unpacked tarball
//	bin/archbench                bin/archbench
//	bin/archbench-plugin-NAME    libexec/archbench/archbench-plugin-NAME
//	models/NAME-3m               share/archbench/models/NAME-3m
package home

import (
	"os"
	"path/filepath"
)

// Variable is the environment variable that names the installation's folder, for a program installed elsewhere.
const Variable = "ARCHBENCH_HOME"

// Dir returns the installation's folder: ARCHBENCH_HOME, else the parent of the program's own folder; "" if the system
// does not say where the program is.
func Dir() string {
	if dir := os.Getenv(Variable); dir != "" {
		return dir
	}
	if bin := Bin(); bin != "" {
		return filepath.Dir(bin)
	}
	return ""
}

// Bin returns the folder of the running program, with symbolic links resolved; "" if the system does not say.
func Bin() string {
	self, err := os.Executable()
	if err != nil {
		return ""
	}
	if self, err = filepath.EvalSymlinks(self); err != nil {
		return ""
	}
	return filepath.Dir(self)
}

// Plugins lists the installation's folders that may hold plugins.
func Plugins() []string { return below("libexec/archbench", "bin") }

// Models lists the installation's folders that may hold the shipped models.
func Models() []string { return below("models", "share/archbench/models") }

// below joins the installation's folder with each path.
func below(paths ...string) []string {
	dir := Dir()
	if dir == "" {
		return nil
	}
	all := make([]string, len(paths))
	for i, p := range paths {
		all[i] = filepath.Join(dir, filepath.FromSlash(p))
	}
	return all
}
