// Package home finds the installation that a program belongs to, and what lies in it. A clone after make build and a
// PREFIX of make install are both one:
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

// Variable names the environment variable with the folder of an installation, for a program that lies elsewhere.
const Variable = "ARCHBENCH_HOME"

// Dir returns the folder of the installation: that of ARCHBENCH_HOME, else the one above the program's own folder; ""
// if the system does not say where the program lies.
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

// Plugins lists the folders of the installation that may hold plugins.
func Plugins() []string { return below("libexec/archbench", "bin") }

// Models lists the folders of the installation that may hold the shipped models.
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
